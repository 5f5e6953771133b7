"""Who may talk to the HTTP side, and how: TLS, basic auth, headers and a rate, in Prometheus's web configuration."""
