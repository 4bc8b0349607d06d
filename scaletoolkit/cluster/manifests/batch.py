"""A model server as a job of Slurm's: a script for sbatch. Lab 12.

Source: slurm.schedmd.com/sbatch.html.
"""

import shlex

from scaletoolkit.cluster.manifests import workload
from scaletoolkit.service import signature
from scaletoolkit.service.settings import Settings
from scaletoolkit.serving.autoscaling import Spec

SCRIPT = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --ntasks={servers}
#SBATCH --cpus-per-task={cores}
#SBATCH --mem-per-cpu={memory_mib}M
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --output=%x-%j.log

# The model lies where every node sees it. Each task is a server with a queue of its own; its
# address stands in the log. MODEL=... sbatch serve.sbatch takes another file.
MODEL=${{MODEL:-{model}}}
export OMP_NUM_THREADS=1
srun --kill-on-bad-exit=0 bash -c 'echo "$(hostname) task $SLURM_PROCID"; exec python -m \\
    scaletoolkit serve "$0" {options} --port 0' "$MODEL"
"""
LOSSES = (
    "A server answers on loopback only: clients run on its node, in the same job.",
    "Slurm has no autoscaler: the job has as many servers as it asked for.",
    "There is no one address: the log has one for each task, and a client must choose.",
    "After 24 hours the job ends; a longer --time may wait longer in the queue.",
    "--requeue starts the job again when a node is lost, not when a server ends.",
)


def script(settings: Settings, spec: Spec) -> tuple[str, list[str]]:
    """(the script, losses): as many servers as the autoscaler would have at least."""
    cpu_milli = settings.cpu_milli or 1000
    memory = workload.resources(settings)["requests"]["memory"]
    cores = max(1, -(-cpu_milli // 1000))
    told = workload.arguments(settings)[5:]  # without the model, host and port
    text = SCRIPT.format(
        name=spec.target.split(" ", 1)[1],
        servers=max(1, spec.min_replicas),
        cores=cores,
        memory_mib=-(-int(memory.removesuffix("Mi")) // cores),
        model=shlex.quote(str(signature.file(settings.folder).resolve())),
        options=shlex.join(told),
    )
    wanted = f"maxReplicas {spec.max_replicas} is dropped: there are {max(1, spec.min_replicas)}."
    return text, [*LOSSES, wanted, *workload.dropped(settings)]
