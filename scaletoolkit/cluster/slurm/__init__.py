"""The very functions of the labs on Slurm, the queue of most training clusters. Lab 12.

`local` starts a cluster of several nodes on this machine, `existing` finds the one that is here;
`script` is what a queue of ranks is given, for a cluster that this process does not reach.

own      a cluster on this machine: its nodes lose their power and get it back
client   what any cluster is asked: submit, map, nodes
job      a job of the queue: its state, its script, its results
texts    Slurm's configuration, and the scripts that a queue takes
"""

from scaletoolkit.cluster.absence import Absent
from scaletoolkit.cluster.slurm.client import Cluster, existing, script
from scaletoolkit.cluster.slurm.job import Job, SlurmError
from scaletoolkit.cluster.slurm.own import OwnCluster, local

__all__ = ["Absent", "Cluster", "Job", "OwnCluster", "SlurmError", "existing", "local", "script"]
