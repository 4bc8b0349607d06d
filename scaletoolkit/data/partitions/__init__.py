"""What a query must read: layouts, pruning, mergeable aggregates, stragglers. Lab 01.

layouts  the same rows in other files: one file, by day, by country, by user
queries  what one query reads of a layout
parts    aggregates of parts that merge, and when the last worker is done
"""

from scaletoolkit.data.partitions.layouts import (
    BUCKETS,
    KEYS,
    LAYOUTS,
    LayoutError,
    bucket_of,
    open_layout,
    rows_per_partition,
    write_layout,
    write_partitions,
)
from scaletoolkit.data.partitions.parts import finish_time, merge, partial_aggregate
from scaletoolkit.data.partitions.queries import ScanReport, column_bytes, question, scan

__all__ = [
    "BUCKETS",
    "KEYS",
    "LAYOUTS",
    "LayoutError",
    "ScanReport",
    "bucket_of",
    "column_bytes",
    "finish_time",
    "merge",
    "open_layout",
    "partial_aggregate",
    "question",
    "rows_per_partition",
    "scan",
    "write_layout",
    "write_partitions",
]
