"""Estimates from a part of the data, and how wrong they are. Lab 02.

Rows stream past in batches, so memory follows the batch and the sample, never the table.

draws     row groups, uniform and stratified samples, reservoirs
formulas  how wrong an estimate is, and who gives how many rows
"""

from scaletoolkit.data.sampling.draws import (
    Reservoir,
    coded,
    merge,
    reservoir,
    row_groups,
    row_keys,
    strata,
    take,
    take_strata,
    tally,
    uniform,
    uniform_strata,
    write_row_groups,
)
from scaletoolkit.data.sampling.formulas import (
    effective_n,
    neyman,
    proportional,
    row_group_error,
    sample_size,
    standard_error,
    stratified_error,
    stratified_mean,
)

__all__ = [
    "Reservoir",
    "coded",
    "effective_n",
    "merge",
    "neyman",
    "proportional",
    "reservoir",
    "row_group_error",
    "row_groups",
    "row_keys",
    "sample_size",
    "standard_error",
    "strata",
    "stratified_error",
    "stratified_mean",
    "take",
    "take_strata",
    "tally",
    "uniform",
    "uniform_strata",
    "write_row_groups",
]
