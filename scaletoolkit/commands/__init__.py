"""What `python -m scaletoolkit` can do, a file a command.

doctor  what this machine has, and what is missing
labs    which labs there are, and one of them executed without a browser
hpa     your own traffic against your own autoscaler
"""
