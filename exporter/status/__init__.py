"""What a committed snapshot says to people: one window of one model, beside all models, sources and the sidecar.

It is made of the metric families that Prometheus gets, by their public names, and of what pictures are drawn from.
`document` is its form; `/` shows it (exporter/page), and `/api/v1/status` is the same as JSON.
"""
