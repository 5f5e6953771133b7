"""From the configuration to what runs: statistics, sources and how each is read."""
