"""The HTTP server, its connections, and the client of its health check."""
