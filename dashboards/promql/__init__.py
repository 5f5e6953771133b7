"""What dashboards ask of Prometheus: functions that return expressions, by subject.

Ratios are of sums, and quantiles of summed buckets, so that they hold for one pod as for a hundred. What a sidecar
derives for itself (a PSI, an F1) does not add up: of several pods the worst is shown, and said to be.
"""
