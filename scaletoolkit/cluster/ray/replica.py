"""What runs in each replica of Ray Serve: the model of our own replicas, behind `@serve.batch`.

Only what runs on Ray's nodes makes one.
"""

import asyncio
from collections.abc import Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response

from scaletoolkit.service import signature
from scaletoolkit.service.gateway.payloads import BadRequest, Format
from scaletoolkit.service.gateway.replicas import Item, Row
from scaletoolkit.service.replica.__main__ import Model

WAIT_S = 0.01  # for a full batch: Ray's default
MOST_ITEMS = 1000  # in one request


class Replica:
    """Answers the requests of our own server: a JSON list of items in, a list of results out."""

    def __init__(self, folder: str, max_batch_size: int) -> None:
        from ray import serve

        facts = signature.facts(folder)
        self._format = Format(facts, MOST_ITEMS)
        self._model = Model(folder, facts)
        batched = serve.batch(max_batch_size=max_batch_size, batch_wait_timeout_s=WAIT_S)
        self._predict = batched(self._predict_batch)

    async def __call__(self, request: Request) -> Response:
        """The results as JSON, or the sentence that says what is wrong with the request."""
        try:
            items = self._format.items(await request.body())
        except BadRequest as error:
            told = orjson.dumps({"error": str(error)})
            return Response(told, error.status, media_type="application/json")
        rows = await asyncio.gather(*(self._predict(item) for item in items))
        return Response(self._format.results(rows), media_type="application/json")

    async def _predict_batch(self, items: Sequence[Item]) -> list[Row]:
        outputs = self._model(b"".join([item.tobytes() for item in items]))
        return list(zip(*outputs, strict=True))
