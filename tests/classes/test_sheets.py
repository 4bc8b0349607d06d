"""A page for each file, and none for two; no formula in a table."""

import pytest

from scaletoolkit.classes.sheets import harmless, page_name


def test_no_two_files_share_a_page():
    spaced = page_name("x y.ipynb")
    names = ["x y.ipynb", "x_y.ipynb", "x__y.ipynb", "x/y.ipynb", spaced.removesuffix(".html")]
    assert len({page_name(name) for name in names}) == len(names)
    assert page_name("ada.ipynb") == "ada.ipynb.html"


@pytest.mark.parametrize("sign", "=+-@")
def test_no_formula_begins_where_a_spreadsheet_may_split_a_row(sign):
    assert harmless(f"{sign}cmd()") == f"'{sign}cmd()"
    for before in ("a;", "a; ", 'a;"', "1;2; "):
        assert harmless(f"{before}{sign}cmd()") == f"{before}'{sign}cmd()"
    assert harmless(f"a {sign} b; c") == f"a {sign} b; c"
    assert harmless("-1.5") == "-1.5"
