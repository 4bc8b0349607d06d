"""The exercises, one file a lab, named like its notebook.

A file holds each exercise's solution, story, hints and cases, the wrong answers that people give,
each with a clause that says what is wrong, and what draws arguments; in that order, and at its end
the `Book`. A notebook writes `from scaletoolkit.exercises import autoscaling as exercise`.
Solutions are printed as they stand here, so they look like the starter in the notebook: no types,
and what they need is imported inside.

start_here              lab 00
partitioning            lab 01
sampling_and_increments lab 02
data_parallel           lab 03
model_parallel          lab 04; _segments and _plan hold two of its exercises
checkpoint_and_resume   lab 05; _survive holds one of its exercises
smaller_models          lab 06
batching                lab 07
caching                 lab 08
autoscaling             lab 09
feature_store           lab 10
many_teams              lab 11; _fair_order and _quotas hold three of its exercises
capstone                lab 12; _review holds one of its exercises
"""
