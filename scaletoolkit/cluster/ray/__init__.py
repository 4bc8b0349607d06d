"""The same on Ray: tasks over nodes, of which one may be killed; Train, Serve. Labs 01, 09, 12.

`local` starts a Ray cluster of several nodes on this machine, in a network of its own.

own          the notebook's side of that cluster
nodes        what runs in there: the nodes
work         what they are asked to do: tasks, a training, a model server
replica      what runs in a replica of Ray Serve
autoscaling  an autoscaler's wishes as Ray Serve's autoscaling_config
"""

from scaletoolkit.cluster.absence import Absent
from scaletoolkit.cluster.ray.autoscaling import autoscaling_config
from scaletoolkit.cluster.ray.own import Deployment, OwnCluster, RayError, Tasks, local

__all__ = [
    "Absent",
    "Deployment",
    "OwnCluster",
    "RayError",
    "Tasks",
    "autoscaling_config",
    "local",
]
