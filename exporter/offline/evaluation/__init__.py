"""`prediction-exporter evaluate`: how good a model was, from archived predictions and their ground truth."""
