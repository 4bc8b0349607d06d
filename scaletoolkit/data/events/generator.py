"""Any part of the events, a pure function of the seed. Labs 01, 02 and 03.

Thirty days of visits: skewed countries and users, a daily rhythm, rising traffic and prices, one
row in twenty arriving hours late. Integers, tables and + - × ÷ only, so the rows are bit-identical
on every x86 machine and every numpy since 1.26 (`np.exp` differs between processors).
"""

import functools

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Integers = npt.NDArray[np.int64]
Fractions = npt.NDArray[np.float32]

CHUNK_ROWS = 500_000
START_MS = 1_780_272_000_000  # 2026-06-01T00:00:00Z
DAYS = 30
HOUR_MS = 3_600_000
USERS = 1_000_000
ITEMS = 100_000
COUNTRIES = (
    "US IN BR ID JP DE MX GB FR PH VN TR EG NG KR IT TH ES BD AR PK ZA CO PL CA KE MY AU PE NL"
).split()
DEVICES = ["phone", "laptop", "tablet", "watch"]
FEATURES = ["f0", "f1", "f2", "f3", "f4", "f5"]
DEVICE_OF_TEN = np.array([0, 0, 0, 0, 0, 1, 1, 2, 0, 3], np.int8)  # phones are six in ten
KEYS: dict[str, str | int] = {"day": "2026-06-20", "country": "NG", "user_id": 12345}
SCHEMA = pa.schema(
    [
        ("event_time", pa.timestamp("ms")),
        ("arrived_at", pa.timestamp("ms")),
        ("country", pa.dictionary(pa.int8(), pa.string())),
        ("device", pa.dictionary(pa.int8(), pa.string())),
        ("user_id", pa.int64()),
        ("item_id", pa.int32()),
        ("session_id", pa.int64()),
        ("price_cents", pa.int32()),
        ("dwell_ms", pa.int32()),
        ("clicked", pa.int8()),
        *((name, pa.float32()) for name in FEATURES),
    ]
)


def chunk(first: int, last: int, rows: int, seed: int = 0) -> pa.Table:
    """Events number `first` to `last` (exclusive) of `rows`, in time order: a pure function."""
    random = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, rows, first]))
    n = last - first
    time_ms = _times(random, first, last, rows)
    user = _zipf_draw(random, n, *_zipf_table(USERS, 20))
    country = _country_table()[(user * 640_007) & 0xFFFFF]
    features = _uniform(random, (len(FEATURES), n))
    columns = {
        "event_time": time_ms,
        "arrived_at": time_ms + _delay_ms(random, n),
        "country": pa.DictionaryArray.from_arrays(country, COUNTRIES),
        "device": pa.DictionaryArray.from_arrays(DEVICE_OF_TEN[random.integers(0, 10, n)], DEVICES),
        "user_id": user,
        "item_id": _zipf_draw(random, n, *_zipf_table(ITEMS, 5)).astype(np.int32),
        "session_id": np.arange(first, last, dtype=np.int64) // 5,
        "price_cents": _price_cents(random, country, time_ms),
        "dwell_ms": _heavy_tail(random, n, 1500),
        "clicked": _clicked(random, features),
    }
    columns |= dict(zip(FEATURES, features, strict=True))
    return pa.table([pa.array(columns[f.name]).cast(f.type) for f in SCHEMA], schema=SCHEMA)


@functools.cache
def _hours() -> Integers:
    """Visits begun by each hour's start, in integer units: a day's rhythm over growing traffic."""
    rhythm = [4, 3, 2, 2, 2, 3, 5, 8, 11, 12, 12, 13, 13, 12, 12, 12, 13, 15, 17, 18, 17, 14, 10, 6]
    weight = [rhythm[h % 24] * (100 + 2 * (h // 24)) for h in range(24 * DAYS)]
    return np.concatenate([[0], np.cumsum(weight)]).astype(np.int64)


def _times(random: np.random.Generator, first: int, last: int, rows: int) -> Integers:
    """Sorted moments for these events, in ms: busy hours get more of them."""
    hours = _hours()
    whole = int(hours[-1]) * HOUR_MS
    low = whole * first // rows
    high = max(low + 1, whole * last // rows)
    position = np.sort(random.integers(low, high, last - first, dtype=np.int64))
    hour = np.searchsorted(hours * HOUR_MS, position, side="right") - 1
    within = (position - hours[hour] * HOUR_MS) // np.diff(hours)[hour]
    return START_MS + hour * HOUR_MS + within


def _delay_ms(random: np.random.Generator, n: int) -> Integers:
    """Seconds for nearly all; for one event in twenty between one and forty hours."""
    late = random.integers(0, 20, n) == 0
    hours_ms = random.integers(HOUR_MS, 40 * HOUR_MS, n, dtype=np.int64)
    return np.where(late, hours_ms, random.integers(0, 5_000, n, dtype=np.int64))


@functools.cache
def _zipf_table(items: int, shift: int) -> tuple[Integers, Integers]:
    """Inverse of the distribution 1 / (rank + shift) at 2^20 + 1 points: (ranks below, gaps)."""
    heights = np.cumsum(1 / (np.arange(items) + 1.0 + shift))
    at = np.arange((1 << 20) + 1) / (1 << 20) * heights[-1]
    rank = np.minimum(np.searchsorted(heights, at, side="right"), items - 1).astype(np.int64)
    return rank[:-1], np.diff(rank)


def _zipf_draw(random: np.random.Generator, n: int, rank: Integers, gap: Integers) -> Integers:
    """n numbers, each as often as `_zipf_table` says: most of them small."""
    bits = random.integers(0, 1 << 32, n, dtype=np.int64)
    place = bits >> 12
    return rank[place] + (gap[place] * (bits & 0xFFF) >> 12)


@functools.cache
def _country_table() -> npt.NDArray[np.int8]:
    """A country for each of 2^20 hash values, the k-th with a share proportional to 1 / k."""
    share = np.cumsum(1 / np.arange(1.0, len(COUNTRIES) + 1))
    at = (np.arange(1 << 20) + 0.5) / (1 << 20) * share[-1]
    return np.searchsorted(share, at).astype(np.int8)


def _heavy_tail(random: np.random.Generator, n: int, scale: int) -> Integers:
    """Whole numbers from 0 with median `scale` and a long tail, at most 64 times the median."""
    q = random.integers(0, 1 << 16, n, dtype=np.int64)
    return scale * (q + 1) // ((1 << 16) + 1024 - q)


def _price_cents(
    random: np.random.Generator, country: npt.NDArray[np.int8], time_ms: Integers
) -> Integers:
    """Prices rise by 2 % a day; their level and spread depend on the country."""
    level = 30 + (np.arange(len(COUNTRIES), dtype=np.int64) * 47) % 170
    day = (time_ms - START_MS) // (24 * HOUR_MS)
    base = 800 + _heavy_tail(random, len(country), 1200)
    return base * level[country] // 100 * (100 + 2 * day) // 100


def _uniform(random: np.random.Generator, shape: int | tuple[int, int]) -> Fractions:
    """float32 in [-1, 1): twenty-four random bits each, so no two machines round differently."""
    bits = random.integers(0, 1 << 32, shape, dtype=np.uint32) >> np.uint32(8)
    return bits.astype(np.float32) * np.float32(2**-23) - np.float32(1)


def _clicked(random: np.random.Generator, f: Fractions) -> npt.NDArray[np.int8]:
    """1 where two linear and one crossed effect beat the noise: something for a model to learn."""
    score = f[0] + f[0] - f[1] + f[2] * f[3] + f[2] * f[3]
    noise = _uniform(random, len(score)) + _uniform(random, len(score))
    return (score > noise).astype(np.int8)
