"""The queries of the dashboards: functions that return PromQL expressions, by subject.

Ratios are computed from sums over pods, and quantiles from summed buckets, so they are correct for any number of pods.
Values that each sidecar derives itself, such as PSI or F1, cannot be added: for several pods, panels show the worst.
"""
