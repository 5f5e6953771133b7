"""Logs in files: tailed through rotation, truncation, compression and restarts."""
