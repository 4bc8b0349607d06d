"""What `python -m scaletoolkit` can do, a file a command.

A command's name is its file's, its help the first line of its docstring. `command(parser)` adds
its options and hands back the function that runs it: options in, exit status out. It raises
LabError, one sentence, where it cannot.

doctor  what this machine has, and what is missing
list    the labs and their questions
run     one lab from top to bottom, without a browser
hpa     your own traffic against your own autoscaler
"""
