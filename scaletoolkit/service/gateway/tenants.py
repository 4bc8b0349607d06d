"""Who asks, whose item is next, and what each tenant has had of the server. Lab 11.

Who asks is what the header x-tenant says, and is believed: whatever stands before this server, and
knows who a client is, must set it.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from scaletoolkit.machine.measure import Clock, Level
from scaletoolkit.service import tenancy
from scaletoolkit.service.gateway.payloads import BadRequest
from scaletoolkit.service.gateway.replicas import Answer, Item
from scaletoolkit.serving.batching import QueueFull, Request
from scaletoolkit.teams import FairQueue

HEADER = b"x-tenant"
Waiter = Request[Item, Answer]


class Account:
    """What one tenant has had. most: how many of its items may wait, if that is bounded.

    waiting: its items that wait, over time. answers: {HTTP's status: requests}. device_s: its share
    of the time that replicas have worked. models: {(name, version) of its own: bytes}, of which it
    may have model_bytes.
    """

    def __init__(self, told: tenancy.Tenant, clock: Clock) -> None:
        self.most = told.get("max_waiting")
        self.model_bytes = told.get("model_bytes", 0)
        self.models: dict[tuple[str, str], int] = {}
        self.waiting = Level(clock)
        self.answers: Counter[int] = Counter()
        self.device_s = 0.0


class Tenants:
    """The tenants of a server that has some; without, everybody is "" and nobody has an account.

    busy: replicas that work, whosever model they have, over time.
    """

    def __init__(self, tenants: tenancy.Tenants | None, fair: bool, clock: Clock) -> None:
        told = tenants or {}
        self.accounts = {name: Account(tenant, clock) for name, tenant in told.items()}
        self.busy = Level(time.perf_counter)
        self.weights = {name: tenant.get("weight", 1.0) for name, tenant in told.items()}
        self.fair = fair
        self._names = {name.encode(): name for name in told}

    def who(self, caller: Mapping[bytes, bytes]) -> str:
        """The tenant that asks; BadRequest where it is none of ours."""
        if not self.accounts:
            return ""
        said = caller.get(HEADER)
        if said in self._names:
            return self._names[said]
        if said is None:
            raise BadRequest("the header x-tenant must say who asks, and is missing", 403)
        told = said[:40].decode("ascii", "replace")
        raise BadRequest(f"there is no tenant {told!r} here; x-tenant must name one", 403)

    def check(self, tenant: str, items: int) -> None:
        """Refuse more items in one request than may ever wait."""
        most = self.accounts[tenant].most if tenant else None
        if most is not None and items > most:
            told = f"{items} items in one request; tenant {tenant!r} may have {most} waiting"
            raise BadRequest(told, 413)

    def charge(self, batch: Sequence[Waiter], seconds: float) -> None:
        """Share the time of a batch among its items."""
        for tenant, items in Counter([request.tenant for request in batch]).items():
            self.accounts[tenant].device_s += seconds * items / len(batch)

    def families(self, only: str = "") -> Iterator[Metric]:
        """What /metrics says of each tenant, or of one of them."""
        answers = CounterMetricFamily(
            "tenant_requests", "Requests answered.", labels=["status", "tenant"]
        )
        waiting = GaugeMetricFamily(
            "tenant_queue_length_now", "Items that wait.", labels=["tenant"]
        )
        waited = CounterMetricFamily(
            "tenant_queue_length_seconds", "Items that wait, over time.", labels=["tenant"]
        )
        device = CounterMetricFamily(
            "tenant_device_seconds", "Replicas' time, by items of a batch.", labels=["tenant"]
        )
        models = GaugeMetricFamily(
            "tenant_model_bytes", "Memory of own models.", labels=["model", "tenant", "version"]
        )
        for name, account in self.accounts.items():
            if only in ("", name):
                for status, count in sorted(account.answers.items()):
                    answers.add_metric([str(status), name], count)
                waiting.add_metric([name], account.waiting.value)
                waited.add_metric([name], account.waiting.integral())
                device.add_metric([name], account.device_s)
                for (model, version), size_bytes in account.models.items():
                    models.add_metric([model, name, version], size_bytes)
        yield from (answers, waiting, waited, device, models)


class Shared:
    """The line of a queue that tenants share: by weights, or first come, first served.

    At most `most` items wait together, and of each tenant as many as its account says.
    """

    def __init__(self, tenants: Tenants, most: int) -> None:
        self._accounts = tenants.accounts
        self._most = most
        self._fair = tenants.fair
        self._queue: FairQueue[Waiter] = FairQueue(tenants.weights)

    def __len__(self) -> int:
        return len(self._queue)

    def __contains__(self, request: object, /) -> bool:
        return request in self._queue

    def check(self, tenant: str) -> None:
        """Raise QueueFull where one more item of this tenant has no room."""
        account = self._accounts[tenant]
        if account.most is not None and account.waiting.value >= account.most:
            told = f"{account.waiting.value} items of tenant {tenant!r} wait already"
            raise QueueFull(f"{told}; no more are taken")
        if len(self._queue) >= self._most:
            raise QueueFull(f"{len(self._queue)} requests wait already; no more are taken")

    def enter(self, request: Waiter) -> None:
        """One more waits."""
        self._queue.enter(self._lane(request), request)
        self._accounts[request.tenant].waiting.change(1)

    def put_back(self, request: Waiter) -> None:
        """Undo a `take`: it is at the head of its tenant's items, whether or not there is room."""
        self._queue.put_back(self._lane(request), request)
        self._accounts[request.tenant].waiting.change(1)

    def take(self) -> Waiter:
        """Whose turn it is leaves the line."""
        _, request = self._queue.take()
        self._accounts[request.tenant].waiting.change(-1)
        return request

    def discard(self, request: Waiter) -> None:
        """One that waits leaves the line untaken."""
        self._queue.discard(request)
        self._accounts[request.tenant].waiting.change(-1)

    def all(self) -> list[Waiter]:
        """All that wait, who came first at the head."""
        return list(self._queue)

    def oldest(self) -> Waiter:
        """Who has waited longest."""
        return next(iter(self._queue))

    def _lane(self, request: Waiter) -> str:
        """In whose line it waits: where order is not fair, all wait in one."""
        return request.tenant if self._fair else ""
