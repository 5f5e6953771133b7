"""Power and false alarms of drift levels, by simulation, beside other tools: `make honesty` writes results.md."""
