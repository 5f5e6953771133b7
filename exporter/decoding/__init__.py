"""Decoding: lines or rows become batches, by a schema and with checks; irregular records are salvaged."""
