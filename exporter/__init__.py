"""prediction-exporter: a sidecar that turns a model's prediction log into Prometheus metrics.

The way of one record, never backwards:

    source --feed(stream, bytes)--> framing --> decode --> Batch --> engine (tallies)
                                                                        |
                                /metrics <-- render <-- derive <-- commit (state and positions, one file)

A room each, which import in one direction. Pure, without clock or I/O: `lines`, `requests`, `decoding` and `arrow`
(from bytes to a Batch), `tallies`, `stats` and `engine` (what is counted, and how), `joins` (with ground truth),
`reference` and `derived` (what it means). Of the outside world: `sources`, `state`, `exposition`, `serving`, `web`
and `status`. `configuration` is what people write, `assembly` makes of it what runs, and `sidecar` runs it;
`offline` (`profile` and `evaluate`) is for commands beside it.
"""

__version__ = "0.1.0"
