"""Kueue, Kubernetes, OpenCost and the paper on DRF say the same, case by case."""

import pytest
from teams.vectors import VECTORS


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
def test_the_library_says_what_the_real_system_says(vector):
    vector()
