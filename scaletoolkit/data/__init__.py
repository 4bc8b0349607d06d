"""Data scale: the one data set, and how little of it a question must read. Labs 01 and 02.

events/      the seeded events of a shop, any number of rows: generator, files
own/         a learner's own files in the same form
partitions   what a query must read (01)
batches      record batches on their way into files (01)
sampling     estimates that know their error (02): draws, formulas
sketches     how many different numbers, from sixteen kilobytes (02)
incremental  the same work never done twice (02)
changefeed   the same with Delta Lake's change feed (02)
"""
