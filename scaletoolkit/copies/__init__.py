"""The labs' notebooks, and what a learner makes of them: a copy that is theirs, kept up to date.

A notebook is read as the JSON that it is: importing nbformat takes two seconds.

labs      the notebooks of the course
edition   a lab as a learner gets it: nothing executed, nothing guessed
folder    `my/`: the copies, the editions that they came from, backups
matching  the same cell in two notebooks
merge     a copy, the edition that it came from and the newest one: one notebook
progress  how far a copy has come
client    what executes a notebook, with bounds
"""
