"""The same on Ray: tasks over nodes, of which one may be killed. Labs 01, 09 and 12.

`local` starts a Ray cluster of several nodes on this machine, in a network of its own.

own          the notebook's side of that cluster
nodes        what runs in there: the nodes, and the tasks on them
autoscaling  an autoscaler's wishes as Ray Serve's autoscaling_config
"""

from scaletoolkit.cluster.absence import Absent
from scaletoolkit.cluster.ray.autoscaling import autoscaling_config
from scaletoolkit.cluster.ray.own import OwnCluster, RayError, Tasks, local

__all__ = ["Absent", "OwnCluster", "RayError", "Tasks", "autoscaling_config", "local"]
