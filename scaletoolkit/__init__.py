"""scaletoolkit: learn how AI systems scale by measuring it.

The labs in `labs/` teach; these rooms hold what the labs import once they have shown an idea.
Importing the package imports none of them, so it costs nothing. Arrows go down only:

on top      service    the model server, by process: in the notebook, gateway/, replica/
            cluster    where it goes next: Kubernetes, KEDA, Triton, Ray, Slurm
            planning   what a product costs, and how sure that is (lab 12)
            exercises  one file a lab, named like its notebook
            copies     the labs' notebooks, and a learner's own copy of them, kept up to date
            classes    what a class hands in: graded as data, answers behind walls
            commands   a file a command; `__main__` finds it
axes        data       events, partitions, sampling, increments (labs 01, 02)
            training   models, ranks that share one, checkpoints, compression (labs 03 to 06)
            serving    traffic, batching, caching, autoscaling (labs 07 to 09)
            features   point-in-time joins, the store, capacity (lab 10)
            teams      who goes first, who may use how much, who pays (lab 11)
ground      laws       Amdahl, USL, Little, M/M/c and others: formula, source, fit
            kubernetes  how it writes things down: YAML, fields, quantities
            machine    measuring, hardware, processes, ranks
            lab        predict, claim, summary: how a lab speaks to its learner

An axis imports ground, never another axis; what stands on top imports all.
"""

__version__ = "0.1.0"
