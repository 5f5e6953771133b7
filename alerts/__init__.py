"""Rules for Prometheus, and what writes, checks and generates their files.

The rules are the PrometheusRule objects beside this file, `alerts/*.yaml`. People edit them, apart from three that
`fleet_drift` generates from feature-drift.yaml (`make rules`). `python -m alerts` writes them for a Prometheus without
the operator.
"""
