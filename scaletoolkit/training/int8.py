"""Models in 8-bit integers and in half floats, and how their engines run them. Lab 06.

An ONNX model is a folder as `export` leaves it: `model.onnx` and `model.json`. Activations have one
scale a tensor, and a zero point; weights one scale a tensor from `quantize`, one a channel from
`calibrate`. Weights use seven of their eight bits, so that processors which add two products in 16
bits cut no sum.
"""

import contextlib
import copy
import io
import json
import logging
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from scaletoolkit.machine import measure
from scaletoolkit.training.compression import kept_two_of_four

Images = npt.NDArray[np.float32]
METHODS = ("MinMax", "Percentile", "Entropy")


def quantize(folder: Path | str, target: Path | str) -> Path:
    """The model with 8-bit weights; each call finds the range of its own activations: the folder.

    This is ONNX Runtime's dynamic quantization: nothing to calibrate, some work at every call.
    Weights use seven of their bits: x86 processors without VNNI add two products in 16 bits, which
    eight would overflow. Source: onnxruntime.ai, "Quantize ONNX Models", on reduce_range.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _prepared(folder, target) as (prepared, path):
        quantize_dynamic(prepared, path, reduce_range=True, weight_type=QuantType.QInt8)
    return path.parent


def calibrate(
    folder: Path | str, target: Path | str, images: Images, method: str = "MinMax"
) -> Path:
    """The model with 8-bit weights and activations whose ranges these images tell: the folder.

    This is ONNX Runtime's static quantization, in its QDQ format. method: one of METHODS, how a
    range comes from the values that were seen. Raises ValueError for another, and for no images.
    Weights use seven bits, as in `quantize`.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}; got {method!r}")
    if not len(images):
        raise ValueError("calibration needs at least one image, got none")
    with _prepared(folder, target) as (prepared, path):
        quantize_static(
            prepared,
            path,
            _reader(images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod[method],
        )
    return path.parent


@contextlib.contextmanager
def _prepared(folder: Path | str, target: Path | str) -> Iterator[tuple[Path, Path]]:
    """(a model with its batch normalization folded, where the new one goes).

    ONNX Runtime talks meanwhile, to stdout and to the root logger; nobody hears it.
    """
    from onnxruntime.quantization.shape_inference import quant_pre_process

    target = Path(target)
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(folder) / "model.json", target)
    prepared = target / "prepared.onnx"
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            _without_shapes(Path(folder) / "model.onnx", prepared)
            quant_pre_process(prepared, prepared, skip_symbolic_shape=True)
            _without_shapes(prepared, prepared)
            yield prepared, target / "model.onnx"
    finally:
        logging.disable(level)
        prepared.unlink(missing_ok=True)


def _without_shapes(source: Path, target: Path) -> None:
    """Write a model without the shapes that it notes of its inner values: ONNX infers them anew.

    Those of weights would contradict what quantization makes of them.
    """
    import onnx

    model = onnx.load(source)
    del model.graph.value_info[:]
    onnx.save(model, target)


def _reader(images: Images) -> Any:
    """The images as ONNX Runtime's calibration asks for them, 32 at a time."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):
        batches = iter([{"input": images[i : i + 32]} for i in range(0, len(images), 32)])

        def get_next(self) -> dict[str, Images] | None:
            return next(self.batches, None)

    return Reader()


def session(folder: Path | str, profile: Path | None = None) -> Any:
    """An InferenceSession of a folder's model on one thread of the CPU.

    profile: with what name the file begins that says how long each operator took, see `operators`.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if profile:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    path = Path(folder) / "model.onnx"
    return onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])


def operators(session: Any) -> dict[str, float]:
    """Seconds in each kind of operator, all runs together, of a session with a profile: ends it."""
    path = Path(session.end_profiling())
    seconds: Counter[str] = Counter()
    for event in json.loads(path.read_text()):
        if event["name"].endswith("_kernel_time"):
            seconds[event["args"]["op_name"]] += event["dur"] / 1e6
    path.unlink()
    return dict(seconds.most_common())


def answers(session: Any, images: Images) -> npt.NDArray[np.int64]:
    """The class that a session gives to each image."""
    return session.run(None, {"input": images})[0].argmax(1)


def milliseconds(
    folders: Mapping[str, Path], images: Images, repeats: int = 10
) -> dict[str, float]:
    """The fewest milliseconds that each folder's model takes for these images, taken in turns."""
    runs = {name: session(folder).run for name, folder in folders.items()}
    calls = {name: partial(run, None, {"input": images}) for name, run in runs.items()}
    seconds = measure.timings(calls, repeats, "timing")
    return {name: 1e3 * min(calls_s) for name, calls_s in seconds.items()}


def size_bytes(folder: Path | str) -> int:
    """How many bytes the file of a folder's model has."""
    return (Path(folder) / "model.onnx").stat().st_size


def precisions(
    model: nn.Sequential, images: Tensor, labels: Tensor, device: str
) -> list[dict[str, str | float]]:
    """Rows of a table: a perceptron on a device in fp32, fp16, bf16, and in 2:4 sparse fp16.

    ms 1, ms 128: the fewest milliseconds of a call with 1 and with 128 images. right: in % of all.
    2:4 is there on CUDA alone: of four neighbours two are kept, and the tensor cores skip the rest.
    """
    halves = {"fp16": torch.float16, "bf16": torch.bfloat16}
    kinds = {"fp32": torch.float32} | halves
    model.eval()
    nets = {name: copy.deepcopy(model).to(device, dtype) for name, dtype in kinds.items()}
    if device.startswith("cuda"):
        nets["fp16, 2:4 sparse"] = _two_of_four(copy.deepcopy(nets["fp16"]))
    rows: list[dict[str, str | float]] = []
    for name, net in nets.items():
        here = images.to(device, kinds[name.partition(",")[0]])
        with torch.inference_mode():
            right = (net(here).argmax(1).cpu() == labels).double().mean().item()
            tasks = {count: lambda net=net, x=here[:count]: _finish(net(x)) for count in (1, 128)}
            seconds = {count: min(s) for count, s in measure.timings(tasks, 20).items()}
        ms = {f"ms {count}": 1e3 * call_s for count, call_s in seconds.items()}
        rows.append({"numbers": name, **ms, "right": 100 * right})
    return rows


def _finish(result: Tensor) -> None:
    if result.is_cuda:
        torch.cuda.synchronize(result.device)


def _two_of_four(model: nn.Sequential) -> nn.Sequential:
    """The model with its hidden layers in CUDA's 2:4 format; the last one is too narrow for it."""
    layers = [layer for layer in model if isinstance(layer, nn.Linear)]
    for layer in layers[:-1]:
        sparse = torch.sparse.to_sparse_semi_structured(kept_two_of_four(layer.weight))
        layer.weight = nn.Parameter(sparse, requires_grad=False)
    return model
