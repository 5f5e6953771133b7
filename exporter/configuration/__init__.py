"""The configuration as people write it: its keys, their types and units, and what is wrong with it."""
