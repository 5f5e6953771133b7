"""The configuration file: its keys, their types, and the mistakes in it."""
