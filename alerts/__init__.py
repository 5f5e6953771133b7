"""Rules for Prometheus, and the code that writes, checks and generates their files.

The rules are the PrometheusRule objects in `alerts/*.yaml`. They are written by hand, except three files that
`fleet_drift` generates from feature-drift.yaml (`make rules`). `python -m alerts` writes them for a Prometheus without
the operator.
"""
