"""Odd files of a learner's own: each is adopted rightly, or one sentence says what is wrong."""

import gzip
import os
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.dataset as ds
import pyarrow.orc as orc
import pyarrow.parquet as pq
import pytest

from scaletoolkit import lab
from scaletoolkit.data import own

ROWS = 24
START = datetime(2026, 1, 1)
HOURS = [START + timedelta(hours=9 * row) for row in range(ROWS)]
EACH = range(ROWS)
ROLES = {"time": "pickup", "geography": "zone", "entity": "taxi", "value": "fare"}


def table(columns=None, rows=ROWS, **changed):
    """Rows of taxi trips; some columns changed or added, or all of them given."""
    usual = {
        "pickup": HOURS,
        "zone": [f"z{row % 3}" for row in EACH],
        "taxi": [row % 5 for row in EACH],
        "fare": [1.5 * row for row in EACH],
        "note": ["N"] * ROWS,
    }
    return pa.table(columns or usual | changed).slice(0, rows)


def parquet(*tables, name="{}.parquet"):
    def write(folder):
        for number, one in enumerate(tables):
            pq.write_table(one, folder / name.format(number))

    return write


def raw(content, name="0.csv"):
    def write(folder):
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return write


def both(*writers):
    def write(folder):
        for writer in writers:
            writer(folder)

    return write


def text(one):
    sink = pa.BufferOutputStream()
    csv.write_csv(one, sink)
    return sink.getvalue().to_pybytes().decode()


def parquet_bytes(one):
    sink = pa.BufferOutputStream()
    pq.write_table(one, sink)
    return sink.getvalue().to_pybytes()


def scrambled(content):
    """The same bytes, but for a stretch of the pages."""
    return content[:8] + bytes(200) + content[208:]


def duplicated():
    arrays = [*table().columns, table()["zone"]]
    return pa.Table.from_arrays(arrays, names=[*table().column_names, "zone"])


GOOD = text(table())
BYTES = parquet_bytes(table())
LINES = GOOD.splitlines(keepends=True)
LATE = "".join([*LINES, *LINES[1:] * 40_000, LINES[1].replace('"z0",0', '"z0","x"')])
STRANGE = {
    "a struct": [{"a": 1}] * ROWS,
    "a list": [[1, 2]] * ROWS,
    "bytes": [b"\xff\x00"] * ROWS,
    "a map": pa.array([[("a", 1)]] * ROWS, pa.map_(pa.string(), pa.int64())),
    "uint64": pa.array([2**64 - 1] * ROWS, pa.uint64()),
    "duration": [timedelta(seconds=1)] * ROWS,
    "nulls": pa.nulls(ROWS),
    "time of day": pa.array([1] * ROWS, pa.time64("us")),
}
KEPT = {
    "uint16": pa.array([7] * ROWS, pa.uint16()),
    "half": pa.array([7] * ROWS, pa.float32()).cast(pa.float16()),
    "decimal": [Decimal("7.25")] * ROWS,
    "text of 64 bits": pa.array(["7"] * ROWS, pa.large_string()),
    "a day": [date(2026, 1, 1)] * ROWS,
    "yes or no": [True] * ROWS,
    "zoned": [datetime(2026, 1, 1, tzinfo=UTC)] * ROWS,
    "numbered": pa.array(["a"] * ROWS).dictionary_encode(),
    "Größe (km/h)": [1.0] * ROWS,
    "a.b": [1] * ROWS,
}

# how many rows there must be, or the sentence
SOURCES = {
    "csv": (raw(GOOD), ROWS),
    "parquet": (parquet(table()), ROWS),
    "a capital suffix": (parquet(table(), name="{}.PARQUET"), ROWS),
    "packed csv": (raw(gzip.compress(GOOD.encode()), "0.csv.gz"), ROWS),
    "csv with a byte order mark": (raw(b"\xef\xbb\xbf" + GOOD.encode()), ROWS),
    "csv of Windows' lines": (raw(GOOD.replace("\n", "\r\n")), ROWS),
    "csv with an unnamed column": (raw("".join("7," + line for line in LINES)), ROWS),
    "hidden files and a folder of that name": (
        both(raw(b"", "._0.parquet"), parquet(table()), lambda f: (f / "x.parquet").mkdir()),
        ROWS,
    ),
    "a pipe of that name": (
        both(lambda f: os.mkfifo(f / "x.parquet"), parquet(table())),
        ROWS,
    ),
    "an empty month": (parquet(table(), table(rows=0)), ROWS),
    "columns in another order": (parquet(table(), table().select([4, 3, 2, 1, 0])), 2 * ROWS),
    "a column that one file lacks": (parquet(table(), table().drop_columns("note")), 2 * ROWS),
    "ids that are fractions in one file": (
        parquet(table(), table(taxi=[float(row % 5) for row in EACH])),
        2 * ROWS,
    ),
    "large ids": (parquet(table(taxi=pa.array([2**64 - 1] * ROWS, pa.uint64()))), ROWS),
    "amounts that are decimals": (parquet(table(fare=[Decimal("7.25")] * ROWS)), ROWS),
    "amounts that are text": (parquet(table(fare=["7.25"] * ROWS)), ROWS),
    "times that are text": (parquet(table(pickup=[f"{hour}" for hour in HOURS])), ROWS),
    "days": (parquet(table(pickup=[hour.date() for hour in HOURS])), ROWS),
    "places in dictionaries of their own": (
        parquet(
            table(zone=pa.array(["a", "b", "c"] * 8).dictionary_encode()),
            table(zone=pa.array(["c", "d", "a"] * 8).dictionary_encode()),
            table(),
        ),
        3 * ROWS,
    ),
    "a time that is missing": (parquet(table(pickup=[None, *HOURS[1:]])), ROWS - 1),
    "a place that is missing": (parquet(table(zone=[None, "", *["b"] * 22])), ROWS - 2),
    "an entity that is missing": (parquet(table(taxi=[None, *["b"] * 23])), ROWS - 1),
    "amounts that are none": (
        parquet(table(fare=[None, float("nan"), float("inf"), *[1.0] * 21])),
        ROWS - 3,
    ),
    **{f"beside it {name}": (parquet(table(x=values)), ROWS) for name, values in STRANGE.items()},
    "beside it what changes its type": (parquet(table(x=[1] * ROWS), table(x=["a"] * ROWS)), 48),
    "beside it names that the labs use": (
        parquet(table(country=[1] * ROWS, event_day=[1] * ROWS, user_bucket=["x"] * ROWS)),
        ROWS,
    ),
    "nothing": (lambda folder: None, "must hold Parquet files or CSV files; it holds neither"),
    "both": (both(raw(GOOD), parquet(table())), "or CSV files; it holds both"),
    "a workbook": (raw(b"PK", "0.xlsx"), "it holds neither"),
    "an empty parquet file": (raw(b"", "0.parquet"), "0.parquet cannot be read: "),
    "an empty csv file": (raw(b""), "0.csv cannot be read: "),
    "a second file that is empty": (
        both(parquet(table()), raw(b"", "1.parquet")),
        "1.parquet cannot be read: ",
    ),
    "a parquet file cut short": (raw(BYTES[:-100], "0.parquet"), "0.parquet cannot be read: "),
    "damaged pages": (raw(scrambled(BYTES), "0.parquet"), "0.parquet cannot be read: "),
    "text named parquet": (raw(GOOD, "0.parquet"), "0.parquet cannot be read: "),
    "parquet named csv": (raw(BYTES), "0.csv cannot be read: "),
    "csv of ragged lines": (raw(GOOD + "1,2\n"), "0.csv cannot be read: .*5 columns, got 2"),
    "csv with a quote left open": (raw(GOOD + '"2026'), "0.csv cannot be read: "),
    "csv in UTF-16": (raw(GOOD.encode("utf-16")), "0.csv cannot be read: "),
    "csv in Latin-1": (
        raw(GOOD.replace("pickup", "pickup,é").encode("latin-1")),
        "0.csv cannot be read: ",
    ),
    "csv of other commas": (raw(GOOD.replace(",", ";")), "'pickup' is not in 0.csv; its columns"),
    "csv without names": (
        raw("".join(LINES[3:])),
        "'pickup' is not in 0.csv; its columns are 2026",
    ),
    "csv whose type changes late": (raw(LATE), "0.csv cannot be read: .*'x'"),
    "csv of names only": (raw(LINES[0]), "No row of the files has all of pickup, zone, taxi, fare"),
    "only empty months": (parquet(table(rows=0)), "No row of the files"),
    "no amounts": (parquet(table(fare=pa.nulls(ROWS, pa.float64()))), "No row of the files"),
    "the same column twice": (
        parquet(duplicated()),
        "0.parquet cannot be read: .*duplicate field names",
    ),
    "a role that one file lacks": (
        parquet(table(), table().drop_columns("taxi")),
        "The entity column 'taxi' is not in 1.parquet; its columns are pickup, zone, fare, note",
    ),
    "a role of two types": (
        parquet(table(), table(taxi=[[1]] * ROWS)),
        "The entity column 'taxi' is int64 in one file and list<.*> in another",
    ),
    "seconds since 1970": (
        parquet(table(pickup=list(EACH))),
        "0.parquet: The column 'pickup' should hold a date and time; it holds int64, for exa.*'0'",
    ),
    "times of America": (
        parquet(table(pickup=["01/31/2026 11:00 PM"] * ROWS)),
        "0.parquet: .*'pickup' should hold a date and time; it holds string, .*'01/31/2026 11:00",
    ),
    "a year that is none": (
        parquet(table(pickup=pa.array([9 * 10**12] * ROWS, pa.timestamp("s")))),
        "0.parquet: The column 'pickup' holds times outside the years 1 to 9999",
    ),
    "amounts with a sign": (
        parquet(table(), table(fare=["$12.50"] * ROWS)),
        "The value column 'fare' is double in one file and string in another",
    ),
    "amounts beyond all money": (
        parquet(table(fare=[1e300] * ROWS)),
        "0.parquet: The column 'fare' holds 1e[+]300, too large for an amount",
    ),
    **{
        f"places that are {name}": (
            parquet(table(zone=STRANGE[name])),
            "0.parquet: The column 'zone' should hold text or numbers; it holds ",
        )
        for name in ("a struct", "a list", "bytes", "a map")
    },
    "too many places": (
        parquet(pa.concat_tables(table(zone=[f"{n}-{row}" for row in EACH]) for n in range(50))),
        "1,200 different values in 'zone'; lab 01 makes a folder for each, at most 1,024",
    ),
    "too many days": (
        parquet(
            pa.concat_tables(
                table(pickup=[START + timedelta(days=24 * n + row) for row in EACH])
                for n in range(50)
            )
        ),
        "1,200 different days; lab 01 makes a folder for each",
    ),
}


@pytest.mark.parametrize(("write", "expected"), SOURCES.values(), ids=SOURCES)
def test_an_odd_source_is_adopted_or_told_in_one_sentence(tmp_path, write, expected):
    source = tmp_path / "trips"
    source.mkdir()
    write(source)
    if isinstance(expected, int):
        rows = ds.dataset(own.adopt(source, tmp_path / "own", **ROLES)).to_table()
        assert rows.num_rows == expected
        assert all(rows[name].null_count == 0 for name in rows.column_names[:5])
        return
    with pytest.raises(lab.LabError, match=expected) as raised:
        own.adopt(source, tmp_path / "own", **ROLES)
    sentence = str(raised.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 260
    assert [path.name for path in tmp_path.iterdir()] == ["trips"]


@pytest.mark.parametrize("name", KEPT)
def test_a_column_that_all_formats_hold_is_kept(tmp_path, name):
    source = tmp_path / "trips"
    source.mkdir()
    column = name if name[0] in "Ga" else "x"
    parquet(table(**{column: KEPT[name]}))(source)
    kept = ds.dataset(own.adopt(source, tmp_path / "own", **ROLES)).to_table()
    assert kept[column].null_count == 0
    csv.write_csv(kept.select([column]), tmp_path / "x.csv")
    orc.write_table(kept.select([column]), tmp_path / "x.orc")


def test_times_with_a_zone_are_those_on_the_wall(tmp_path):
    times = pa.array([datetime(2026, 1, 1, 5, 17, tzinfo=UTC)] * ROWS)
    there = times.cast(pa.timestamp("us", "America/New_York"))
    parquet(table(pickup=there))(tmp_path)
    own.adopt(tmp_path / "0.parquet", tmp_path / "own", **ROLES)
    rows = ds.dataset(tmp_path / "own").to_table()
    assert set(rows["event_time"].to_pylist()) == {datetime(2026, 1, 1, 0, 17)}


def test_one_file_may_be_the_source_and_what_came_is_said(tmp_path, capsys):
    parquet(table(taxi=[None] * 4 + [1] * 20, x=[b"1"] * ROWS))(tmp_path)
    own.adopt(tmp_path / "0.parquet", tmp_path / "own", **ROLES)
    assert capsys.readouterr().out == (
        "own: 20 rows from 2026-01-02 to 2026-01-09, 3 places. "
        "4 rows lack a part and are left out. Columns left out: x.\n"
    )


def test_a_source_that_is_not_there_and_a_target_that_cannot_be_are_sentences(tmp_path):
    with pytest.raises(lab.LabError, match=r"There is no .*/nowhere"):
        own.adopt(tmp_path / "nowhere", tmp_path / "own", **ROLES)
    parquet(table())(tmp_path)
    with pytest.raises(lab.LabError, match="/dev/null/own cannot be written: file exists"):
        own.adopt(tmp_path / "0.parquet", "/dev/null/own", **ROLES)
    with pytest.raises(lab.LabError, match="one holds the other"):
        own.adopt(tmp_path / "0.parquet", tmp_path / "0.parquet", **ROLES)


def test_many_small_files_become_few_and_keep_every_row(tmp_path):
    source = tmp_path / "trips"
    source.mkdir()
    parquet(*[table()] * 40)(source)
    folder = own.adopt(source, tmp_path / "own", **ROLES)
    assert sorted(path.name for path in folder.iterdir()) == [
        "_events.json",
        "events-00000.parquet",
    ]
    assert ds.dataset(folder).count_rows() == 40 * ROWS
