"""A last hint, followed to the letter, is the solution."""

import math

import numpy as np

from scaletoolkit.exercises.autoscaling import DESIRED
from scaletoolkit.exercises.caching import CACHE_KEY
from scaletoolkit.exercises.checkpoint_and_resume import TO_DELETE
from scaletoolkit.lab.exercises import drawn


def test_the_hint_of_9_1_rounds_where_the_solution_does():
    formula = DESIRED.hints[2].partition(", and")[0]
    given = {"math": math, "replicas": 3, "average": 130 / 3, "target": 10}
    assert eval(formula, given) == DESIRED.solution(3, 130 / 3, 10)


def test_the_hint_of_8_1_adds_0_to_what_is_float32_already():
    assert "(numbers as float32, + 0).tobytes()" in CACHE_KEY.hints[2]
    assert CACHE_KEY.solution("[-1e-60]", "v1") == CACHE_KEY.solution("[0]", "v1")
    assert (np.array([-1e-60], np.float32) + 0).tobytes() == bytes(4)
    assert any("-1e-60" in body for body, _ in drawn(CACHE_KEY))


def test_the_hint_of_5_3_deletes_nothing_where_too_few_are_good():
    assert TO_DELETE.hints[2].startswith("With fewer than keep good ones: none.")
    assert TO_DELETE.solution({10: False, 20: True}, 2) == []
