"""The page at `/`: what this server answers, with commands for this very model. Lab 07."""

import html
import json
import math
import shlex
from urllib.parse import quote

from scaletoolkit.service.signature import NUMPY, ModelFacts, Tensor

WRITTEN_OUT = 100  # numbers of an example; of a longer one, Python writes the zeros
PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{name}</title>
<style>body {{ font: 16px sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em }}
pre {{ background: #eee; padding: 1em; overflow-x: auto }} td, th {{ padding: 0 1em 0 0;
text-align: left }}</style>
<h1>{name}</h1>
<table>
<tr><th>address<th>what it answers
<tr><td>POST /v1/predict<td>a JSON list of items in, a list of results out
<tr><td>POST {infer}<td>the Open Inference Protocol: tensors as JSON, or as bytes behind it
<tr><td><a href="{page}">{page}</a><td>names, types and shapes
<tr><td><a href="/v2/health/ready">/v2/health/ready</a><td>whether a replica can answer
<tr><td><a href="/metrics">/metrics</a><td>the queue, the batches, the replicas, for Prometheus
</table>
<h2>Tensors</h2>
<table>
<tr><th><th>name<th>type<th>shape
{tensors}
</table>
<p>The first size of a shape is the batch: as many items as you like, each alone.
<h2>One item of zeros</h2>
<pre>{predict}</pre>
<h2>The same by the Open Inference Protocol</h2>
<pre>{inferred}</pre>
<h2>From Python, as bytes</h2>
<pre>{client}</pre>
"""
CLIENT = """\
# pip install numpy tritonclient[http]
import numpy, tritonclient.http as http
client = http.InferenceServerClient({address!r})
{inputs}
answer = client.infer({name!r}, [{names}])
print(answer.as_numpy({output!r}))
"""
INPUT = """\
given{n} = http.InferInput({name!r}, {shape}, {datatype!r})
given{n}.set_data_from_numpy(numpy.zeros({shape}, {dtype!r}))"""


def page(model: ModelFacts, address: str) -> str:
    """The HTML of the page. address: "127.0.0.1:8000", as the caller wrote it."""
    about = _address(model)
    parts = {
        "name": model["name"],
        "page": about,
        "infer": f"{about}/infer",
        "predict": predict_command(model, f"http://{address}"),
        "inferred": infer_command(model, f"http://{address}"),
        "client": _client(model, address),
    }
    escaped = {key: html.escape(text) for key, text in parts.items()}
    rows = [_row("in", tensor) for tensor in model["inputs"]]
    rows += [_row("out", tensor) for tensor in model["outputs"]]
    return PAGE.format(**escaped, tensors="\n".join(rows))


def predict_command(model: ModelFacts, url: str) -> str:
    """A line for a shell that asks /v1/predict for one item of zeros."""
    items = {t["name"]: _zeros(t["shape"][1:], t["datatype"], model) for t in model["inputs"]}
    pairs = ", ".join(f"{json.dumps(name)}: {text}" for name, text in items.items())
    item = f"{{{pairs}}}" if len(items) > 1 else next(iter(items.values()))
    return _curl(f"{url}/v1/predict", f"[{item}]", model)


def infer_command(model: ModelFacts, url: str) -> str:
    """The same by the Open Inference Protocol."""
    tensors = ", ".join(_tensor(tensor, model) for tensor in model["inputs"])
    return _curl(f"{url}{_address(model)}/infer", f'{{"inputs": [{tensors}]}}', model)


def _address(model: ModelFacts) -> str:
    return f"/v2/models/{quote(model['name'], safe='')}"


def _tensor(tensor: Tensor, model: ModelFacts) -> str:
    shape = [1, *tensor["shape"][1:]]
    about = {"name": tensor["name"], "datatype": tensor["datatype"], "shape": shape}
    data = _zeros([math.prod(shape)], tensor["datatype"], model)
    return f'{json.dumps(about)[:-1]}, "data": {data}}}'


def _zeros(shape: list[int], datatype: str, model: ModelFacts) -> str:
    """Zeros, nested as the shape says: JSON, or for many an expression of Python's."""
    value: object = False if datatype == "BOOL" else 0.0 if datatype.startswith("FP") else 0
    text = repr(value)
    for size in reversed(shape):
        value = [value] * size if _short(model) else value
        text = f"[{text}] * {size}"
    return json.dumps(value) if _short(model) else text


def _short(model: ModelFacts) -> bool:
    return sum(math.prod(tensor["shape"][1:]) for tensor in model["inputs"]) <= WRITTEN_OUT


def _curl(url: str, body: str, model: ModelFacts) -> str:
    """A call with that body, which Python writes where it is long."""
    if _short(model):
        return f"curl {shlex.quote(url)} -d {shlex.quote(body)}"
    program = f"import json; print(json.dumps({body}))"
    return f"python3 -c {shlex.quote(program)} | curl {shlex.quote(url)} -d @-"


def _client(model: ModelFacts, address: str) -> str:
    inputs = [
        INPUT.format(
            n=n,
            name=tensor["name"],
            shape=[1, *tensor["shape"][1:]],
            datatype=tensor["datatype"],
            dtype=NUMPY[tensor["datatype"]],
        )
        for n, tensor in enumerate(model["inputs"])
    ]
    return CLIENT.format(
        address=address,
        inputs="\n".join(inputs),
        name=model["name"],
        names=", ".join(f"given{n}" for n in range(len(inputs))),
        output=model["outputs"][0]["name"],
    )


def _row(kind: str, tensor: Tensor) -> str:
    sizes = " × ".join("n" if size == -1 else str(size) for size in tensor["shape"])
    cells = (kind, tensor["name"], tensor["datatype"], sizes)
    return "<tr>" + "".join(f"<td>{html.escape(cell)}" for cell in cells)
