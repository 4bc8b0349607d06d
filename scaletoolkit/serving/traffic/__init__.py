"""Traffic for a server, and what it felt like: closed loop by Locust, open loop by Poisson. Lab 07.

    run = traffic.closed_loop(url, traffic.step(20, 200), payloads)     # steps are users
    run = traffic.open_loop(url, traffic.step(20, 200), payloads)       # are requests a second
    run.rows()                                                          # a row a second, meanwhile
    result = run.wait("step")                                           # every request of it

Both run as processes of their own, end with this one, and need nothing but the server's address.

arrivals    steps of a rate, and when requests come
recorded    traffic as somebody recorded it, from a CSV file
tally       what became of every request: rows a second, and the whole
runs        starts a load test, reads its rows while it runs, hands back a LoadResult
client      HTTP/1.1 on asyncio, just enough of it
sender      the process that sends when it is time, whatever the server does
users       the process of Locust's users, which wait for their answers
locustfile  what Locust runs; only its own process imports it
"""

from scaletoolkit.serving.traffic.arrivals import diurnal, poisson, spike, steady, step
from scaletoolkit.serving.traffic.recorded import TrafficError, read_traffic
from scaletoolkit.serving.traffic.runs import LoadError, LoadResult, LoadRun, closed_loop, open_loop

__all__ = [
    "LoadError",
    "LoadResult",
    "LoadRun",
    "TrafficError",
    "closed_loop",
    "diurnal",
    "open_loop",
    "poisson",
    "read_traffic",
    "spike",
    "steady",
    "step",
]
