"""What was known about whom, and when: point-in-time joins, and training sets. Lab 10.

Keys are arrays of 64-bit integers, in any order; times are integers of one clock, or dates
of numpy in any unit. "Before" is strictly before: what came at the very moment of a label may be
the label itself.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from scaletoolkit.features.integers import Integers, integers, moments, same_clock


def as_of(
    keys: ArrayLike, times: ArrayLike, label_keys: ArrayLike, label_times: ArrayLike
) -> Integers:
    """For each label, the number of the last row of its key before it; -1 where there is none.

    Of rows of one key and moment the last one counts. Above its arguments it takes 24 bytes a row.
    """
    order, first, end = _before(keys, times, label_keys, label_times)
    if not len(order):
        return np.full(len(end), -1)
    return np.where(end > first, order[np.maximum(end - 1, 0)], -1)


def totals_before(
    keys: ArrayLike,
    times: ArrayLike,
    values: ArrayLike,
    label_keys: ArrayLike,
    label_times: ArrayLike,
) -> tuple[NDArray[np.float64], Integers]:
    """For each label, the sum of the values of its key before it, and how many they are.

    Exact where the values are whole numbers and all of them together stay below 2**53. ValueError
    where one is missing or infinite: no sum behind it would be right.
    """
    order, first, end = _before(keys, times, label_keys, label_times)
    numbers = np.asarray(values, float)
    if numbers.shape != order.shape or not np.isfinite(numbers).all():
        raise ValueError(f"each of {len(order)} rows needs one finite value, and not all have one")
    sums = np.concatenate([[0.0], np.cumsum(numbers[order])])
    return sums[end] - sums[first], end - first


def standing(keys: ArrayLike, arrived: ArrayLike, happened: ArrayLike) -> Integers:
    """For each row, which row of its key stands once it has arrived: the one that happened last.

    So an update that comes late changes nothing if a newer one is there already. Of two that
    happened at one moment, the one that arrived later stands.
    """
    keys = integers("keys", keys)
    order = np.lexsort((moments("arrived", arrived), keys))
    count = len(order)
    by_time = np.argsort(moments("happened", happened)[order], kind="stable")
    rank = np.empty(count, np.int64)
    rank[by_time] = np.arange(count)
    group = np.cumsum(np.diff(keys[order], prepend=keys[order[:1]]) != 0)
    newest = np.maximum.accumulate(group * count + rank) - group * count
    result = np.empty(count, np.int64)
    result[order] = order[by_time[newest]]
    return result


def training_set(
    events: pa.Table,
    labels: pa.Table,
    values: Sequence[str],
    key: str = "user_id",
    happened: str = "event_time",
    known: str = "arrived_at",
) -> pa.Table:
    """The labels, each with the values of its key as they were known before it happened.

    One row for each label, in their order; null where nothing was known. events: columns `key`,
    `happened`, `known` and the values; labels: `key` and `happened`. A value is known once it has
    arrived; of those, the one that happened last counts. A null key or time never joins. ValueError
    for a missing column, a value that the labels have a column for already, or a time zone on one
    side only.
    """
    _check_columns("events", events, [key, happened, known, *values])
    _check_labels(labels, values, key, happened, events[known].type)
    whole = _whole(events, [key, happened, known])
    asked = _whole(labels, [key, happened])
    keys = _column(events, key, whole)
    arrived = _column(events, known, whole)
    newest = standing(keys, arrived, _column(events, happened, whole))
    rows = as_of(keys, arrived, _column(labels, key, asked), _column(labels, happened, asked))
    place = np.full(len(labels), -1)
    place[asked] = np.where(rows >= 0, whole[newest[rows]] if len(whole) else -1, -1)
    known_rows = pa.array(place, mask=place < 0)
    for name in values:
        labels = labels.append_column(name, events[name].take(known_rows))
    return labels


def _before(
    keys: ArrayLike, times: ArrayLike, label_keys: ArrayLike, label_times: ArrayLike
) -> tuple[Integers, Integers, Integers]:
    """The order of the rows by key and time; for each label, where its rows before it lie there.

    Returns (order, first, end): rows order[first:end] are those of the label's key before it.
    """
    keys = integers("keys", keys)
    wanted = integers("label_keys", label_keys)
    times, moments_wanted = same_clock("times", times, "label_times", label_times)
    shapes = [array.shape for array in (keys, times, wanted, moments_wanted)]
    if shapes[0] != shapes[1] or shapes[2] != shapes[3] or keys.ndim != 1 or wanted.ndim != 1:
        raise ValueError(f"each key needs one time, got keys, times and those of labels {shapes}")
    order = np.lexsort((times, keys))
    ordered = keys[order]
    first = np.searchsorted(ordered, wanted, side="left")
    last = np.searchsorted(ordered, wanted, side="right")
    del ordered
    return order, first, _search(times[order], first, last, moments_wanted)


def _search(ordered: Integers, first: Integers, last: Integers, wanted: Integers) -> Integers:
    """Many binary searches at once: where in ordered[first:last] each wanted one belongs."""
    low = first.copy()
    high = last.copy()
    while (open_ := low < high).any():
        middle = (low + high) // 2
        smaller = open_ & (ordered[np.minimum(middle, len(ordered) - 1)] < wanted)
        low = np.where(smaller, middle + 1, low)
        high = np.where(open_ & ~smaller, middle, high)
    return low


def _check_columns(what: str, table: pa.Table, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise ValueError(
            f"the {what} have no column {missing[0]!r}; there are {table.column_names}"
        )


def _check_labels(
    labels: pa.Table, values: Sequence[str], key: str, happened: str, known: pa.DataType
) -> None:
    """known: the type of the times that those of the labels are compared with."""
    _check_columns("labels", labels, [key, happened])
    taken = [name for name in values if name in labels.column_names]
    if taken:
        raise ValueError(f"the labels have a column {taken[0]!r} already; rename it there")
    asked = labels[happened].type
    zones = [getattr(kind, "tz", None) for kind in (asked, known)]  # numpy drops them
    if None in zones and any(zones):
        raise ValueError(f"labels at {asked} and arrivals at {known}: they are not one clock")


def _whole(table: pa.Table, names: Sequence[str]) -> Integers:
    """The numbers of the rows that have all these columns."""
    valid: Any = np.ones(len(table), bool)
    for name in names:
        valid = valid & pc.is_valid(table[name]).to_numpy()
    return np.flatnonzero(valid)


def _column(table: pa.Table, name: str, rows: Integers) -> NDArray[Any]:
    return table[name].take(pa.array(rows)).to_numpy()
