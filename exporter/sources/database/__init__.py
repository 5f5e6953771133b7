"""Rows of a query that is repeated: of PostgreSQL or SQLite, each row counted once."""
