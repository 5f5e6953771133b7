"""Dashboards for Grafana: what people look at before they read.

The source is Python, `dashboards/json/*.json` is made from it (`make dashboards`), and a test holds the two together.
`metrics` names what is shown and `promql` says what is asked of it; `panels` makes panels, `variables` what is chosen
above them, `assembly` a dashboard of both, and `mend` turns what grafanalib writes into what Grafana reads today. Each
other module is one dashboard.
"""
