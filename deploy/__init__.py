"""How prediction-exporter is deployed. `python -m deploy` lists what lies in alerts/ and dashboards/.

Neither kustomize nor Helm takes a pattern for files outside of its own folder, so the
lists are made; `make manifests` makes them anew.
"""
