"""The process that speaks HTTP: `python -m scaletoolkit.service.gateway`.

__main__     its settings, its orders, its end
application  who asks, for what; what is answered, failures too
served       one model: its queue, its replicas, the answers that are kept
tenants      who asks, whose item is next, what each has had
answers      asks the model once for each item, and keeps what it said
repository   models that tenants bring: load, switch, roll back
versions     one version of such a model
connections  uvicorn's HTTP connections, with limits
asgi         the little HTTP between a connection and a batch
payloads     what a request must look like; every mistake is one sentence
inference    the same for the Open Inference Protocol, with tensors as JSON or as bytes
welcome      the page at `/`: commands for this very model
metrics      what /metrics says, in Prometheus' format
fleet        keeps as many replicas alive as are wanted; where they connect back
replicas     one replica, seen from the gateway
starter      starts the processes of replicas
"""
