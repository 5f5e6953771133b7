"""The reference profile: what the model was trained on, and what follows from it for each record."""
