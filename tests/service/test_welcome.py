"""The page at `/`: its commands are for this very model, whatever it is called. Lab 07."""

import shlex

import pytest

from scaletoolkit.service.gateway import welcome

TENSOR = {"name": "x", "datatype": "FP32", "shape": [-1, 2]}


@pytest.mark.parametrize(
    ("name", "written"), [("digits", "digits"), ("my äpfel", "my%20%C3%A4pfel"), ("a/b", "a%2Fb")]
)
def test_a_name_stands_in_addresses_as_addresses_have_it(name, written):
    model = {"name": name, "inputs": [TENSOR], "outputs": [TENSOR]}
    page = welcome.page(model, "127.0.0.1:8000")
    command = shlex.split(welcome.infer_command(model, "http://127.0.0.1:8000"))
    assert command[1] == f"http://127.0.0.1:8000/v2/models/{written}/infer"
    assert f'<a href="/v2/models/{written}">' in page
    assert f"<title>{name}</title>" in page
