"""Tenants of one server: who is let in, whose turn it is, what each sees and pays. Lab 11."""

import asyncio
import json
import re
import socket

import numpy as np
import pytest
from tools.under_load import until

from scaletoolkit import service
from scaletoolkit.service.gateway.tenants import Shared, Tenants
from scaletoolkit.serving import batching, traffic
from scaletoolkit.serving.batching.virtual_clock import run_on_virtual_clock

ITEM = [0.5] * 64
ITEMS = np.random.default_rng(2).random((30, 64)).tolist()
BOUNDED = {"ads": {"weight": 3, "max_waiting": 20}, "vision": {"max_waiting": 5}}
FREE = {"ads": {"weight": 3}, "vision": {}}


@pytest.fixture(scope="module")
def server(digits_model):
    options = {"tenants": BOUNDED, "cache_items": 100, "accelerator_ms": (5, 1)}
    with service.start(digits_model, **options) as server:
        yield server


def refusal(server, *request, **headers):
    """(status, sentence) of a request that must be refused."""
    status, _, body = server.request(*request, headers=headers)
    assert status >= 400
    return status, json.loads(body)["error"]


@pytest.mark.parametrize(
    ("tenants", "sentence"),
    [
        ({}, 'tenants must be like {"ads": {"weight": 1}}, got {}'),
        (["ads"], "tenants must be like"),
        ({"Ads": {}}, "1 to 63 small letters, digits and hyphens, got 'Ads'"),
        ({"a" * 64: {}}, "1 to 63 small letters"),
        ({"ads": {"wieght": 1}}, "'ads' is told by weight, max_waiting, model_bytes; got {'wiegh"),
        ({"ads": {"weight": 0}}, "weight of tenant 'ads' must be a positive number, got 0"),
        ({"ads": {"weight": float("nan")}}, "must be a positive number, got nan"),
        ({"ads": {"max_waiting": 0}}, "max_waiting of tenant 'ads' must be a whole number of 1"),
        ({"ads": {"model_bytes": -1}}, "model_bytes of tenant 'ads' must be a whole number of 0"),
        ({"ads": {"max_waiting": 5}, "b": {}}, "give each tenant max_waiting, or none"),
        ({"a": {"max_waiting": 60}, "b": {"max_waiting": 60}}, "are 120 together: more than"),
    ],
)
def test_tenants_that_cannot_be_are_named_before_anything_starts(digits_model, tenants, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        service.Settings(str(digits_model), tenants=tenants, max_queue_size=100)


@pytest.mark.parametrize("path", ["/v1/predict", "/v2/models/digits/infer", "/v1/predict/mine"])
def test_nobody_and_strangers_are_refused_in_a_sentence_and_have_no_label(server, path):
    body = json.dumps([ITEM])
    assert refusal(server, "POST", path, body) == (
        403,
        "the header x-tenant must say who asks, and is missing",
    )
    stranger = {"x-tenant": "Mallory\u00ff"}
    status, sentence = refusal(server, "POST", path, body, **stranger)
    assert (status, sentence[:24]) == (403, "there is no tenant 'Mall")
    assert {sample[-1] for sample in server.metrics() if sample[0] == "tenant_requests_total"} <= {
        "ads",
        "vision",
    }


def test_who_says_two_names_is_nobody(server):
    body = json.dumps([ITEM])
    head = "Host: 127.0.0.1\r\nConnection: close\r\nx-tenant: vision\r\nX-Tenant: ads\r\n"
    for first in (
        f"POST /v1/predict HTTP/1.1\r\nContent-Length: {len(body)}",
        "GET /metrics HTTP/1.1",
    ):
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        with socket.create_connection(address, timeout=20) as line:
            line.sendall(f"{first}\r\n{head}\r\n{body if 'POST' in first else ''}".encode())
            answer = line.makefile("rb").read().decode()
        assert answer.split()[1] == "403"
        assert "there is no tenant 'vision, ads' here" in answer


def test_without_the_setting_nobody_is_asked_who_they_are(digits_model):
    with service.start(digits_model) as server:
        expected = server.predict([ITEM])
        assert server.predict([ITEM], tenant="anybody") == expected
        assert server.tenants() == {}
        assert server.request("GET", "/metrics")[0] == 200
        assert "tenant" not in server.request("GET", "/metrics")[2].decode()
        with pytest.raises(service.ServerError, match="Not Found"):
            server.deploy("anybody", "mine", digits_model)


def test_more_items_than_may_ever_wait_are_refused_for_good(server):
    with pytest.raises(
        service.ServerError, match=r"6 items in one .* may have 5 waiting"
    ) as caught:
        server.predict([ITEM] * 6, "vision")
    assert caught.value.status == 413


async def order(tenants, entered, fair=True, taken=400, batch=1):
    """How many items of each tenant are among the first taken of those that entered, in order."""
    line = Shared(Tenants(tenants, fair, asyncio.get_running_loop().time), most=10_000)
    batcher = batching.Batcher(batch, 0, 10_000, line)
    seen = []

    async def handle(items):
        seen.extend(items)
        return items

    futures = [batcher.submit(tenant, tenant=tenant) for tenant in entered]
    serving = asyncio.create_task(batcher.serve(handle, lambda: len(seen) < taken))
    await serving
    batcher.close()
    await asyncio.gather(*futures, return_exceptions=True)
    return {tenant: seen[:taken].count(tenant) for tenant in tenants}


def test_who_waits_is_served_by_weights_however_many_came_before():
    entered = ["ads"] * 1000 + ["vision"] * 1000
    shares = run_on_virtual_clock(order(FREE, entered))
    assert shares == {"ads": 300, "vision": 100}
    assert run_on_virtual_clock(order(FREE, entered, fair=False)) == {"ads": 400, "vision": 0}


def test_batches_mix_tenants_and_keep_to_the_weights():
    entered = ["ads"] * 1000 + ["vision"] * 1000
    assert run_on_virtual_clock(order(FREE, entered, batch=8)) == {"ads": 300, "vision": 100}


def fill(server, tenant, items):
    """Let so many items of a tenant wait; nobody waits for their answers."""
    options = {"headers": {"x-tenant": tenant}, "patience_s": 60}
    return traffic.open_loop(f"{server.url}/v1/predict", [(0.2, 5 * items)], [[ITEM]], **options)


@pytest.mark.parametrize(
    ("tenants", "fair", "admitted"),
    [(FREE, False, False), (FREE, True, False), (BOUNDED, True, True), (BOUNDED, False, True)],
)
def test_a_full_queue_is_everybodys_trouble_unless_each_has_a_bound(
    digits_model, tenants, fair, admitted
):
    options = {"tenants": tenants, "fair": fair, "max_queue_size": 25, "replicas": 0}
    with service.start(digits_model, **options) as server:
        bound = tenants["ads"].get("max_waiting", 25)
        with fill(server, "ads", items=100):
            until(lambda: server.tenants()["ads"]["waiting"] == bound, "the queue is full")
            until(lambda: server.tenants()["ads"]["refused"] > 0, "one more was refused")
            with fill(server, "vision", items=20):
                wanted = {"waiting": 5} if admitted else {"waiting": 0}
                until(lambda: server.tenants()["vision"]["refused"] > 0, "vision is refused too")
                got = {"waiting": server.tenants()["vision"]["waiting"]}
        assert got == wanted
        until(lambda: server.tenants()["ads"]["waiting"] == 0, "who has gone does not wait")


def test_device_seconds_are_shared_by_items_and_add_up(server):
    before = server.metrics()
    runs = [
        traffic.open_loop(
            f"{server.url}/v1/predict",
            [(1, 60)],
            [[item] for item in ITEMS[:20]] if name == "ads" else [[ITEM]],
            headers={"x-tenant": name},
        )
        for name in ("ads", "vision")
    ]
    results = dict(zip(("ads", "vision"), (run.wait() for run in runs), strict=True))
    after = server.metrics()

    def grown(*sample):
        name = sample if len(sample) > 1 else sample[0]
        return after[name] - before.get(name, 0)

    parts = [grown("tenant_device_seconds_total", name) for name in ("ads", "vision")]
    assert sum(parts) == pytest.approx(grown("inference_device_seconds_total"), rel=1e-9)
    assert all(part > 0 for part in parts)
    for name, result in results.items():
        answered = result.totals["answered"]
        assert grown("tenant_requests_total", "200", name) == answered > 0


def test_a_batchs_time_is_charged_by_items():
    async def charged():
        loop = asyncio.get_running_loop()
        tenants = Tenants(FREE, True, loop.time)
        batcher = batching.Batcher(8, 0, 100, Shared(tenants, 100))
        batcher.busy = type(batcher.busy)(loop.time)
        batcher.on_call = tenants.charge

        async def handle(items):
            await asyncio.sleep(4)
            if "poison" in items:
                raise ArithmeticError("cannot")
            return items

        entered = [("vision", "poison"), *[("ads", "good")] * 3]
        futures = [batcher.submit(item, tenant=tenant) for tenant, item in entered]
        serving = asyncio.create_task(batcher.serve(handle))
        results = await asyncio.gather(*futures, return_exceptions=True)
        serving.cancel()
        assert [type(result) for result in results] == [ArithmeticError, str, str, str]
        shares = {name: account.device_s for name, account in tenants.accounts.items()}
        return shares, batcher.busy.integral()

    shares, total_s = run_on_virtual_clock(charged())
    assert sum(shares.values()) == total_s  # the calls that failed are somebody's as well
    assert shares["vision"] == 4 * (1 / 4 + 1 / 2 + 1)


def test_a_tenant_sees_its_own_numbers_and_the_operator_all(server):
    server.predict([ITEM], "ads")
    server.predict([ITEM], "vision")
    _, _, own = server.request("GET", "/metrics", headers={"x-tenant": "vision"})
    assert b'tenant="vision"' in own
    assert b"ads" not in own
    assert b"inference_" not in own
    for headers in ({}, {"x-tenant": "nobody"}, {"authorization": "Bearer guess"}):
        status, sentence = refusal(server, "GET", "/metrics", **headers)
        assert status == 403
        assert "ads" not in sentence
    guess = {"authorization": "Bearer guess", "x-tenant": "vision"}
    assert server.request("GET", "/metrics", headers=guess)[2].count(b"ads") == 0
    assert set(server.tenants()) == {"ads", "vision"}


def test_no_tenant_is_answered_from_anothers_cache(server):
    item = [0.25] * 64

    def asked():
        return server.metrics()["prediction_cache_misses_total"]

    first = asked()
    answers = [server.predict([item], "ads"), server.predict([item], "ads")]
    assert asked() == first + 1
    answers.append(server.predict([item], "vision"))
    assert asked() == first + 2
    np.testing.assert_allclose(answers, answers[:1] * 3, rtol=1e-4)


def test_locusts_users_say_who_they_are(server):
    before = server.tenants()["vision"]["answered"]
    options = {"rate_per_user": 5, "headers": {"x-tenant": "vision"}}
    run = traffic.closed_loop(f"{server.url}/v1/predict", [(1, 2)], [[ITEM]], **options)
    totals = run.wait().totals
    assert totals["answered"] == totals["requests"] > 0
    assert server.tenants()["vision"]["answered"] == before + totals["answered"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"patience": 3}, "a load test takes patience_s and headers; got patience"),
        ({"headers": {"x-tenant": "ads\r\nHost: x"}}, "a header stands on one line"),
    ],
)
def test_an_option_that_no_load_test_has_is_named(options, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        traffic.open_loop("http://127.0.0.1:1/", [(1, 1)], [0], **options)


def test_thousands_of_tenants_fit_into_one_server(digits_model):
    many = {f"team-{number:04}": {"weight": 1.5, "max_waiting": 1} for number in range(3000)}
    with service.start(digits_model, tenants=many, max_queue_size=3000) as server:
        assert len(server.predict([ITEM], "team-2999")) == 1
