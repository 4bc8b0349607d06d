"""What the library uses of others although it is private: each test names the one that moved.

torch's is in machine/ranks/, uvicorn's in service/.
"""

import asyncio
import inspect


def test_asyncio_keeps_its_selector_and_its_timers_where_the_virtual_clock_looks():
    loop = asyncio.SelectorEventLoop()
    timer = loop.call_later(5, print)
    assert callable(loop._selector.select)
    assert loop._scheduled[0] is timer
    loop.close()


def test_ipython_asks_an_error_how_it_wants_to_be_shown():
    from IPython.core.interactiveshell import InteractiveShell

    assert "_render_traceback_" in inspect.getsource(InteractiveShell)
