"""Deployment of prediction-exporter. `python -m deploy` updates the lists of the files in alerts/ and dashboards/.

Neither kustomize nor Helm accepts a pattern for files outside its own folder, so `make manifests` generates the lists.
"""
