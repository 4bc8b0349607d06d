"""What the library uses of others although it is private: each test names the one that moved.

torch's is in machine/ranks/, uvicorn's in service/.
"""

import inspect

import torch


def test_ipython_asks_an_error_how_it_wants_to_be_shown():
    from IPython.core.interactiveshell import InteractiveShell

    assert "_render_traceback_" in inspect.getsource(InteractiveShell)


def test_torch_asks_its_compiler_to_leave_an_optimizer_alone():
    wrapped = inspect.getsource(torch._disable_dynamo)
    assert "torch._dynamo.disable(" in wrapped
    optimizers = inspect.getmodule(torch.optim.Optimizer)
    assert "torch._dynamo.graph_break()" in inspect.getsource(optimizers)
