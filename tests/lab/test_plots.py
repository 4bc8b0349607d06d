"""What every picture has: units at its axes, a source in its legend, its words, no leak."""

import re
from itertools import pairwise

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaletoolkit.lab import plots
from scaletoolkit.lab.plots import Series
from scaletoolkit.lab.plots.series import look


@pytest.fixture(autouse=True)
def pictures(monkeypatch):
    """The axes of every picture that is shown."""
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gca()))
    with mpl.rc_context():
        plt.switch_backend("agg")
        before = plt.get_fignums()
        yield shown
        assert plt.get_fignums() == before


def labels(axes):
    return [text.get_text() for text in axes.figure.legends[0].get_texts()]


def test_the_legend_says_where_the_numbers_come_from(pictures):
    series = [
        Series("linear", [1, 2], [1, 2], "ideal"),
        Series("this machine", [1, 2], [1, 1.8]),
        Series("Amdahl", [1, 2], [1, 1.7], "fitted"),
        Series("your guess", [2], [2], "guess"),
    ]
    assert plots.curves(series, "Speed-up", "workers", "speed-up (×)", ticks=[1, 2]) is None
    (axes,) = pictures
    assert labels(axes) == [
        "linear",
        "this machine, measured",
        "Amdahl, fitted",
        "your guess",
    ]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("workers", "speed-up (×)")


def test_a_law_has_the_colour_of_the_points_before_it(pictures):
    series = [
        Series(name, [1, 2], [1, 2], kind) for name in "ab" for kind in ("measured", "fitted")
    ]
    plots.curves(series, "", "x", "y", log_x=True, log_y=True)
    colours = [line.get_color() for line in pictures[0].get_lines()]
    assert colours[0] == colours[1] != colours[2] == colours[3]


@pytest.mark.parametrize(
    ("guess", "scales", "arrow"),
    [
        (([2], [1000]), {}, "↑"),
        (([1000], [2]), {}, "→"),
        (([2], [1000]), {"log_y": True}, "↑"),
        (([2], [0]), {"log_y": True}, "↓"),
        (([2], [3]), {}, None),
        (([2], [0]), {}, None),
        (([2], [19]), {"log_y": True}, None),
    ],
)
def test_a_guess_far_from_all_else_presses_nothing_flat(pictures, guess, scales, arrow):
    measured = Series("seconds", [1, 2], [1, 2])
    plots.curves([measured, Series("your guess", *guess, "guess")], "", "x", "y", **scales)
    (axes,) = pictures
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    star = axes.get_lines()[-1]
    assert left <= star.get_xdata()[0] <= right < 5
    assert bottom <= star.get_ydata()[0] <= top < 40
    assert [text.get_text() for text in axes.texts] == ([arrow] if arrow else [])


def test_bars_show_their_values_and_differ_by_more_than_colour(pictures):
    groups = {"one day": {"CSV": 10, "Parquet": 2}, "one user": {"CSV": 10, "Parquet": 3}}
    assert plots.bars(groups, "Bytes", "MB", show_values=lambda v: f"{v} MB") is None
    (axes,) = pictures
    assert labels(axes) == ["CSV", "Parquet"]
    assert axes.get_ylabel() == "MB, measured"
    assert {text.get_text() for text in axes.texts} == {"10 MB", "2 MB", "3 MB"}
    assert len({bar.get_hatch() for bar in axes.patches}) == 2


def test_names_below_bars_leave_each_other_room():
    boxes = []

    def measure(figure, _):
        figure.canvas.draw()
        boxes.extend(label.get_window_extent() for label in figure.axes[0].get_xticklabels())

    groups = {f"no label, T = {number}": {"wrong": number} for number in range(11, 17)}
    plots.bars(groups, "", "%", show=measure)
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


@pytest.mark.parametrize("scales", [{}, {"log_x": True}])
def test_large_numbers_at_an_axis_have_commas(scales):
    texts = []

    def read(figure, _):
        figure.canvas.draw()
        texts.extend(label.get_text() for label in figure.axes[0].get_xticklabels())

    plots.curves([Series("", [1, 1e6], [1, 2])], "", "rows", "ms", show=read, **scales)
    assert "1,000,000" in texts
    assert all(re.fullmatch(r"−?[\d,.]+", text) for text in texts)


def test_bars_of_two_sources_say_so_in_their_legend(pictures):
    groups = {"by size": {"law": 1, "500 samples": 1.1}}
    plots.bars(groups, "Errors", "%", {"law": "computed", "500 samples": "measured"})
    assert labels(pictures[0]) == ["law, computed", "500 samples, measured"]
    assert pictures[0].get_ylabel() == "%"
    with pytest.raises(ValueError, match=r"kind must be one of measured, .*; got ''"):
        plots.bars(groups, "Errors", "%", {"law": "computed"})


def words_of(draw, *arguments, **options):
    """The words that a picture hands on together with its figure."""
    shown = []
    draw(*arguments, **options, show=lambda _, words: shown.append(words))
    (words,) = shown
    return words


def shape(words):
    """What the comparison of stored outputs sees of a picture."""
    return [re.sub("⟨.*?⟩", "⟨⟩", text) for text in (repr(words), words._repr_html_())]


def test_a_picture_in_words_names_every_series_and_its_numbers():
    series = [
        Series("the report", [1, 2], [1, 1.9]),
        Series("ideal", [1, 2], [1, 2], "ideal"),
        Series("_", [1, 2], [3, 3], "ideal"),
        Series("the rule", [0.5, 1.5], [7, 8], "simulated", exact=True),
    ]
    words = words_of(plots.curves, series, "Speed", "workers", "times")
    lines = [line.split("  ") for line in repr(words).splitlines()]
    assert lines[0] == ["This picture in words: Speed"]
    assert [[cell.strip() for cell in line if cell] for line in lines[1:]] == [
        ["series", "workers", "times"],
        ["the report, measured", "1", "⟨", "1⟩"],
        ["the report, measured", "2", "⟨", "1.90⟩"],
        ["ideal", "1", "1"],
        ["ideal", "2", "2"],
        ["the rule, simulated", "0.500", "7"],
        ["the rule, simulated", "1.50", "8"],
    ]
    folded = "<details><summary>This picture in words</summary><table><caption>Speed</caption>"
    assert folded in words._repr_html_()


@given(st.lists(st.tuples(st.floats(0, 1e9), st.floats(0, 1e9)), max_size=60))
def test_how_long_a_run_was_changes_nothing_that_is_compared(points):
    def rush(x, y):
        goal = Series("goal", [0, 9], [1, 1], "ideal")
        panels = {"requests/s": [Series("answered", x, y), goal], "queue": [Series("waits", x, y)]}
        return words_of(plots.panels, panels, "A rush", "seconds")

    def noted(x, y):
        series = [Series("slow requests", x, y, timed=True)]
        return words_of(plots.curves, series, "A stall", "seconds", "ms")

    x = [at for at, _ in points]
    y = [value for _, value in points]
    assert shape(rush(x, y)) == shape(rush([0.5], [7]))
    assert shape(noted(x, y)) == shape(noted([0.5], [7]))


def test_a_long_series_is_told_in_ten_points_from_its_first_to_its_last():
    words = words_of(plots.curves, [Series("a", range(100), range(100))], "", "x", "y")
    assert [row["x"] for row in words.table.rows] == [0, 11, 22, 33, 44, 55, 66, 77, 88, 99]


def test_points_that_are_not_drawn_have_no_words():
    series = [Series("a", [1, 2], [float("nan"), 5]), Series("b", [], [])]
    words = words_of(plots.curves, series, "", "x", "y")
    assert [(row["x"], row["y"]) for row in words.table.rows] == [(2, "⟨5⟩"), ("none", "none")]


def test_bars_in_words():
    groups = {"one day": {"CSV": 10, "Parquet": 2}, "one user": {"CSV": 11, "Parquet": 3}}
    words = words_of(plots.bars, groups, "Bytes", "MB")
    assert [tuple(row.values()) for row in words.table.rows] == [
        ("CSV, measured", "one day", "⟨10⟩"),
        ("CSV, measured", "one user", "⟨11⟩"),
        ("Parquet, measured", "one day", "⟨2⟩"),
        ("Parquet, measured", "one user", "⟨3⟩"),
    ]


def test_a_series_that_cannot_be_drawn_is_a_sentence():
    with pytest.raises(ValueError, match=r"kind must be one of measured, .*; got 'made up'"):
        Series("a", [1], [1], "made up")
    with pytest.raises(ValueError, match="a: 2 x values but 1 y values"):
        Series("a", [1, 2], [1])


def test_an_option_that_does_not_exist_is_refused(pictures):
    with pytest.raises(TypeError, match="tick"):
        plots.curves([Series("a", [1], [1])], "", "x", "y", tick=[1])
    with pytest.raises(TypeError, match="show_value"):
        plots.bars({"one day": {"CSV": 1}}, "", "MB", show_value=str)
    assert pictures == []


def test_a_picture_that_fails_is_closed():
    with pytest.raises(KeyError, match="Parquet"):
        plots.bars({"one day": {"CSV": 1, "Parquet": 2}, "one user": {"CSV": 1}}, "Bytes", "MB")


def test_every_kind_has_a_look_of_its_own():
    series = [Series("a", [1], [1], kind) for kind in plots.KINDS]
    looks = [tuple(sorted(look(line, number=0).items())) for line in series]
    assert len(set(looks)) == len(plots.KINDS)


def test_panels_share_an_axis_and_tell_their_series_apart(pictures):
    rows = {
        "requests/s": [Series("answered", [1, 2], [5, 6])],
        "replicas": [Series("asked for", [1, 2], [2, 4]), Series("ready", [1, 2], [2, 2])],
    }
    assert plots.panels(rows, "A rush", "seconds") is None
    top, bottom = pictures[0].figure.axes
    assert (top.get_title(loc="left"), bottom.get_xlabel()) == ("A rush", "seconds")
    assert [axes.get_ylabel() for axes in (top, bottom)] == list(rows)
    assert len({line.get_color() for axes in (top, bottom) for line in axes.lines}) == 3
    assert labels(top) == ["answered, measured", "asked for, measured", "ready, measured"]


def test_a_series_of_the_same_name_is_once_in_the_legend_and_of_one_colour(pictures):
    pair = [Series("no cache", [1, 2], [5, 6]), Series("cache", [1, 2], [7, 8])]
    plots.panels({"answered": pair, "refused": pair}, "A rush", "seconds")
    top, bottom = pictures[0].figure.axes
    assert labels(top) == ["no cache, measured", "cache, measured"]
    colours = [[line.get_color() for line in axes.lines] for axes in (top, bottom)]
    assert colours[0] == colours[1]
    assert len(set(colours[0])) == 2


def test_a_live_picture_is_one_display_that_is_drawn_at_every_tick(monkeypatch):
    from IPython import display

    pictures = []
    points = []

    class Handle:
        update = pictures.append

    def first(picture, display_id):
        pictures.append(picture)
        return Handle

    def draw(show):
        points.append(len(points))
        plots.curves([Series("a", points, points)], "", "x", "y", show=show)

    monkeypatch.setattr(display, "display", first)
    plots.live(draw, iter(range(3)))
    assert len(points) == len({picture.png for picture in pictures}) == 4
    assert all(picture.png.startswith(b"\x89PNG") for picture in pictures)
    assert len(pictures[-1].table.rows) == 4


def test_spans_go_from_low_to_high_and_the_first_is_on_top(pictures):
    plots.spans({"wide": (1, 9), "falls": (6, 4)}, 5, "What moves it", "$ a month")
    (axes,) = pictures
    assert labels(axes) == ["at its low", "at its high"]
    assert axes.get_xlabel() == "$ a month, computed"
    assert axes.yaxis_inverted()
    ends = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches]
    assert ends == [(5, 1), (5, 6), (5, 9), (5, 4)]


def test_a_name_below_a_bar_is_not_broken_inside_a_word(monkeypatch):
    ticks = []
    monkeypatch.setattr(
        "matplotlib.axes.Axes.set_xticks", lambda axes, at, names, **how: ticks.append((names, how))
    )
    groups = {f"feature {n} store": {"$": n} for n in range(12)}
    plots.bars(groups, "A bill", "dollars", show=lambda figure, words: None)
    ((names, how),) = ticks
    assert names[0].split("\n") == ["feature", "0", "store"]
    assert how == {"fontsize": "x-small"}
