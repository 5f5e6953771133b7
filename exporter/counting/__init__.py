"""From bytes to tallies, by a plan, without a single await."""
