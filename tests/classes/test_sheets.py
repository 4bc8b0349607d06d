"""A page for each file, and none for two."""

from scaletoolkit.classes.sheets import page_name


def test_no_two_files_share_a_page():
    spaced = page_name("x y.ipynb")
    names = ["x y.ipynb", "x_y.ipynb", "x__y.ipynb", "x/y.ipynb", spaced.removesuffix(".html")]
    assert len({page_name(name) for name in names}) == len(names)
    assert page_name("ada.ipynb") == "ada.ipynb.html"
