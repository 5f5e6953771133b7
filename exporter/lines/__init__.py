"""Bytes become whole lines, each stream with a position to go on from, and a line that is refused has a reason."""
