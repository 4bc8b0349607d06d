"""scaletoolkit: learn how AI systems scale by measuring it.

The labs in `labs/` teach; these modules are what the labs import once they have shown an idea.
Importing the package imports none of them, so it costs nothing.

ground, imports nothing of ours
    lab         predict, claim, summary, exercises: how a lab speaks to its learner
    events      the one data set: seeded events of any size
    measure     time, percentiles, bytes read, memory; which device and backend are here
    laws        Amdahl, USL, Little, M/M/c and others: formula, source, fit
    plots       the house style; every function draws and returns None
    ranks       one function on several processes, which may talk to each other

parts, import ground only, one or two for each lab
    partitions  what a query must read (lab 01)
    sampling    estimates from a part of the data (lab 02)
    incremental the same work never done twice (lab 02)
    changefeed  the same, following updates and deletes in Delta Lake (lab 02)
    training    small models, one step, the same step on several ranks (lab 03)
    gradients   what an exchange of gradients costs (lab 03)
    loader      batches from Parquet files for every rank (lab 03)
    load        traffic for a server: closed loop by Locust, open loop by Poisson (lab 07)
    batching    requests that share one model call (lab 07)
    autoscaling how many replicas, and when, as Kubernetes decides it (lab 09)

assembly
    service     the model server: gateway, queue, replicas (labs 07, 09)
    exercises   one file a lab: stories, hints, checks, solutions, wrong answers
    doctor      what this machine has, and what is missing
    runner      labs without a browser
    __main__    the command line: doctor, list, run, hpa
"""

__version__ = "0.1.0"
