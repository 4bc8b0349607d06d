"""What the guard of a number's source finds in a lab's code, and what it leaves alone."""

import ast

import pytest
from tools.provenance import mislabelled

SET_UP = """
import numpy as np
from scipy.optimize import nnls
seconds = measure.fastest(report, [1, 2, 4])
"""
FITTED = "slope, base = np.polyfit([1, 2, 4], list(seconds.values()), 1)\n"


def found(*sources):
    cells = {f"cell-{i}": ast.parse(text) for i, text in enumerate([SET_UP, *sources])}
    return mislabelled(cells)


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("value = np.polyfit(x, y, 1)[0]", "fitted"),
        ("(value, _), _ = nnls(matrix, y)", "fitted"),
        ("value, error = laws.fit_amdahl(x, y)", "fitted"),
        ("value = laws.fit_usl(x, y).peak", "fitted"),
        ("value = laws.md1(100, 200).time_in_system", "computed"),
        ("value = sampling.sample_size(2.0, 0.01)", "computed"),
        ("value = batching.simulate(arrivals, law).latencies_s.mean()", "simulated"),
        ("value = [f(arrivals) for f in (batching.simulate, batching.replay)][0]", "simulated"),
        ("value = autoscaling.simulate(spec, day).replicas.max()", "simulated"),
        ("value = sum(rows) / partitions.finish_time(rows, 8)", "simulated"),
        ("value, seconds = measure.timed(autoscaling.simulate, spec, day)", "simulated"),
    ],
)
def test_each_origin_is_known(code, word):
    (sentence,) = found(code, "print(lab.measured(value))")
    assert sentence == f"cell cell-2: lab.measured calls value measured; it is {word}"


@pytest.mark.parametrize(
    "code",
    [
        "value = 2 * slope + 1",
        "value = max(1, round(min(slope, 8)))",
        "value = {n: n * slope for n in (1, 2)}[2]",
        "value = [n * slope for n in (1, 2)]",
        "value = []\nvalue.append(slope)",
        "value = 0\nfor n in (1, 2):\n    value += n * slope",
        "value = {}\nvalue['a'] = slope",
        "value = {'a': slope}['a']",
        "for value in [slope]:\n    pass",
        "def law(n):\n    return base + slope * n\n\nvalue = law(8)",
        "def same(n):\n    return n\n\nvalue = same(slope)",
        "law = lambda n: slope * n\nvalue = law(8)",
        "law = exercise.use('1.1', law)\nvalue = law(8, slope)",
        "value = slope if slope > 1 else 1",
        "if base:\n    value = slope\nelse:\n    value = 1",
        "rows = [{'a': 1, 'b': slope}]\nvalue = rows[0]['b']",
        "value = 1\nvalue = np.array([slope])",
    ],
)
def test_a_value_is_followed_through(code):
    assert len(found(FITTED, code, "lab.measured(value)")) == 1


@pytest.mark.parametrize(
    "code",
    [
        "lab.measured(slope)",
        "lab.compare(guess, slope)",
        "lab.compare(guess, slope, 'measured')",
        "lab.compare(guess, result=slope, source='measured')",
        "lab.keep(speed=(slope, '/s'))",
        "plots.Series('line', [1, 2], [slope, 2])",
        "plots.Series('line', x=[1, 2], y=[slope, 2], kind='measured')",
        "plots.Series('line', *zip((1, slope), strict=True))",
        "look = {'kind': 'measured'}\nplots.Series('line', [1, 2], [slope, 2], **look)",
        "def draw(show):\n    plots.Series('line', [1], [slope])\n\nplots.explore(draw, n=(1, 2))",
        "plots.bars({'a': {'b': slope}}, 'Title', 's')",
        "bars = {n: {'b': slope, 'c': 1} for n in 'de'}\n"
        "plots.bars(bars, 'Title', 's', {'b': 'measured', 'c': 'measured'})",
        "lab.table([{'n': 1, 'b': slope}], {'b': 's'}, {'b': 'measured'})",
        "lab.table([{'n': 1, 'b': slope}], sources=dict.fromkeys(['b'], 'measured'))",
        "sources = {'n': 'computed', 'b': 'measured'}\n"
        "rows = [{'n': n} | {'b': slope * n} for n in (1, 2)]\nlab.table(rows, {}, sources)",
    ],
)
def test_each_place_that_says_measured_is_judged(code):
    (sentence,) = found(FITTED, code)
    assert "calls" in sentence
    assert sentence.endswith("measured; it is fitted")


@pytest.mark.parametrize(
    "code",
    [
        "lab.fitted(slope)",
        "lab.measured(seconds[8])",
        "lab.measured(measure.fastest(report, [round(slope)])[1])",
        "_, value = measure.timed(autoscaling.simulate, spec)\nlab.measured(value)",
        "lab.measured(seconds[round(slope)])",
        "lab.claim('near', abs(slope - 1) < 0.1)",
        "lab.compare(guess, slope, 'fitted')",
        "plots.Series('line', [1, 2], [slope, 2], 'fitted')",
        "look = {'kind': 'fitted', 'marks': False}\nplots.Series('line', [1], [slope], **look)",
        "for name, line in lines.items():\n    plots.Series(name, *line, exact=True)",
        "bars = {n: {'b': slope, 'c': 1} for n in 'de'}\n"
        "plots.bars(bars, 'Title', 's', {'b': 'fitted', 'c': 'measured'})",
        "lab.table([{'a': seconds[1], 'b': slope}], {}, {'a': 'measured', 'b': 'fitted'})",
        "words = dict.fromkeys(['a'], 'measured') | {'b': 'fitted'}\n"
        "lab.table([{'a': seconds[1], 'b': slope}], {}, words)",
        "lab.table([{'a': 1, 'b': lab.fitted(slope)}], sources={'a': 'measured'})",
        "slope = seconds[1]\nlab.measured(slope)",
        "def law(n):\n    return law(n - 1)\n\nlab.measured(law(8))",
    ],
)
def test_what_is_right_is_left_alone(code):
    assert found(FITTED, code) == []
