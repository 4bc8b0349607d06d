"""A model server and its autoscaler for Kubernetes, KEDA, Triton, Ray or Slurm, as files.

Nothing is written unless every file is right; what does not translate is in LOSSES.md.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from scaletoolkit import lab, service
from scaletoolkit.cluster import checks, manifests
from scaletoolkit.cluster.manifests.targets import IMAGE
from scaletoolkit.commands import serve
from scaletoolkit.lab import profile
from scaletoolkit.machine import files, folders
from scaletoolkit.service import signature
from scaletoolkit.serving import autoscaling
from scaletoolkit.training import export

LOSSES = "LOSSES.md"
NEXT = {
    "kubernetes": "kubectl apply --dry-run=server -f {out}/deployment.yaml   # one by one, each",
    "keda": "kubectl apply --dry-run=server -f {out}/scaled-object.yaml",
    "triton": "cp {model} {out}/models/{name}/1/model.onnx, then tritonserver "
    "--model-repository={out}/models",
    "ray": "kubectl apply --dry-run=server -f {out}/ray-service.yaml",
    "slurm": "sbatch --test-only {out}/serve.sbatch",
}
# That of labs/model-server-hpa.yaml
DEFAULT = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: model-server-hpa}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: model-server}
  minReplicas: 2
  maxReplicas: 20
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}
    - type: Pods
      pods:
        metric: {name: inference_queue_length}
        target: {type: AverageValue, averageValue: "10"}
"""


def command(parser: ArgumentParser) -> Callable[[Namespace], int]:
    """What `export` takes and does."""
    parser.add_argument("--to", required=True, choices=[*manifests.TARGETS])
    parser.add_argument("--out", required=True, metavar="FOLDER", type=Path)
    asked = "an .onnx file, or a folder with one; lab 07's classifier without it"
    parser.add_argument("--model", help=asked)
    parser.add_argument("--image", default=IMAGE, help="what the image is called")
    parser.add_argument("--cpu-milli", type=int, help="thousandths of a core that a replica gets")
    parser.add_argument("--replace", action="store_true", help="write over files that differ")
    serve.add_settings(parser)
    return _export


def _export(options: Namespace) -> int:
    try:
        folder = str(_lab_07()) if options.model is None else options.model
        spec = serve.autoscaler_of(options.autoscale) or autoscaling.parse(DEFAULT)
        told = serve.settings(options, None) | {"cpu_milli": options.cpu_milli}
        settings = service.Settings(folder, **told)
        texts, losses = manifests.TARGETS[options.to](settings, spec, image=options.image)
    except ValueError as error:
        raise lab.LabError(f"{str(error).removesuffix('.')}.") from None
    wrong = [f"{name}: {sentence}" for name in texts for sentence in _problems(name, texts[name])]
    if wrong:
        raise lab.LabError("Nothing is written. " + " ".join(wrong))
    told_losses = "".join(f"- {loss}\n" for loss in losses)
    texts[LOSSES] = f"# What does not translate to {options.to}\n\n{told_losses}"
    for name in write(options.out, texts, options.replace):
        print(options.out / name)
    print("What does not translate:", *losses, sep="\n- ")
    facts = {"out": options.out, "model": signature.file(folder), "name": settings.model["name"]}
    print(f"Next: {NEXT[options.to].format(**facts)}")
    return 0


def _lab_07() -> Path:
    """The folder with the classifier of lab 07, trained when it is asked for the first time."""
    folder = profile.data_folder() / "models" / "digits-512"
    model = folder / "model.onnx"
    if model.is_file():
        return folder
    with folders.alone(folder, "waiting for who trains the classifier of digits"):
        if not model.is_file():
            print("No --model: lab 07's classifier of digits is trained first; it takes a minute.")
            with folders.replaced(folder) as partial:
                export.digits(partial)
    return folder


def _problems(name: str, text: str) -> list[str]:
    return checks.problems(text) if name.endswith(".yaml") else []


def write(folder: Path, texts: Mapping[str, str], replace: bool = False) -> list[str]:
    """Write the files into the folder, all or none: the names of those that were written.

    Raises LabError where a file is there that differs, unless `replace`.
    """
    changed = [name for name, text in texts.items() if _there(folder / name) != text]
    others = [name for name in changed if (folder / name).exists()]
    if others and not replace:
        differ = ", ".join(others)
        raise lab.LabError(f"In {folder} these differ: {differ}. --replace writes over them.")
    with ExitStack() as stack:
        for name in changed:
            path = folder / name
            stack.enter_context(folders.alone(path, f"waiting for {path.name}"))
            partial = stack.enter_context(files.replaced(path))
            partial.write_text(texts[name], encoding="utf-8")
    return changed


def _there(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
