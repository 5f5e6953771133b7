"""The HTTP side: the server, its connections, and whether it is alive."""
