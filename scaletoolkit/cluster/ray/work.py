"""What the nodes of a Ray cluster are asked to do: tasks, a training, a model server.

Each action gets the path of the file that asked for it, and what lay there. `ray` is imported by
whoever runs one.
"""

import math
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from scaletoolkit.machine.ranks import rank
from scaletoolkit.machine.ranks.folder import Folder

ADDRESS = "127.0.0.1"
PORT = 8000
PAGE = "/v1/predict"
ONGOING = 100  # Ray's own limit of 5 requests in a replica would also bound its batches
PATIENCE_S = 60


def run_tasks(path: Path, function: Callable[[Any], Any], items: list[Any]) -> list[Any]:
    """What function(item) returned for each item; beside the path a byte for each done."""
    import ray

    remote = ray.remote(max_retries=-1, scheduling_strategy="SPREAD")(function)
    references = [remote.remote(item) for item in items]
    waiting = references
    with path.with_suffix(".done").open("ab", buffering=0) as done:
        while waiting:
            ended, waiting = ray.wait(waiting)
            done.write(b"." * len(ended))
    results: list[Any] = ray.get(references)
    return results


def run_training(path: Path, job: Path, world_size: int, nodes: int) -> None:
    """Let a TorchTrainer run the job in a folder, its ranks spread over the nodes."""
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    scaling = ScalingConfig(
        num_workers=world_size,
        resources_per_worker={"CPU": share(world_size, nodes)},
        placement_strategy="SPREAD",
    )
    kept = RunConfig(name=path.name, storage_path=str(path.parent / "train"))
    trainer = TorchTrainer(
        _run_rank, train_loop_config={"job": job}, scaling_config=scaling, run_config=kept
    )
    trainer.fit()


def _run_rank(config: Mapping[str, Any]) -> None:
    """One rank of a job: TorchTrainer has said in the environment which, and joined the group."""
    os.environ["TORCHELASTIC_RESTART_COUNT"] = "0"
    rank.main(Folder(config["job"]), launched=False)


def share(processes: int, nodes: int) -> float:
    """Of a CPU, for each of so many processes: what lets all fit on nodes that have one each."""
    on_each = math.ceil(processes / nodes)
    return math.floor(1000 / on_each) / 1000


def start_serving(
    path: Path, folder: str, max_batch_size: int, autoscaling: Mapping[str, Any], nodes: int
) -> None:
    """Deploy a model behind Ray Serve's HTTP proxy, on the head; its replicas are ready then."""
    from ray import serve

    from scaletoolkit.cluster.ray.replica import Replica

    serve.start(proxy_location="HeadOnly", http_options={"host": ADDRESS, "port": PORT})
    deployment = serve.deployment(
        max_ongoing_requests=ONGOING,
        ray_actor_options={"num_cpus": share(autoscaling["max_replicas"], nodes)},
        autoscaling_config=dict(autoscaling),
    )(Replica)
    serve.run(deployment.bind(folder, max_batch_size), name=path.name, route_prefix=PAGE)


def ask(path: Path, body: bytes) -> tuple[int, bytes]:
    """The answer to a request: (HTTP's status, body)."""
    request = urllib.request.Request(f"http://{ADDRESS}:{PORT}{PAGE}", body)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def replicas(path: Path) -> int:
    """How many replicas are ready."""
    from ray import serve

    (application,) = serve.status().applications.values()
    (deployment,) = application.deployments.values()
    return deployment.replica_states.get("RUNNING", 0)


def stop_serving(path: Path) -> None:
    """End the model server."""
    from ray import serve

    serve.shutdown()
