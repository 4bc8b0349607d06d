"""A class: what learners hand in is read as data, and their answers run behind walls.

A notebook of a stranger is never executed. Of each exercise the function is taken out, with what
it needs, and runs in a process that has given up files, network, programs and processes; this one
judges what comes out, and no expected value ever leaves it.

submissions  a folder's files as plain values, also the broken ones
asked        what a lab of the course asks for: its exercises, their names, its predictions
code         statements of a notebook: the names that each gives and needs
answers      the answers to an exercise in a submission, each with what it needs
walls        what a process gives up for good: Landlock, seccomp, limits (Linux)
syscalls     what is left to it of the system
box          the process in which one answer runs
readable     the files that it may read: Python's own
wire         plain values as text, between the two processes
remote       an answer in its box, called like a function
grading      what a submission comes to, judged by the labs' own judge
nbgrader     exercises as an assignment of nbgrader, for schools that must
sheets       a class as a table, and as pages that a learner can read
guesses      what a class predicted and found, from the records in its notebooks
picture      the same as one picture for the projector
kit          what an instructor takes along, made from a lab
"""
