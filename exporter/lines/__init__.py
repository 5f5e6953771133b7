"""Bytes of any number of streams become whole lines, with positions to resume from and reasons for rejected lines."""
