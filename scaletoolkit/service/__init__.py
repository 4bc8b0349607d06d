"""The model server: one gateway, a bounded queue, replicas that come and go. Labs 07 to 12.

    folder = export.digits(processes.workspace("model"))
    with service.start(folder, replicas=2, max_batch_size=32) as server:
        server.predict([[0.0] * 64])
        server.resize(5)

Runs in the notebook's process:
server       starts a gateway and talks to it
observation  what happened between two readings of /metrics
autoscaler   Kubernetes' controller beside a running server; imported by its own name, for every
             replica imports this page and should be there soon

Runs in a process of its own:
gateway      a folder: what speaks HTTP
replica      a folder: what runs the model

Is shared by them:
settings     what a server is told, checked
tenancy      who may use it, and how much of it
signature    what a model takes and gives, read from its ONNX file
frames       what gateway and replica say to each other
providers    what a model runs on
"""

from scaletoolkit.service.observation import Observation
from scaletoolkit.service.server import Server, ServerError, start
from scaletoolkit.service.settings import Settings

__all__ = ["Observation", "Server", "ServerError", "Settings", "start"]
