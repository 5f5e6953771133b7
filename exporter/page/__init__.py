"""The page at `/`: the status document as people read it, and both of them as answers to requests."""
