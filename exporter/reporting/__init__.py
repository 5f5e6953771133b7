"""Reports: a data set compared with a reference, as a page, JSON, Markdown or JUnit, by the sidecar's own statistics.

    from exporter.reporting import report

    report(current, training).save("report.html")

`current` and the reference are files, folders, glob patterns, addresses of object stores, or anything that exports
Arrow streams, such as data frames of pandas and polars, tables of pyarrow and relations of DuckDB.
"""

from exporter.reporting.report import Report, report

__all__ = ["Report", "report"]
