"""prediction-exporter: a sidecar that turns a model's prediction log into Prometheus metrics.

The way of one record, never backwards:

    source --feed(stream, bytes)--> framing --> decode --> Batch --> engine (tallies)
                                                                        |
                                /metrics <-- render <-- derive <-- commit (state and positions, one file)

Pure, without clock or I/O: batch, framing, schema, decode, vocabulary, admission, tally, windows, profile, stats,
engine, snapshot, collector. Of the outside world: sources, checkpoint, server, profiling. `sidecar` wires them.
"""

__version__ = "0.1.0"
