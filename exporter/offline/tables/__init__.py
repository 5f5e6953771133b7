"""Reads CSV, Parquet and JSON lines: files, folders and glob patterns, whole or gzipped."""
