"""From a snapshot to the pages that scrapers get."""
