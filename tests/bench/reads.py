"""What three questions read from every layout, and one pruned aggregate by three engines."""

import json
import os
import subprocess
import sys
from pathlib import Path

from scaletoolkit import events, lab, measure, partitions

QUESTIONS = ("day", "country", "user_id")
COLUMNS = ["country", "price_cents"]


def tables():
    """Bytes by layout and question; seconds and bytes by engine."""
    source, keys = events.prepare(workers=measure.cores())
    rows = f"{events.profile()[1]:,} rows"
    work = lab.workspace("bench")
    for layout in lab.progress(partitions.LAYOUTS, len(partitions.LAYOUTS), "writing layouts"):
        partitions.write_layout(source, work / layout, layout)
    found = [
        (f"Bytes read for one question, two columns, {rows}", layout_rows(work, keys)),
        (f"Revenue of one day by country, from files by day, {rows}", engine_rows(work, keys)),
    ]
    lab.clean_up()
    return found


def layout_rows(work, keys):
    """A row a layout: bytes for each question, and its ratio to the single file."""
    counted = {
        (layout, about): _scanned(work / layout, layout, about, keys[about]).size_bytes
        for layout in partitions.LAYOUTS
        for about in QUESTIONS
    }
    return [
        {"layout": layout}
        | {f"one {about} (B)": counted[layout, about] for about in QUESTIONS}
        | {
            f"one {about} (÷)": counted["one file", about] / counted[layout, about]
            for about in QUESTIONS
        }
        for layout in partitions.LAYOUTS
    ]


def _scanned(folder, layout, about, value):
    where = partitions.question(about, value, layout)
    return partitions.scan(folder, COLUMNS, where, measure.Reads())[1]


def engine_rows(work, keys):
    """A row an engine: the best of five interleaved runs, and bytes from the disk when cold."""
    folder, day = work / "by day", keys["day"]
    tasks = {name: lambda run=run: run(folder, day) for name, run in ENGINES.items()}
    results = {name: task() for name, task in tasks.items()}
    if len({json.dumps(result, sort_keys=True) for result in results.values()}) != 1:
        raise ValueError(f"the engines disagree: {results}")
    seconds = {name: min(taken) for name, taken in measure.timings(tasks).items()}
    return [
        {
            "engine": name,
            "ms": seconds[name] * 1000,
            "time, ours = 1": seconds[name] / seconds["scaletoolkit"],
            "bytes from disk, cold": cold_bytes(name, folder, day),
        }
        for name in ENGINES
    ]


def with_scaletoolkit(folder, day):
    """{country: cents} by `partitions.scan`."""
    where = partitions.question("day", day, "by day")
    rows, _ = partitions.scan(folder, COLUMNS, where, measure.Reads())
    sums = rows.group_by("country").aggregate([("price_cents", "sum")])
    return dict(zip(sums["country"].to_pylist(), sums["price_cents_sum"].to_pylist(), strict=True))


def with_duckdb(folder, day):
    """{country: cents} by DuckDB's SQL."""
    import duckdb

    found = duckdb.execute(
        "SELECT country::VARCHAR, sum(price_cents)::BIGINT "
        "FROM read_parquet(?, hive_partitioning = true, hive_types_autocast = false) "
        "WHERE event_day = ? GROUP BY ALL",
        [f"{folder}/*/*.parquet", day],
    )
    return dict(found.fetchall())


def with_polars(folder, day):
    """{country: cents} by a lazy frame of Polars."""
    import polars

    rows = polars.scan_parquet(folder, hive_partitioning=True, try_parse_hive_dates=False)
    chosen = rows.filter(polars.col("event_day") == day).group_by(polars.col("country"))
    sums = chosen.agg(polars.col("price_cents").cast(polars.Int64).sum()).collect()
    return dict(zip(sums["country"].cast(polars.String), sums["price_cents"], strict=True))


ENGINES = {"scaletoolkit": with_scaletoolkit, "DuckDB": with_duckdb, "Polars": with_polars}


def cold_bytes(engine, folder, day):
    """What a fresh process has the disk read for it, read-ahead included; None without /proc."""
    if not Path("/proc/self/io").exists():
        return "not counted here"
    code = f"import reads; reads.run_cold({engine!r}, {str(folder)!r}, {day!r})"
    command = [sys.executable, "-c", code]
    run = subprocess.run(
        command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    return int(run.stdout)


def run_cold(engine, folder, day):
    """Import and warm up the engine, drop the files from the system's cache, count one run."""
    ENGINES[engine](folder, day)
    for path in Path(folder).rglob("*.parquet"):
        with path.open("rb") as file:
            os.fsync(file.fileno())  # the cache keeps what is not on the disk yet
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    before = _read_from_disk()
    ENGINES[engine](folder, day)
    print(_read_from_disk() - before)


def _read_from_disk():
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("read_bytes")).split()[1])
