"""The page of sizes is what the measured figures say."""

from tools import sizes

from scaletoolkit.copies import labs


def test_the_page_shows_the_figures():
    assert sizes.PAGE.read_text() == sizes.page(sizes.kept()), "run tests/tools/sizes.py"


def test_every_figure_is_of_a_lab_and_says_where_it_is_from():
    names = {path.stem for path in labs.labs()}
    for name, figure in sizes.kept().items():
        assert name in names
        assert figure["seconds"] > 1
        assert 1e8 < figure["peak_bytes"] < 8e9
        assert "cores" in figure["where"]
