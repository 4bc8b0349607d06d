"""What every picture of the house has: units on its axes, provenance in its legend, no leak."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from scaletoolkit.lab import plots
from scaletoolkit.lab.plots import Series
from scaletoolkit.lab.plots.pictures import look


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
        "this machine (measured)",
        "Amdahl (fitted)",
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


def test_bars_show_their_values_and_differ_by_more_than_colour(pictures):
    groups = {"one day": {"CSV": 10, "Parquet": 2}, "one user": {"CSV": 10, "Parquet": 3}}
    assert plots.bars(groups, "Bytes", "MB", show_values=lambda v: f"{v} MB") is None
    (axes,) = pictures
    assert labels(axes) == ["CSV", "Parquet"]
    assert axes.get_ylabel() == "MB (measured)"
    assert {text.get_text() for text in axes.texts} == {"10 MB", "2 MB", "3 MB"}
    assert len({bar.get_hatch() for bar in axes.patches}) == 2


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
    assert labels(top) == ["answered (measured)", "asked for (measured)", "ready (measured)"]


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
    assert len(points) == len({picture.data for picture in pictures}) == 4
    assert all(picture.data.startswith(b"\x89PNG") for picture in pictures)
