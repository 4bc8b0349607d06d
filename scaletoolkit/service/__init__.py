"""The model server: one gateway, a bounded queue, replicas that come and go. Labs 07 to 12.

    folder = export.digits(processes.workspace("model"))
    with service.start(folder, replicas=2, max_batch_size=32) as server:
        server.predict([[0.0] * 64])
        server.resize(5)

settings   what a server is told, checked
server     starts a gateway from a notebook or a test and talks to it
models     torch to ONNX: recipes of models, made here
autoscaler Kubernetes' controller beside a running server; imported by its own name, for every
           replica imports this page and should be there soon
observation  what happened between two readings of /metrics
gateway    the process that speaks HTTP
asgi       the little HTTP between uvicorn and a batch: one write, a short way
payloads   what a request must look like; every mistake is one sentence
metrics    what /metrics says, in Prometheus' format
fleet      keeps as many replicas alive as are wanted
member     one replica, seen from the gateway
nursery    starts the processes of replicas
template   the warm process that forks them
replica    the process that runs the model
budget     a CPU limit for a process, as a token bucket
frames     what gateway and replica say to each other
exports    the same settings for Triton, and what does not translate
"""

from scaletoolkit.service.observation import Observation
from scaletoolkit.service.server import Server, ServerError, start
from scaletoolkit.service.settings import Settings

__all__ = ["Observation", "Server", "ServerError", "Settings", "start"]
