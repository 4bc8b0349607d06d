"""What `python -m scaletoolkit` can do, a file a command.

A command's name is its file's, its help the first line of its docstring. `command(parser)` adds
its options and hands back the function that runs it: options in, exit status out. It raises
LabError, one sentence, where it cannot.

doctor    what this machine has, and what is missing
list      the labs and their questions, and how far you are
start     a lab for you: a copy in `my/`
update    what is new in the course, brought into your copies
reset     your copy of a lab, or one cell of it, as you got it
run       one lab from top to bottom, without a browser
prepare   the data that the labs read, made beforehand
hpa       your own traffic against your own autoscaler
capacity  machines for features, each line by its law
tenant    a team's request as manifests for a cluster, or all that is wrong with it
bill      who pays for machines that teams share, to the cent
export    a model server and its autoscaler as files for Kubernetes, KEDA, Triton, Ray, Slurm
serve     your own ONNX model behind the server of lab 07
plan      what your own product costs, and how sure that is
class     what a teacher needs: its own commands lie in classes/
classes/  the commands of `class`
_finder   which commands there are
"""
