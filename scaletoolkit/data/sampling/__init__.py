"""Estimates from a part of the data, and how wrong they are. Lab 02.

Rows stream past in batches, so memory follows the batch and the sample, never the table.

draws       whole row groups, or a uniform sample of rows
stratified  samples with a share for each stratum
errors      how wrong an estimate is: formulas
reservoirs  uniform samples that merge
"""

from scaletoolkit.data.sampling.draws import row_groups, take, uniform, write_row_groups
from scaletoolkit.data.sampling.errors import (
    effective_n,
    row_group_error,
    sample_size,
    standard_error,
    stratified_error,
)
from scaletoolkit.data.sampling.reservoirs import Reservoir, merge, reservoir
from scaletoolkit.data.sampling.stratified import (
    coded,
    neyman,
    proportional,
    strata,
    stratified_mean,
    take_strata,
    uniform_strata,
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
    "sample_size",
    "standard_error",
    "strata",
    "stratified_error",
    "stratified_mean",
    "take",
    "take_strata",
    "uniform",
    "uniform_strata",
    "write_row_groups",
]
