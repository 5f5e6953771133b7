"""Numbers that add up, by labels that are bounded and panes of rolling windows; and all of them at one instant."""
