"""Work in parts: aggregates that merge, and when the last worker is done. Lab 01."""

import heapq
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow import acero


def partial_aggregate(
    file: str | Path | ds.Dataset, where: pc.Expression | None = None
) -> pa.Table:
    """Events and revenue by day and country of one file, folder or dataset: a small table.

    Columns day, country, events, price_cents; `where` keeps some rows only. Streams: memory does
    not grow with the data.
    """
    data = file if isinstance(file, ds.Dataset) else ds.dataset(file)
    kept = {} if where is None else {"filter": where}
    steps = [acero.Declaration("scan", acero.ScanNodeOptions(data, columns=_NEEDED, **kept))]
    if where is not None:  # the scan only skips what it can rule out
        steps.append(acero.Declaration("filter", acero.FilterNodeOptions(where)))
    by_day = acero.ProjectNodeOptions(list(_BY_DAY.values()), list(_BY_DAY))
    steps.append(acero.Declaration("project", by_day))
    steps.append(acero.Declaration("aggregate", _sums(counting="hash_count_all")))
    return _as_text(acero.Declaration.from_sequence(steps).to_table())


def merge(partials: Iterable[pa.Table]) -> pa.Table:
    """One aggregate from the aggregates of parts, in any order: sums of counts and of sums."""
    table = pa.concat_tables(partials)
    declaration = acero.Declaration.from_sequence(
        [
            acero.Declaration("table_source", acero.TableSourceNodeOptions(table)),
            acero.Declaration("aggregate", _sums(counting="hash_sum")),
        ]
    )
    return declaration.to_table().sort_by([("day", "ascending"), ("country", "ascending")])


_NEEDED = {name: pc.field(name) for name in ("event_time", "country", "price_cents")}
_BY_DAY = {
    "day": pc.floor_temporal(pc.field("event_time"), unit="day"),
    "country": pc.field("country"),
    "price_cents": pc.field("price_cents"),
}


def _sums(counting: str) -> acero.AggregateNodeOptions:
    counted: str | list[str] = [] if counting == "hash_count_all" else "events"
    return acero.AggregateNodeOptions(
        [
            (counted, counting, None, "events"),
            ("price_cents", "hash_sum", None, "price_cents"),
        ],
        keys=["day", "country"],
    )


def _as_text(table: pa.Table) -> pa.Table:
    """Country as plain text: dictionaries of different files number their values differently."""
    place = table.schema.get_field_index("country")
    return table.set_column(place, "country", table["country"].cast(pa.string()))


def finish_time(work: Iterable[float], workers: int) -> float:
    """When the last of `workers` is done, if the largest piece left always goes to the first free.

    work: sizes of the pieces (any unit). The longest-processing-time rule: at most 4/3 of the best
    (R. Graham, SIAM J. Appl. Math. 17(2), 1969). Simulated, so no machine is needed. Raises
    ValueError for less than one worker.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    free_at: list[float] = [0] * workers
    for piece in sorted(work, reverse=True):
        heapq.heapreplace(free_at, free_at[0] + piece)
    return max(free_at)
