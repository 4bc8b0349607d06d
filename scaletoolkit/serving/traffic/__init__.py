"""Traffic for a server, and what it felt like: closed loop by Locust, open loop by Poisson. Lab 07.

    steps = [(10, 20), (10, 200)]                       # (seconds, level)
    run = traffic.closed_loop(url, steps, payloads)     # levels are users
    run = traffic.open_loop(url, steps, payloads)       # are requests a second
    run.rows()                                          # a row a second, meanwhile
    result = run.wait("step")                           # every request of it

Both run as processes of their own, end with this one, and need nothing but the server's address.

arrivals    a day in steps of a rate, and when requests come
recorded    traffic as somebody recorded it, from a CSV file
tally       what became of every request: rows a second, and the whole
runs        starts a load test, reads its rows while it runs, hands back a LoadResult
sender      the process that sends when it is time, whatever the server does
users       the process of Locust's users, which wait for their answers
locustfile  what Locust runs; only its own process imports it
"""

from scaletoolkit.serving.traffic.arrivals import diurnal, poisson
from scaletoolkit.serving.traffic.recorded import TrafficError, read_traffic
from scaletoolkit.serving.traffic.runs import LoadError, LoadResult, closed_loop, open_loop

__all__ = [
    "LoadError",
    "LoadResult",
    "TrafficError",
    "closed_loop",
    "diurnal",
    "open_loop",
    "poisson",
    "read_traffic",
]
