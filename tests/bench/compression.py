"""Lab 06: smaller networks beside today's, in ONNX Runtime, in PyTorch and in the model server."""

import copy
import io
import tempfile
import warnings
from pathlib import Path

import torch
from torch import nn

from scaletoolkit import service
from scaletoolkit.machine import measure
from scaletoolkit.serving import traffic
from scaletoolkit.training import compression, export, int8, models

TODAY = "fp32"
SECONDS = 6
USERS = 8


def tables():
    """Files in ONNX Runtime, modules in PyTorch, and what a served prediction costs."""
    torch.set_num_threads(1)
    data = models.digits()
    nets = trained(data)
    with tempfile.TemporaryDirectory() as name:
        folders = written(nets, data, Path(name))
        return [
            ("Smaller networks in ONNX Runtime, one thread", in_onnx_runtime(folders, data)),
            ("The same in PyTorch eager, one thread", in_torch(nets, data)),
            (f"Served, {USERS} users, one replica", in_the_server(folders, data)),
        ]


def trained(data):
    """{name: network}: a wide perceptron, what is left of it, a student, a residual network."""
    nets = {TODAY: models.seeded(lambda: models.mlp(2048))}
    models.train(nets[TODAY], data.images, data.labels, 5)
    nets["512 of 2,048 units"] = compression.narrowed(nets[TODAY], 512)
    compression.tune(nets["512 of 2,048 units"], data.images, data.labels, 4)
    holed = copy.deepcopy(nets[TODAY])
    masks = [
        (layer.weight, compression.largest(layer.weight, 0.1)) for layer in (holed[1], holed[3])
    ]
    for weights, mask in masks:
        weights.data *= mask
    compression.tune(holed, data.images, data.labels, 2, masks)
    nets["nine of ten weights zero"] = holed
    nets["student of 32 units"] = student(data)
    nets["resnet"] = models.seeded(residual)
    models.train(nets["resnet"], data.images, data.labels, 6)
    return nets


def residual():
    return nn.Sequential(nn.Upsample(scale_factor=2.0), models.resnet())


def student(data):
    """A student of one half of the images; its teacher had labels of the other half only."""
    half = torch.arange(len(data.labels)) % 2 == 0
    teacher = models.seeded(residual)
    models.train(teacher, data.images[half], data.labels[half], 12)
    with torch.no_grad():
        taught = teacher.eval()(data.images)
    alone = compression.Siblings(1, 32)
    rows = (~half).nonzero().T
    compression.learn(
        alone, data.images, rows, lambda s, n: compression.distil_loss(s, taught[n]), 600
    )
    return alone.one(0)


def written(nets, data, work):
    """{name: folder}: every network as ONNX, and in 8 bits, dynamic and static."""
    folders = {}
    for number, (name, net) in enumerate(nets.items()):
        folders[name] = export.export(net, (1, 8, 8), work / str(number))
        if name == "nine of ten weights zero":
            continue
        images = data.images[:320].numpy()
        folders[f"{name}, int8 dynamic"] = int8.quantize(folders[name], work / f"{number} d")
        folders[f"{name}, int8 static"] = int8.calibrate(
            folders[name], work / f"{number} s", images
        )
    return folders


def in_onnx_runtime(folders, data):
    """Size, accuracy with its interval, milliseconds, and today's time ÷ its time."""
    batch = data.test_images.numpy()
    one_ms = int8.milliseconds(folders, batch[:1], 60)
    many_ms = int8.milliseconds(folders, batch[:128], 10)
    rows = []
    for name, folder in folders.items():
        right = (int8.answers(int8.session(folder), batch) == data.test_labels.numpy()).sum()
        row = {"network": name, "kB": int8.size_bytes(folder) / 1e3} | _share(
            int(right), len(batch)
        )
        rows.append(row | _times(one_ms, many_ms, name))
    return rows


def _share(right, total):
    low, high = compression.interval(right, total)
    return {"right, %": 100 * right / total, "95 %": f"{100 * low:.1f} to {100 * high:.1f}"}


def _times(one_ms, many_ms, name):
    times = {}
    for count, ms in ((1, one_ms), (128, many_ms)):
        times[f"ms, {count}"] = ms[name]
        times[f"fp32 ÷ it, {count}"] = ms[TODAY] / ms[name]
    return times


def in_torch(nets, data):
    """The same of PyTorch's own modules; its dynamic int8 is deprecated, and may be gone."""
    nets = {name: net.eval() for name, net in nets.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in (TODAY, "512 of 2,048 units"):
            quantize = torch.ao.quantization.quantize_dynamic
            nets[f"{name}, int8 dynamic"] = quantize(nets[name], {nn.Linear}, torch.qint8)
        nets[f"{TODAY}, rows in CSR, nine of ten zero"] = _sparse(nets["nine of ten weights zero"])
        return _in_torch(nets, data.test_images, data.test_labels)


def _in_torch(nets, images, labels):
    ms = {}
    with torch.inference_mode():
        for count in (1, 128):
            seconds = measure.fastest(lambda name, x=images[:count]: nets[name](x), nets, 12)
            ms[count] = {name: 1e3 * call_s for name, call_s in seconds.items()}
        right = {name: (net(images).argmax(1) == labels).sum().item() for name, net in nets.items()}
    return [
        {"network": name, "kB": _saved_bytes(nets[name]) / 1e3}
        | _share(right[name], len(labels))
        | _times(ms[1], ms[128], name)
        for name in nets
    ]


def _saved_bytes(net):
    """The file that torch.save makes of its state; rows in CSR are no state, so they are added."""
    file = io.BytesIO()
    torch.save([net.state_dict(), [vars(layer) for layer in net if isinstance(layer, _Rows)]], file)
    return file.tell()


class _Rows(nn.Module):
    """A linear layer whose weights lie in compressed sparse rows."""

    def __init__(self, layer):
        super().__init__()
        self.rows = layer.weight.detach().to_sparse_csr()
        self.bias = layer.bias.detach()

    def forward(self, x):
        return (self.rows @ x.T).T + self.bias


def _sparse(net):
    return nn.Sequential(net[0], _Rows(net[1]), nn.ReLU(), _Rows(net[3]), nn.ReLU(), net[5]).eval()


def in_the_server(folders, data):
    """Requests a second and processor time a request, of the replica and of the gateway."""
    payloads = [[item] for item in data.test_images[:64].double().round(decimals=4).tolist()]
    rows = []
    for name in (
        TODAY,
        f"{TODAY}, int8 static",
        "512 of 2,048 units",
        "512 of 2,048 units, int8 static",
        "nine of ten weights zero",
        "student of 32 units",
        "resnet, int8 static",
    ):
        rows.append({"network": name} | _served(folders[name], payloads))
    ours = rows[0]["both, µs"]
    return [row | {"fp32 ÷ it": ours / row["both, µs"]} for row in rows]


def _served(folder, payloads):
    with service.start(folder) as server:
        before = server.metrics()
        run = traffic.closed_loop(server.url + "/v1/predict", [(SECONDS, USERS)], payloads)
        result = run.wait()
        after = server.metrics()
    if not (result.status == 200).all():
        raise RuntimeError(f"{folder.name}: not every request was answered")
    used = {key: value - before.get(key, 0) for key, value in after.items()}
    replica_s = sum(s for key, s in used.items() if key[0] == "replica_cpu_seconds_total")
    gateway_s = used["gateway_cpu_seconds_total"]
    count = len(result.status)
    return {
        "req/s": count / SECONDS,
        "replica, µs": 1e6 * replica_s / count,
        "gateway, µs": 1e6 * gateway_s / count,
        "both, µs": 1e6 * (replica_s + gateway_s) / count,
    }
