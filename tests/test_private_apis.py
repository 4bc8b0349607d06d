"""What the library uses of others although it is private: each test names the one that moved."""

import asyncio
import inspect


def test_asyncio_keeps_its_selector_and_its_timers_where_the_virtual_clock_looks():
    loop = asyncio.SelectorEventLoop()
    timer = loop.call_later(5, print)
    assert callable(loop._selector.select)
    assert loop._scheduled[0] is timer
    loop.close()


def test_torch_keeps_its_groups_where_a_rank_that_hangs_is_looked_for():
    from torch.distributed import ProcessGroup, distributed_c10d

    assert isinstance(distributed_c10d._world.pg_map, dict)
    assert callable(ProcessGroup._get_sequence_number_for_group)


def test_uvicorn_hands_its_protocol_the_transport_that_the_gateway_replaces():
    from uvicorn.protocols.http import httptools_impl

    take = httptools_impl.HttpToolsProtocol.connection_made
    assert list(inspect.signature(take).parameters) == ["self", "transport"]
    assert "transport.write" in inspect.getsource(httptools_impl.RequestResponseCycle)


def test_ipython_asks_an_error_how_it_wants_to_be_shown():
    from IPython.core.interactiveshell import InteractiveShell

    assert "_render_traceback_" in inspect.getsource(InteractiveShell)
