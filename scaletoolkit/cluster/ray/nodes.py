"""What runs in a Ray cluster's enclosure: `python -m scaletoolkit.cluster.ray.nodes FOLDER NODES`.

Reads lines from stdin: `cut NUMBER` kills a node, every other is an action and the path of a pickle
with what it needs. With the end of stdin this ends, and with this first process of its namespace
every other.
"""

import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cloudpickle

from scaletoolkit.cluster.ray import work

ACTIONS = {
    "map": work.run_tasks,
    "train": work.run_training,
    "serve": work.start_serving,
    "predict": work.ask,
    "replicas": work.replicas,
    "stop": work.stop_serving,
}
STORE_BYTES = 80_000_000
# A raylet gives its agents fifteen seconds, so these are left out. JupyterLab brings the first,
# jsonschema imports it where it is there, and Ray that: it computes a grammar for seconds. Without
# the second an agent leaves out what only a dashboard needs, more than half of what it imports.
LEFT_OUT = ("rfc3987_syntax", "aiohttp_cors")
# The autoscaler of machines and what forwards logs: they would start beside the agents.
FEWER = {"no_monitor": True, "include_log_monitor": False}
HEALTH = {"health_check_period_ms": 1000, "health_check_failure_threshold": 3}


def main(folder: Path, nodes: int) -> None:
    """Start the nodes, then do what stdin says until it ends."""
    os.environ["RAY_TMPDIR"] = str(folder)
    (folder / "ray").mkdir(exist_ok=True)
    _leave_out(LEFT_OUT, folder / "without")
    workers = _started(folder, nodes)
    (folder / "ready").touch()
    for line in sys.stdin:
        action, what = line.split()
        if action == "cut":
            _kill(workers[int(what)])
            (folder / f"cut-{what}").touch()
        else:
            asked = [ACTIONS[action], Path(what)]
            threading.Thread(target=_run, args=asked, daemon=True).start()
    os._exit(0)  # at once: the system ends the nodes, which have nothing to save


def _leave_out(modules: Iterable[str], folder: Path) -> None:
    """Let no process from here on import a module, as if it were not installed."""
    folder.mkdir()
    for module in modules:
        (folder / f"{module}.py").write_text("raise ModuleNotFoundError\n")
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), os.environ["PYTHONPATH"]])


def _started(folder: Path, nodes: int) -> list[Any]:
    """So many nodes with one CPU each, beside a head that takes no tasks."""
    import ray
    from ray.cluster_utils import Cluster

    common = {"node_ip_address": work.ADDRESS, "object_store_memory": STORE_BYTES}
    head = {"num_cpus": 0, "include_dashboard": False, "temp_dir": str(folder)}
    head |= {"_system_config": HEALTH, **FEWER}
    cluster = Cluster(initialize_head=True, head_node_args=common | head)
    workers = [cluster.add_node(num_cpus=1, **common) for _ in range(nodes)]
    ray.init(address=cluster.address, log_to_driver=False)
    return workers


def _kill(node: Any) -> None:
    """SIGKILL to the raylet of a node; its workers end without it."""
    for started in node.all_processes["raylet"]:
        started.process.send_signal(signal.SIGKILL)


def _run(action: Callable[..., Any], path: Path) -> None:
    """Do what a file asks for, and put beside it what came out, or what was raised."""
    try:
        outcome = cloudpickle.dumps((action(path, *pickle.loads(path.read_bytes())), ""))
    except Exception as error:
        last = str(error).strip().splitlines()[-1:]
        outcome = pickle.dumps((None, ": ".join([type(error).__name__, *last])))
    partial = path.with_suffix(".partial")
    partial.write_bytes(outcome)
    partial.rename(path.with_suffix(".result"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
