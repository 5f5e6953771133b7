"""Measured figures, each against another program or a stated limit: `make bench` prints the README's table."""
