"""Tallies: arrays of additive numbers, by bounded labels and by the panes of rolling windows."""
