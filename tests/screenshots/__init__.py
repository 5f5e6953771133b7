"""Pictures of the dashboards: a story that real sidecars tell, in a real Prometheus, drawn by a browser."""
