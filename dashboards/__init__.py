"""Dashboards for Grafana.

`make dashboards` generates `dashboards/json/*.json` from this package; a test checks that the files are up to date.
`metrics` contains the names of the metrics and `promql` the queries. `panels` creates panels, `variables` the choices
at the top, and `assembly` a dashboard of both. `mend` converts the output of grafanalib to Grafana's current schema.
Each of the other modules is one dashboard, or some of its rows.
"""
