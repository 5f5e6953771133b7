"""From a snapshot to the text that scrapers get."""
