"""What a model runs on: CUDA where ONNX Runtime has it, else the CPU. Lab 07."""

PREFERRED = ("CUDAExecutionProvider", "CPUExecutionProvider")


def available() -> list[str]:
    """The execution providers that ONNX Runtime has here, by its names, the preferred one first."""
    import onnxruntime  # of the replicas, only one that loads a model pays for it

    here = onnxruntime.get_available_providers()
    return [name for name in PREFERRED if name in here]
