"""What several test modules share."""

import pytest


@pytest.fixture(scope="session")
def digits_model(tmp_path_factory):
    """The folder of a small trained model, exported once."""
    from scaletoolkit import service

    return service.models.digits(tmp_path_factory.mktemp("digits"), hidden=32, epochs=3)
