"""The process that runs the model: `python -m scaletoolkit.service.replica`.

Nothing in here imports a web framework, torch or pyarrow: a replica should be there soon.

__main__  connects to the gateway, loads the model, answers batches
memory    how much of it the process has, and may have
template  the warm process from which replicas are forked
"""
