"""Lab 01's reads at ten million rows: layouts side by side, and other engines on the same files.

Bytes of our reads are counted by the file system that reads them. Other engines' bytes are what
Linux counted for this process (rchar in /proc/self/io), and so is a second figure of ours.
"""

import tempfile
from pathlib import Path

from scaletoolkit import lab
from scaletoolkit.data import events, partitions
from scaletoolkit.lab import profile
from scaletoolkit.machine import disk, hardware, measure

ROWS = 10_000_000
REPEATS = 7
IO = Path("/proc/self/io")


def tables():
    """The partitioned reads, then the pruned aggregate by three engines."""
    source = profile.data_folder() / f"events-{ROWS}"
    events.ensure(source, ROWS, workers=hardware.cores())
    with tempfile.TemporaryDirectory() as folder:
        layouts = {name: str(Path(folder) / name) for name in partitions.LAYOUTS}
        for name, target in lab.progress(layouts.items(), len(layouts), "layouts"):
            partitions.write_layout(source, target, name)
        return [
            ("One question, four layouts (10 M rows)", reads(layouts)),
            ("Events and revenue by day and country, three engines (10 M rows)", engines(layouts)),
        ]


def reads(layouts):
    """Bytes and seconds of each question in each layout, as a ratio to the single file."""
    return [
        row
        for about, value in events.KEYS.items()
        for row in _beside_one_file(about, value, layouts)
    ]


def _beside_one_file(about, value, layouts):
    sizes = {}
    tasks = {}
    for name, folder in layouts.items():
        where = partitions.question(about, value, name)
        _, report = partitions.scan(folder, ["price_cents"], where, disk.Reads())
        sizes[name] = report.size_bytes
        tasks[name] = lambda f=folder, w=where: partitions.open_layout(f).to_table(
            columns=["price_cents"], filter=w
        )
    seconds = {name: min(took) for name, took in measure.timings(tasks, REPEATS).items()}
    one_bytes = sizes["one file"]
    one_s = seconds["one file"]
    return [
        {
            "question": about,
            "layout": name,
            "MB read": sizes[name] / 1e6,
            "bytes ÷ one file": sizes[name] / one_bytes,
            "ms": 1e3 * seconds[name],
            "time ÷ one file": seconds[name] / one_s,
        }
        for name in layouts
    ]


def engines(layouts):
    """Events and revenue by day and country, as in the lab: of one day, and of all days."""
    day = events.KEYS["day"]
    rows = []
    for asked, tasks in {
        "one day, by day": _tasks(layouts["by day"], day),
        "all days, one file": _tasks(layouts["one file"], None),
    }.items():
        answers = {name: task() for name, task in tasks.items()}
        if len({str(answer) for answer in answers.values()}) != 1:
            raise AssertionError(f"{asked}: the engines disagree")
        seconds = {name: min(took) for name, took in measure.timings(tasks, REPEATS).items()}
        rows += [
            {
                "asked": asked,
                "engine": name,
                "ms": 1e3 * seconds[name],
                "time ÷ ours": seconds[name] / seconds["scaletoolkit"],
                "MB read": _bytes_read(tasks[name]) / 1e6,
            }
            for name in tasks
        ]
    return rows


def _tasks(folder, day):
    return {
        "scaletoolkit": lambda: _ours(folder, day),
        "DuckDB": lambda: _duckdb(folder, day),
        "Polars": lambda: _polars(folder, day),
    }


def _ours(folder, day):
    where = partitions.question("day", day, "by day") if day else None
    table = partitions.merge([partitions.partial_aggregate(partitions.open_layout(folder), where)])
    return [tuple(row.values()) for row in table.to_pylist()]


def _duckdb(folder, day):
    import duckdb

    kept = f"WHERE event_day = '{day}'" if day else ""
    return duckdb.sql(
        "SELECT date_trunc('day', event_time)::TIMESTAMP, country, count(*), "
        "sum(price_cents)::BIGINT "
        f"FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = true) {kept} "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall()


def _polars(folder, day):
    import polars as pl

    frame = pl.scan_parquet(folder, hive_partitioning=day is not None, try_parse_hive_dates=False)
    kept = frame.filter(pl.col("event_day") == day) if day else frame
    keys = [pl.col("event_time").dt.truncate("1d"), pl.col("country").cast(pl.String)]
    sums = [pl.len().cast(pl.Int64), pl.col("price_cents").cast(pl.Int64).sum()]
    return kept.group_by(keys).agg(sums).sort("event_time", "country").collect().rows()


def _bytes_read(task):
    """What the operating system counted as read while the task ran; 0 where it does not count."""
    before = _counted()
    task()
    return _counted() - before


def _counted():
    if not IO.exists():
        return 0
    return int(IO.read_text().split("rchar: ")[1].split()[0])
