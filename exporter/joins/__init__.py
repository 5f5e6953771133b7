"""Predictions and their ground truth, joined by request id."""
