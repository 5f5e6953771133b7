"""Databases, polled with a query: PostgreSQL and SQLite, each row counted once."""
