"""The engine: from bytes to tallies by a plan, without clock or I/O."""
