"""Your own ONNX model behind the server of lab 07, until Ctrl-C.

Its inputs, outputs and their types are read from the file. Clients of the Open Inference Protocol
work against it; the page at / says how.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scaletoolkit import lab, service
from scaletoolkit.kubernetes.document import MOST_BYTES
from scaletoolkit.service.autoscaler import Autoscaler
from scaletoolkit.service.gateway import welcome
from scaletoolkit.service.settings import EVERYWHERE, LOOPBACK, Options
from scaletoolkit.serving import autoscaling
from scaletoolkit.serving.autoscaling.signals import wire

SIZES = {
    "replicas": "processes that run the model",
    "max_batch_size": "items that one call of the model answers",
    "max_queue_delay_microseconds": "how long a batch that is not full waits for more",
    "max_queue_size": "items that may wait; who comes then is refused",
}


def command(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """What `serve` takes and does."""
    parser.add_argument("model", help="an .onnx file, or a folder with model.onnx")
    parser.add_argument("--port", type=int, default=8000, help="0 takes one that is free")
    parser.add_argument("--host", default=LOOPBACK, help=f"{EVERYWHERE} in a container")
    add_settings(parser)
    return _serve


def add_settings(parser: ArgumentParser) -> None:
    """The options that say how a model is served, wherever it is."""
    parser.add_argument("--timeout-s", type=float, default=service.Settings.timeout_s)
    for name, about in SIZES.items():
        default = None if name == "replicas" else getattr(service.Settings, name)
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=int, default=default, help=about)
    cached = "how many answers to keep"
    parser.add_argument("--cache", "--cache-items", type=int, default=0, help=cached)
    parser.add_argument("--cache-ttl-s", type=float, help="for how long at most")
    parser.add_argument("--autoscale", metavar="HPA.yaml", help="a HorizontalPodAutoscaler's file")


def _serve(options: Namespace) -> int:
    try:
        spec = autoscaler_of(options.autoscale)
        told = settings(options, spec) | {"port": options.port, "host": options.host}
        with service.start(options.model, **told) as server:
            _say(server, spec)
            with _autoscaled(server, spec):
                server.wait()
    except ValueError as error:
        raise lab.LabError(f"{str(error).removesuffix('.')}.") from None


def settings(options: Namespace, spec: autoscaling.Spec | None) -> Options:
    """What the command line says of the server; an autoscaler begins with its fewest replicas."""
    fewest = spec.min_replicas if spec else service.Settings.replicas
    return {
        "replicas": fewest if options.replicas is None else options.replicas,
        "max_batch_size": options.max_batch_size,
        "max_queue_delay_microseconds": options.max_queue_delay_microseconds,
        "max_queue_size": options.max_queue_size,
        "timeout_s": options.timeout_s,
        "cache_items": options.cache,
        "cache_ttl_s": options.cache_ttl_s,
    }


def autoscaler_of(path: str | None) -> autoscaling.Spec | None:
    """The autoscaler of a manifest file; None without one. Raises ManifestError, OSError."""
    if path is None:
        return None
    with Path(path).open("rb") as opened:
        spec = autoscaling.parse(opened.read(MOST_BYTES + 1))
    wire(spec)  # says which metric nothing here can feed
    return spec


def _say(server: service.Server, spec: autoscaling.Spec | None) -> None:
    model = server.settings.model
    if spec:
        print(f"{spec}; it decides every {autoscaling.FLAGS.sync_period_s:g} s.")
    if server.settings.host == EVERYWHERE:
        print("Whoever can reach this machine can ask it.")
    for tensor in (*model["inputs"], *model["outputs"]):
        print(f"{tensor['name']:<20} {tensor['datatype']:<7} {tensor['shape']}")
    addresses = f"{server.url}/v1/predict and /v2; {server.url}/ has more"
    print(f"{model['name']} answers at {addresses}. Ctrl-C ends it. Try:", flush=True)
    print(welcome.predict_command(model, server.url), flush=True)


@contextmanager
def _autoscaled(server: service.Server, spec: autoscaling.Spec | None) -> Iterator[None]:
    """While it lasts, the autoscaler decides; what changes is printed."""
    if spec is None:
        yield
        return
    with Autoscaler(server, spec, told=_told):
        yield


def _told(decision: autoscaling.Decision) -> None:
    if decision.rescaled:
        print(decision, flush=True)
