"""What ranks use of torch that torch does not promise: each test names the one that has moved."""

import inspect
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch.distributed import distributed_c10d
from torch.distributed.elastic.agent.server import api as agent
from torch.distributed.elastic.multiprocessing import api as multiprocessing
from torch.distributed.elastic.rendezvous import c10d_rendezvous_backend, dynamic_rendezvous

from scaletoolkit.machine.ranks import meeting, rank, signs

SITE = Path(torch.__file__).parents[1]
EXCHANGES = [SITE / name for name in signs.EXCHANGES]


@pytest.fixture
def alone(tmp_path):
    """A group of one rank."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_rendezvous_handlers_are_a_dict_by_scheme():
    module = sys.modules[meeting.RENDEZVOUS]
    assert callable(module._rendezvous_handlers["env"])


def test_world_lists_the_groups_and_each_counts_its_exchanges(alone):
    (group,) = distributed_c10d._world.pg_map
    before = group._get_sequence_number_for_group()
    dist.barrier()
    assert group._get_sequence_number_for_group() == before + 1


def test_groups_have_names_and_exchanges_the_arguments_that_tell_who_waits_for_whom(alone):
    (group,) = distributed_c10d._world.pg_map
    assert group.group_name == dist.group.WORLD.group_name
    assert "group" in inspect.signature(dist.all_reduce).parameters
    for name, other in signs.TO_ONE.items():
        known = inspect.signature(getattr(dist, name)).parameters
        assert {"group", other, f"group_{other}"} <= set(known)
    assert all(Path(file).exists() for file in EXCHANGES)
    assert "_engine_run_backward" in vars(torch.autograd.graph)


@pytest.mark.parametrize(
    ("module", "word"),
    [
        (multiprocessing, "Sending process %s closing signal"),
        (multiprocessing, "Unable to shutdown process %s via"),
        (agent, "Received %s death signal"),
        (dynamic_rendezvous, "TORCH_DISABLE_SHARE_RDZV_TCP_STORE"),
        (c10d_rendezvous_backend, 'params.get("store_type"'),
    ],
)
def test_torchrun_still_reads_what_keeps_it_from_listening_and_says_whom_it_ends(module, word):
    assert word in Path(module.__file__).read_text()


def test_the_change_is_made_when_torch_is_imported(tmp_path):
    code = (
        "import sys\n"
        "from scaletoolkit.machine.ranks import meeting\n"
        "from scaletoolkit.machine.ranks.folder import Folder\n"
        "meeting.in_files(Folder(sys.argv[1]), 0)\n"
        "assert 'torch' not in sys.modules\n"
        "import torch.distributed as dist\n"
        "dist.init_process_group('gloo', rank=0, world_size=1)\n"
        "from pathlib import Path\n"
        "print([path.name for path in Path(sys.argv[1]).iterdir()])\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert said.stdout.splitlines()[-1] == "['store-0-0']"


@pytest.mark.parametrize("wait", ["get", "wait"])
def test_waiting_in_vain_in_a_file_is_another_rank_s_trouble(tmp_path, wait):
    store = dist.FileStore(str(tmp_path / "store"), 2)
    store.set_timeout(timedelta(seconds=1))
    with pytest.raises(RuntimeError) as vain:
        store.get("never written") if wait == "get" else store.wait(["never written"])
    assert rank.describe(vain.value)["echo"]
