"""What survives the process: the checkpoint, what waits to be joined, and when both are written."""
