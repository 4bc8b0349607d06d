"""What the library uses of others although it is private: each test names the one that moved.

torch's is in machine/ranks/, uvicorn's in service/.
"""

import inspect


def test_ipython_asks_an_error_how_it_wants_to_be_shown():
    from IPython.core.interactiveshell import InteractiveShell

    assert "_render_traceback_" in inspect.getsource(InteractiveShell)
