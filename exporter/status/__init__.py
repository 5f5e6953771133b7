"""The status of a committed snapshot, for people: one window of one model, besides all models, sources and the process.

Each part of the document has a module with its fields and their values, which come from the statistics and derived
values that also make the metrics. `/` shows the document as a page, and `/api/v1/status` returns it as JSON.
"""
