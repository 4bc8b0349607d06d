"""The same rows in training and in serving, compared feature by feature. Lab 10."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 10
LEAST = 1e-4  # a bin without rows would make the index infinite


def skew(trained: ArrayLike, served: ArrayLike, tolerance: ArrayLike = 0.0) -> NDArray[np.float64]:
    """For each feature, the share of rows whose served value is not the one of training.

    trained, served: (rows, features), the same entity in the same row. Values closer than
    `tolerance` (one, or one a feature) are the same, and so are two that are missing (NaN).
    """
    a = np.asarray(trained, float)
    b = np.asarray(served, float)
    if a.shape != b.shape or a.ndim != 2 or not len(a):
        raise ValueError(f"both need the same rows and features, got {a.shape} and {b.shape}")
    with np.errstate(invalid="ignore"):  # infinity less infinity
        same = (a == b) | (np.abs(a - b) <= tolerance) | (np.isnan(a) & np.isnan(b))
    return np.asarray((~same).mean(axis=0))


def drift(trained: ArrayLike, served: ArrayLike) -> NDArray[np.float64]:
    """For each feature, how far its distribution has moved: the population stability index.

    Any rows, of any entities. Tenths of the trained values are the bins: Σ (q - p) ln(q / p).
    Usual reading: below 0.1 nothing, above 0.25 a change. Source: N. Siddiqi, Credit Risk
    Scorecards, 2006. A missing value (NaN) counts in a bin of its own, and so does a value that
    fills a tenth or more: else a feature that was always 0 could rise unnoticed.
    """
    a = np.asarray(trained, float)
    b = np.asarray(served, float)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or not len(a) or not len(b):
        raise ValueError(f"both need rows of the same features, got {a.shape} and {b.shape}")
    return np.array([_index(x, y) for x, y in zip(a.T, b.T, strict=True)])


def _index(trained: NDArray[np.float64], served: NDArray[np.float64]) -> float:
    edges = _edges(trained[~np.isnan(trained)])
    p = np.maximum(_shares(trained, edges), LEAST)
    q = np.maximum(_shares(served, edges), LEAST)
    return float(((q - p) * np.log(q / p)).sum())


def _edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The tenths; a value that fills one begins a bin, and the next number above ends it."""
    if not len(values):
        return values
    tenths = np.quantile(values, np.arange(1, BINS) / BINS, method="nearest")
    found, counts = np.unique(values, return_counts=True)
    often = found[counts * BINS >= len(values)]
    return np.unique(np.concatenate([tenths, often, np.nextafter(often, np.inf)]))


def _shares(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    places = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, "right"))
    return np.bincount(places, minlength=len(edges) + 2) / len(values)
