"""Slurm's configuration, and the scripts that a queue takes.

Source: slurm.schedmd.com, slurm.conf and sbatch; tried with 22.05.
"""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

# Loopback only, no munge, no cgroups, no root: `enclosure` keeps strangers away. cred_expire is how
# long a requeued job waits at least; two minutes else.
CONFIGURATION = """\
ClusterName=local
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
MpiDefault=none
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=1
ReturnToService=2
EnforcePartLimits=ALL
SlurmdTimeout=3
MessageTimeout=2
KillWait=2
StateSaveLocation="{folder}/state"
SlurmdSpoolDir="{folder}/%n"
SlurmctldPidFile="{folder}/slurmctld.pid"
SlurmdPidFile="{folder}/%n.pid"
SlurmctldLogFile="{folder}/slurmctld.log"
SlurmdLogFile="{folder}/%n.log"
"""
NODE = "NodeName={name} NodeHostname={name} NodeAddr=127.0.0.1 Port={port} CPUs={cpus}\n"
PARTITION = "PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n"
FIRST_PORT = 6820

HEAD = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --cpus-per-task={cpus}
#SBATCH --output={output}
#SBATCH --open-mode=append
#SBATCH --requeue
"""
RANKS = """\
#SBATCH --nodes={nodes}
#SBATCH --ntasks-per-node=1

# All nodes see {folder} and have the same Python and packages.
# Only in a network that you trust: the first node's port will ask for no password.
name=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export FIRST=$(scontrol show node "$name" | sed -n 's/.*NodeAddr=\\([^ ]*\\).*/\\1/p')
export PORT=$((20000 + SLURM_JOB_ID % 10000))
export SCALETOOLKIT_REQUEUED=${{SLURM_RESTART_COUNT:-0}}  # a lost node's job begins anew
# A node that is lost is told by the controller: srun waits for that, and does not give up before.
srun --kill-on-bad-exit=0 --wait=600 bash -c {quoted}
"""
ARRAY = """\
#SBATCH --array=0-{last}

# All nodes see {folder} and have the same Python and packages.
export RANK=$SLURM_ARRAY_TASK_ID WORLD_SIZE=$SLURM_ARRAY_TASK_COUNT TORCHELASTIC_RESTART_COUNT=0
exec python -m scaletoolkit.machine.ranks.rank {quoted}
"""


def configuration(folder: Path, host: str, user: str, names: Sequence[str], cpus: int) -> str:
    """slurm.conf of a cluster on this machine, all of it in one folder."""
    nodes = (
        NODE.format(name=name, port=FIRST_PORT + number, cpus=cpus)
        for number, name in enumerate(names)
    )
    return CONFIGURATION.format(folder=folder, host=host, user=user) + "".join(nodes) + PARTITION


def of_ranks(name: str, nodes: int, ranks_a_node: int, folder: Path, torchrun: str) -> str:
    """The script of ranks over several nodes. torchrun: the line of `ranks.command`."""
    quoted = shlex.quote(f"\nNODE=$SLURM_NODEID\n{torchrun}\n")
    return _head(name, ranks_a_node, folder) + RANKS.format(
        nodes=nodes, folder=folder, quoted=quoted
    )


def of_array(name: str, tasks: int, folder: Path) -> str:
    """The script of a job array: so many tasks, each on its own."""
    quoted = shlex.quote(str(folder))
    return _head(name, 1, folder) + ARRAY.format(last=tasks - 1, folder=folder, quoted=quoted)


def _head(name: str, cpus: int, folder: Path) -> str:
    """What every script begins with; ValueError for a folder that Slurm cannot be told."""
    path = f"{folder}/said"
    if "\\" in path or "\n" in path:
        told = "Slurm writes to no folder whose name has a backslash or a line's end"
        raise ValueError(f"{told}, got {str(folder)!r}")
    output = _word(path.replace("%", "%%"))  # %j is the job's number
    return HEAD.format(name=_word(name), cpus=cpus, output=output)


def _word(text: str) -> str:
    """One word of a line that begins with #SBATCH, where no backslash saves a space."""
    plain = not re.search("[\\s\"'#]", text)
    return text if plain else '"{}"'.format(text.replace('"', '\\"'))
