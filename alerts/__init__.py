"""Rules for Prometheus, and what writes, checks and generates their files.

The rules are the PrometheusRule objects beside this file, `alerts/*.yaml`. People edit them, apart from those that
`fleet_drift` generates from the formulas in `promql` (`make rules`). `python -m alerts` writes them for a Prometheus
without the operator.
"""
