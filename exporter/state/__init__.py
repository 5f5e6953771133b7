"""The state as one versioned value: the snapshot, the checkpoint file that keeps it, and the commit that saves it."""
