"""What runs in a Ray cluster's enclosure: `python -m scaletoolkit.cluster.ray.nodes FOLDER NODES`.

Reads lines from stdin: `map PATH` runs the tasks that lie there as a pickle, `cut NUMBER` kills a
node. With the end of stdin this ends, and with this first process of its namespace every other.
"""

import os
import pickle
import signal
import sys
import threading
from pathlib import Path
from typing import Any

ADDRESS = "127.0.0.1"
STORE_BYTES = 80_000_000
# JupyterLab brings it, jsonschema imports it where it is there, and Ray that: it computes
# a grammar for seconds, and a raylet gives its agents fifteen.
GRAMMAR = "rfc3987_syntax"
HEALTH = {"health_check_period_ms": 1000, "health_check_failure_threshold": 3}


def main(folder: Path, nodes: int) -> None:
    """Start the nodes, then do what stdin says until it ends."""
    os.environ["RAY_TMPDIR"] = str(folder)
    (folder / "ray").mkdir(exist_ok=True)
    _leave_out(GRAMMAR, folder / "without")
    workers = _started(folder, nodes)
    (folder / "ready").touch()
    for line in sys.stdin:
        action, what = line.split()
        if action == "map":
            threading.Thread(target=_run, args=[Path(what)], daemon=True).start()
        elif action == "cut":
            _kill(workers[int(what)])
            (folder / f"cut-{what}").touch()
    os._exit(0)  # at once: the system ends the nodes, which have nothing to save


def _leave_out(module: str, folder: Path) -> None:
    """Let no process from here on import a module, as if it were not installed."""
    folder.mkdir()
    (folder / f"{module}.py").write_text("raise ImportError\n")
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), os.environ["PYTHONPATH"]])


def _started(folder: Path, nodes: int) -> list[Any]:
    """So many nodes with one CPU each, beside a head that takes no tasks."""
    import ray
    from ray.cluster_utils import Cluster

    common = {"node_ip_address": ADDRESS, "object_store_memory": STORE_BYTES}
    head = {"num_cpus": 0, "include_dashboard": False, "temp_dir": str(folder)}
    head |= {"_system_config": HEALTH}
    cluster = Cluster(initialize_head=True, head_node_args=common | head)
    workers = [cluster.add_node(num_cpus=1, **common) for _ in range(nodes)]
    ray.init(address=cluster.address, log_to_driver=False)
    return workers


def _kill(node: Any) -> None:
    """SIGKILL to the raylet of a node; its workers end without it."""
    for started in node.all_processes["raylet"]:
        started.process.send_signal(signal.SIGKILL)


def _run(path: Path) -> None:
    """Run the tasks at a path; beside it a byte for each that has ended, then all results."""
    import ray

    function, items = pickle.loads(path.read_bytes())
    remote = ray.remote(max_retries=-1, scheduling_strategy="SPREAD")(function)
    references = [remote.remote(item) for item in items]
    waiting = references
    outcome: tuple[list[Any], str] = ([], "")
    try:
        with path.with_suffix(".done").open("ab", buffering=0) as done:
            while waiting:
                ended, waiting = ray.wait(waiting)
                done.write(b"." * len(ended))
        outcome = (ray.get(references), "")
    except Exception as error:
        outcome = ([], f"{type(error).__name__}: {str(error).strip().splitlines()[-1]}")
    partial = path.with_suffix(".partial")
    partial.write_bytes(pickle.dumps(outcome))
    partial.rename(path.with_suffix(".result"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
