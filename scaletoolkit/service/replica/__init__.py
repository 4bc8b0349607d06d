"""The process that runs the model: `python -m scaletoolkit.service.replica`.

__main__  connects to the gateway, loads the model, answers batches
template  the warm process from which replicas are forked
budget    a CPU limit for a process, as a token bucket
"""
