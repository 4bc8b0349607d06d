"""Jobs of two ranks that run at once and take turns: by this library's launcher, and by torchrun.

Every job has ranks of its own, as in real use: models that share processes push each other out of
the caches. A turn is a few steps.
"""

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scaletoolkit.machine import measure, ranks

HERE = Path(__file__).parent
OURS = "scaletoolkit"
SCRIPT = "hand-written torchrun script"


def in_turns(jobs):
    """Rows: the median step of each job over its turns, and of its ratio to ours in that turn.

    jobs: {name: function of (folder, place, jobs) that returns the seconds of its turns}, see
    `turns.take_turns`; one of them is OURS.
    """
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(len(jobs)) as pool:
        running = {
            name: pool.submit(run, folder, place, len(jobs))
            for place, (name, run) in enumerate(jobs.items())
        }
        seconds = {name: job.result() for name, job in running.items()}
    return [{"step": name} | against(seconds[name], seconds[OURS]) for name in jobs]


def against(seconds, ours):
    """Columns: the median, and that of its ratio to ours in the same turn."""
    ratios = [its_s / our_s for its_s, our_s in zip(seconds, ours, strict=True)]
    low = measure.percentile(ratios, 25)
    high = measure.percentile(ratios, 75)
    return {
        "ms": 1e3 * measure.median(seconds),
        "its time ÷ ours": measure.median(ratios),
        "in half of the turns": f"{low:.2f} to {high:.2f}",
    }


def by_library(function, **arguments):
    """A job of `in_turns`: function(rank, world_size, folder=, place=, jobs=, …) on two ranks."""

    def run(folder, place, jobs):
        given = {"folder": folder, "place": place, "jobs": jobs, **arguments}
        return ranks.launch(function, 2, **given)[0]

    return run


def by_script(name):
    """The same of a script in this folder, started by torchrun."""

    def run(folder, place, jobs):
        with tempfile.TemporaryDirectory() as logs:
            launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
            options = ["--nproc-per-node=2", f"--log-dir={logs}"]
            script = [str(HERE / name), folder, str(place), str(jobs)]
            environment = os.environ | {"OMP_NUM_THREADS": "1"}
            command = [*launcher, *options, *script]
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=True
            )
        return json.loads(done.stdout.splitlines()[-1])

    return run
