"""Estimates from a part of the data, and how wrong they are. Part; lab 02.

Rows stream past in batches, so memory follows the batch and the sample, never the table. The
formulas are those of W. Cochran, Sampling Techniques, 3rd edition, 1977; the design effect is
L. Kish's, Survey Sampling, 1965.

A seed is a whole number, or a numpy Generator that goes on where it stands.
"""

import functools
import itertools
import math
import operator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from scaletoolkit import lab

# pyarrow's default reads sixteen batches of four files ahead: gigabytes where row groups are large
SMALL_READAHEAD = {"batch_readahead": 2, "fragment_readahead": 1}


def write_row_groups(source, path, columns, row_groups=100):
    """Copy columns of a Parquet folder into one file of `row_groups` row groups. Returns its rows.

    Order is kept and rows with a gap are left out. All groups have the same number of rows; what
    remains of the division, fewer rows than there are groups, is dropped. Memory is bounded by a
    batch and a group.
    """
    data = ds.dataset(source)
    whole = functools.reduce(operator.and_, (ds.field(name).is_valid() for name in columns))
    rows = data.count_rows(filter=whole, **SMALL_READAHEAD)
    each = rows // row_groups
    if each < 1:
        raise ValueError(f"{row_groups} row groups need as many rows; there are {rows}")
    schema = data.scanner(columns=columns).projected_schema
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        batches = data.to_batches(columns=columns, filter=whole, **SMALL_READAHEAD)
        groups = itertools.islice(_cut(batches, schema.empty_table(), each), row_groups)
        for table in lab.progress(groups, row_groups, "copying events"):
            writer.write_table(table)
    return each * row_groups


def _cut(batches, waiting, each):
    """Yield tables of `each` rows; `waiting` holds what comes first, a shorter rest is dropped."""
    for batch in batches:
        waiting = pa.concat_tables([waiting, pa.table(batch)])
        while len(waiting) >= each:
            yield waiting.slice(0, each)
            waiting = waiting.slice(each)


def row_groups(path, columns, chosen=None, filesystem=None):
    """Yield the row groups of a Parquet file, or the chosen ones, as Arrow tables of `columns`."""
    with pq.ParquetFile(str(path), filesystem=filesystem) as file:
        for number in range(file.num_row_groups) if chosen is None else chosen:
            yield file.read_row_group(int(number), columns=columns)


def standard_error(sd, n, rows=math.inf):
    """How far the mean of n of `rows` values typically lies from the true one, in sd's unit.

    sd / √n · √(1 - n / rows): the second factor is the finite population's. Cochran, section 2.5.
    """
    return sd / math.sqrt(n) * math.sqrt(max(0.0, 1 - n / rows))


def sample_size(relative_sd, relative_error, rows=math.inf, z=1.0):
    """The rows to draw so that z standard errors are `relative_error` of the mean (an int).

    relative_sd: standard deviation over mean. Cochran, section 4.6.
    """
    if relative_error <= 0:
        raise ValueError(f"the error to reach must be positive, got {relative_error}")
    endless = (z * relative_sd / relative_error) ** 2
    return math.ceil(endless / (1 + endless / rows))


def row_group_error(means, groups):
    """The standard error of the mean of `groups` whole row groups, drawn from all of them.

    means: the mean of every group; the groups are equally large. Cochran, section 9.3, in which
    the spread of the groups stands where that of the rows stood.
    """
    return standard_error(float(np.std(means, ddof=1)), groups, len(means))


def effective_n(sd, error, rows=math.inf):
    """The size of the uniform sample of rows whose standard error is `error` (a float)."""
    endless = (sd / error) ** 2
    return endless / (1 + endless / rows)


def design_effect(sd, error, n, rows=math.inf):
    """How many times the variance of a uniform sample of n rows a design has (Kish's deff)."""
    return (error / standard_error(sd, n, rows)) ** 2


def uniform(rows, n, seed):
    """n different row numbers below `rows`, every set equally likely: an int64 array."""
    if not 0 <= n <= rows:
        raise ValueError(f"a sample of {n} rows cannot be drawn from {rows}")
    return np.random.default_rng(seed).choice(rows, n, replace=False, shuffle=False)


class _Picker:
    """Takes the values at chosen places out of a stream that is fed in pieces."""

    def __init__(self, places):
        self.places = np.asarray(places)
        self.order = np.argsort(self.places, axis=None, kind="stable")
        self.ahead = self.places.ravel()[self.order]
        self.seen, self.found = 0, []

    def feed(self, values):
        here = np.searchsorted(self.ahead, [self.seen, self.seen + len(values)])
        self.found.append(values[self.ahead[slice(*here)] - self.seen])
        self.seen += len(values)

    def result(self):
        if self.ahead.size and self.ahead[-1] >= self.seen:
            raise ValueError(f"row {self.ahead[-1]} was asked for, but there are {self.seen}")
        values = np.concatenate(self.found)
        picked = np.empty_like(values)
        picked[self.order] = values
        return picked.reshape(self.places.shape)


def take(batches, row_numbers):
    """The values of the chosen rows of a stream of arrays, in one pass.

    row_numbers: an int array of any shape, repeats allowed; the result has its shape.
    """
    picker = _Picker(row_numbers)
    for values in batches:
        picker.feed(values)
    return picker.result()


def take_strata(batches, row_numbers):
    """The same for strata: a list with an array for each stratum, in one pass.

    batches: (stratum of each row, value of each row); row_numbers: for stratum h, the places of
    the chosen rows among the rows of h.
    """
    pickers = [_Picker(places) for places in row_numbers]
    for strata, values in batches:
        order = np.argsort(strata, kind="stable")
        bounds = np.searchsorted(strata[order], np.arange(len(pickers) + 1))
        for h, picker in enumerate(pickers):
            picker.feed(values[order[bounds[h] : bounds[h + 1]]])
    return [picker.result() for picker in pickers]


def strata(path, by, value):
    """The strata of a Parquet file: (names of `by`, in order; sizes; sds of `value`). Two passes.

    `by` holds texts, `value` numbers. Memory is bounded by a row group.
    """
    groups = row_groups(path, [by])
    names = sorted(set().union(*(group[by].unique().to_pylist() for group in groups)))
    sums = np.zeros((3, len(names)))
    for codes, values in coded(path, by, value, names):
        sums += [np.bincount(codes, values**power, len(names)) for power in (0.0, 1.0, 2.0)]
    variances = sums[2] / sums[0] - (sums[1] / sums[0]) ** 2
    return names, sums[0].astype(np.int64), np.sqrt(np.maximum(variances, 0))


def coded(path, by, value, names):
    """Yield for each row group the place of each row's `by` in `names`, and its `value`: arrays."""
    for group in row_groups(path, [by, value]):
        codes = pc.index_in(group[by].cast(pa.string()), pa.array(names, pa.string()))
        yield codes.to_numpy(), group[value].to_numpy()


def uniform_strata(sizes, allocation, repeats, seed):
    """For each stratum the places of `repeats` uniform samples: int arrays (repeats, its n)."""
    random = np.random.default_rng(seed)
    return [
        np.array([uniform(size, n, random) for _ in range(repeats)])
        for size, n in zip(sizes, allocation, strict=True)
    ]


def proportional(n, sizes):
    """Rows to draw from each stratum, in proportion to its size: ints that add up to n."""
    return _allocate(n, np.asarray(sizes, dtype=float), np.asarray(sizes))


def neyman(n, sizes, sds):
    """Rows to draw from each stratum, in proportion to size × standard deviation: ints, sum n.

    No other allocation of n rows has a smaller error. Source: J. Neyman, JRSS 97(4), 1934.
    """
    weights = np.asarray(sizes, dtype=float) * np.asarray(sds, dtype=float)
    return _allocate(n, weights, np.asarray(sizes))


def _allocate(n, weights, sizes):
    """Whole numbers near n · weights / Σ weights; each at least 1 and at most the stratum."""
    if not len(sizes) <= n <= sizes.sum():
        raise ValueError(
            f"{n} rows cannot be drawn from {len(sizes)} strata of {sizes.sum()} rows in all: "
            "each gives at least one"
        )
    ideal = n * weights / weights.sum() if weights.sum() else np.full(len(sizes), n / len(sizes))
    whole = np.clip(np.floor(ideal), 1, sizes).astype(np.int64)
    while (missing := n - whole.sum()) != 0:
        room = whole < sizes if missing > 0 else whole > 1
        whole[np.argmax(np.where(room, np.sign(missing) * (ideal - whole), -np.inf))] += np.sign(
            missing
        )
    return whole


def stratified_mean(sizes, means):
    """The mean of all rows from the strata's means, each with the weight of its size.

    means: one number a stratum, or an array (strata, repeats) for as many estimates.
    """
    return np.average(means, axis=0, weights=sizes)


def stratified_error(sizes, sds, allocation):
    """The standard error of `stratified_mean`, in the sds' unit.

    √ Σ W² s² / n (1 - n / N) over strata, W = N / ΣN. Cochran, section 5.4.
    """
    sizes, sds = np.asarray(sizes, dtype=float), np.asarray(sds, dtype=float)
    n = np.asarray(allocation)
    return float(np.sqrt(np.sum((sizes / sizes.sum() * sds) ** 2 / n * (1 - n / sizes))))


@dataclass(frozen=True, eq=False)
class Reservoir:
    """A uniform sample of at most k rows: those with the smallest random keys, in key order."""

    k: int
    keys: np.ndarray
    values: np.ndarray

    def __repr__(self):
        return f"Reservoir: {len(self.values):,} of at most {self.k:,} rows"


def reservoir(values, k, unit, seed):
    """A uniform sample of at most k of the values of one unit of data: a Reservoir.

    unit: the number of the file or row group, different for each. A row's key depends on (seed,
    unit, place in the unit) alone, so the sample does not depend on who reads what and when.
    """
    if k < 1:
        raise ValueError(f"a reservoir holds at least 1 row, got k = {k}")
    keys = np.random.Philox(key=seed, counter=[0, 0, 0, unit]).random_raw(len(values))
    return _bottom_k(keys, np.asarray(values), k)


def merge(one, other):
    """The reservoir of two units together; any order and grouping of merges gives the same."""
    if one.k != other.k:
        raise ValueError(f"reservoirs of {one.k} and {other.k} rows cannot be merged")
    keys = np.concatenate([one.keys, other.keys])
    return _bottom_k(keys, np.concatenate([one.values, other.values]), one.k)


def _bottom_k(keys, values, k):
    """Keep the k smallest keys; selection first, so that only k of them are ever sorted.

    Source: E. Cohen and H. Kaplan, Summarizing data using bottom-k sketches, PODC 2007.
    """
    if len(keys) > k:
        kept = np.argpartition(keys, k - 1)[:k]
        keys, values = keys[kept], values[kept]
    order = np.argsort(keys, kind="stable")
    return Reservoir(k, keys[order], values[order])
