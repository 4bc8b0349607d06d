"""Many teams on the same machines: who goes first, who may use how much, who pays. Lab 11.

queueing   whose request is next: start-time fair queueing, a bound a tenant; token bucket
reading    quantities and money of a file, exact
platforms  what the machines have and cost, and which teams are there: the operators' file
requests   what a team asks for, and all that is wrong with it
manifests  the same for Kubernetes and Kueue
policy     what is wrong with manifests that their schemas accept
limits     what is wrong with a LimitRange
quotas     what each team may use, lends and borrows, as Kueue counts it; a day of GPU jobs
usage      what teams used, and prices, from files
admission  whether a namespace takes a pod: Kubernetes' LimitRange and ResourceQuota
billing    costs by OpenCost's rules, idle machines, a bill that adds up to the cent
"""

from scaletoolkit.teams.queueing import FairQueue, TokenBucket

__all__ = ["FairQueue", "TokenBucket"]
