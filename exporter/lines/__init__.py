"""Framing: the bytes of any number of streams become whole lines, with positions to resume from."""
