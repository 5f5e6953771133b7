"""Looks at logs, and at training data, and writes a configuration with the reason for each guess.

Each value in a log may be any field, and is a *candidate*: its path, and its values in the first records. The rules in
`guesses.py` and `features.py` choose a candidate for each field, by its name and by its values.
"""
