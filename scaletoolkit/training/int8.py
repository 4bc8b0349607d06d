"""ONNX models in 8-bit integers, and how ONNX Runtime runs them. Lab 06.

A model is a folder as `export` leaves it: `model.onnx` and `model.json`. Floats become integers by
a scale and a zero point; weights get theirs here, one scale a channel.
"""

import contextlib
import io
import json
import logging
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.float32]
METHODS = ("MinMax", "Percentile", "Entropy")


def quantize(folder: Path | str, target: Path | str) -> Path:
    """The model with 8-bit weights; each call finds the range of its own activations: the folder.

    This is ONNX Runtime's dynamic quantization: nothing to calibrate, some work at every call.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _prepared(folder, target) as (prepared, path):
        quantize_dynamic(prepared, path, weight_type=QuantType.QInt8)
    return path.parent


def calibrate(
    folder: Path | str, target: Path | str, images: Images, method: str = "MinMax"
) -> Path:
    """The model with 8-bit weights and activations whose ranges these images tell: the folder.

    This is ONNX Runtime's static quantization, in its QDQ format. method: one of METHODS, how a
    range comes from the values that were seen. Raises ValueError for another, and for no images.
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
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod[method],
        )
    return path.parent


@contextlib.contextmanager
def _prepared(folder: Path | str, target: Path | str) -> Iterator[tuple[Path, Path]]:
    """(a model with its shapes known and batch normalization folded, where the new one goes).

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
            quant_pre_process(Path(folder) / "model.onnx", prepared, skip_symbolic_shape=True)
            yield prepared, target / "model.onnx"
    finally:
        logging.disable(level)
        prepared.unlink(missing_ok=True)


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


def size_bytes(folder: Path | str) -> int:
    """How many bytes the file of a folder's model has."""
    return (Path(folder) / "model.onnx").stat().st_size
