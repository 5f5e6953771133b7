"""Log files, tailed through rotation, truncation, compression and restarts."""
