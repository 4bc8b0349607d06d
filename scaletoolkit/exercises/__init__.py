"""The exercises, one file a lab, named like its notebook.

A file holds each exercise's story, hints, cases, solution and the wrong answers that people give.
A notebook writes `from scaletoolkit.exercises import autoscaling as exercise`.
"""
