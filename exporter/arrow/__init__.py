"""Arrow IPC streams: record batches become a `Batch`, column by column, without an object for each record.

`flatbuffer` and `messages` cut a stream's bytes and trust none of them; `leaves` finds the columns that are read and
`stream` has pyarrow read and validate them; `columns` and `decode` make of them what JSON's records would have been.
pyarrow costs 35 MiB and 0.1 s, so that only what reads Arrow imports the latter four.
"""
