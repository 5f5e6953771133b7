"""`python -m exporter` is the command `prediction-exporter`."""

from exporter.cli import main

main(prog_name="prediction-exporter")
