"""Rules for Prometheus: what a whole fleet's counters mean together.

The source is Python, `alerts/*.yaml` is made from it (`make rules`), and a test holds the two together.
`promql` says what a statistic is in PromQL, `rules` what a file of rules looks like, and each other module is one
file of rules.
"""
