"""Many teams on the same machines: who goes first, who may use how much, who pays. Lab 11.

queueing   whose request is next: start-time fair queueing, a bound a tenant; token bucket
"""

from scaletoolkit.teams.queueing import FairQueue, TokenBucket

__all__ = ["FairQueue", "TokenBucket"]
