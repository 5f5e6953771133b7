"""Blocks of lines become batches: where fields lie, what a record has to be, and what is saved of one that is not."""
