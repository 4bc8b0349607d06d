"""`scaletoolkit hpa` on the manifests and traffic files that people have. Lab 09.

Shapes of public files, with other names: each gives a right result, or one sentence that helps.
"""

import json
import re

import pytest
from tools import commands

from scaletoolkit import lab
from scaletoolkit.commands import hpa

TOP = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\n"
SPEC = """spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 1
  maxReplicas: 10
  metrics:
"""
RESOURCE = "    - {{type: Resource, resource: {{name: {}, target: {{type: Utilization, "
RESOURCE += "averageUtilization: {}}}}}}}\n"
CPU = RESOURCE.format("cpu", 70)
MEMORY = RESOURCE.format("memory", 80)
DEPLOYMENT = """---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
        - name: web
          resources: {requests: {cpu: 250m}, limits: {cpu: 500m}}
"""


def entry(kind, name, target, **more):
    """A metric of the manifest as a line of JSON, which is YAML, too."""
    source = {"metric": {"name": name}, "target": target, **more}
    return f"    - {json.dumps({'type': kind, kind.lower(): source})}\n"


def pods(name, value):
    return entry("Pods", name, {"type": "AverageValue", "averageValue": value})


def external(name, value, **labels):
    source = {"metric": {"name": name, "selector": {"matchLabels": labels}}}
    source["target"] = {"type": "AverageValue", "averageValue": value}
    return f"    - {json.dumps({'type': 'External', 'external': source})}\n"


def on_an_object(name, target):
    where = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "main"}
    return entry("Object", name, target, describedObject=where)


def manifest(*metrics, top=TOP, spec=SPEC, end=""):
    return top + spec + "".join(metrics) + end


def version_1(percent="  targetCPUUtilizationPercentage: 50\n", metadata="{name: web}"):
    top = f"apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {metadata}\n"
    return top + SPEC.replace("  metrics:\n", percent)


def listed(*names):
    items = [manifest(CPU).replace("name: web}", f"name: {name}}}", 1) for name in names]
    indented = "".join("  - " + item.replace("\n", "\n    ").rstrip(" ") for item in items)
    return "apiVersion: v1\nkind: List\nitems:\n" + indented


BEHAVIOR = """  behavior:
    scaleDown: {stabilizationWindowSeconds: 6, policies: [{type: Pods, value: 1, periodSeconds: 9}]}
    scaleUp: {selectPolicy: Min, tolerance: 0.05}
"""
AS_JSON = json.dumps(
    {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web"},
            "maxReplicas": 9,
        },
    },
    indent="\t",
)
ANNOTATED = "{name: web, annotations: {autoscaling.alpha.kubernetes.io/metrics: '[]'}}"
SQS = external("sqs_messages_visible", "30", queue="fast")
TWO_CONTAINERS = "".join(
    f"    - {{type: ContainerResource, containerResource: {{name: cpu, container: {name}, target: "
    "{type: Utilization, averageUtilization: 60}}}\n"
    for name in ("server", "proxy")
)
MANIFESTS = {  # name: (text, more options, what is said)
    "cpu": (manifest(CPU), [], "Resource/cpu ← cpu"),
    "no metrics": (manifest(spec=SPEC.replace("  metrics:\n", "")), [], "cpu at 80 %"),
    "cpu and memory": (manifest(CPU, MEMORY), [], "Resource/memory ← nothing: left out"),
    "memory, constant": (
        manifest(CPU, MEMORY),
        ["--signal", "memory=200"],
        "Resource/memory ← always 200.*1 to 10 replicas",
    ),
    "memory, failing": (
        manifest(CPU, MEMORY),
        ["--signal", "memory=fails"],
        "Resource/memory: .*it was told to fail: after 120 of 120 syncs",
    ),
    "memory alone": (manifest(MEMORY), [], "✘ no metric is left"),
    "version 1": (version_1(), [], "Resource/cpu at 50 % .*1 to 2 replicas"),
    "version 1, default": (version_1(""), [], "Resource/cpu at 80 %"),
    "version 1, annotated": (version_1(metadata=ANNOTATED), [], "✘ kubectl get hpa.v2"),
    "version 2beta2": (
        manifest(CPU, top=TOP.replace("/v2", "/v2beta2")),
        [],
        "✘ 1.26 removed it; write autoscaling/v2, whose fields are the same",
    ),
    "version 2beta1": (manifest(CPU, top=TOP.replace("/v2", "/v2beta1")), [], "✘ kubectl convert"),
    "a list of one": (listed("web"), [], "web keeps Deployment web"),
    "a list of two": (listed("web", "api"), [], "✘ holds 2 of kind .*: api, web; name one"),
    "one of a list": (listed("web", "api"), ["--name", "api"], "api keeps Deployment web"),
    "none of a list": (listed("web"), ["--name", "shop"], "✘ its names: web"),
    "two in a file": (f"{manifest(CPU)}---\n{manifest(CPU)}", [], "✘ holds 2 of kind"),
    "json with tabs": (AS_JSON, [], "web keeps StatefulSet web between 1 and 9"),
    "with its deployment": (
        manifest(CPU, end=DEPLOYMENT),
        [],
        "200 % of its request .its limit, in the manifest file",
    ),
    "burstable": (manifest(RESOURCE.format("cpu", 250)), ["--cpu-full", "4"], "1 to 2 replicas"),
    "behavior": (manifest(CPU, end=BEHAVIOR), [], "1 to 2 replicas"),
    "containers": (manifest(TWO_CONTAINERS), [], "ContainerResource/proxy/cpu ← cpu.*1 to 2 rep"),
    "vllm": (
        manifest(pods("vllm:num_requests_waiting", "5"), pods("vllm:num_requests_running", "16")),
        [],
        "num_requests_waiting ← queue_length.*num_requests_running ← in_flight",
    ),
    "active": (manifest(pods("web_active_requests", "16")), [], "← in_flight"),
    "requests": (
        manifest(pods("http_requests_per_second", "15")),
        [],
        "← requests_per_s.*1 to 3 rep",
    ),
    "rabbitmq": (
        manifest(on_an_object("rabbitmq_queue_messages_ready", {"type": "Value", "value": "20"})),
        [],
        "ready ← queue_length.*One queue for all replicas",
    ),
    "sqs": (manifest(SQS), [], "✘ --signal sqs_messages_visible=queue_length"),
    "sqs, told": (
        manifest(SQS),
        ["--signal", "sqs_messages_visible=queue_length"],
        "{queue=fast} ← queue_length.*One queue for all",
    ),
    "gpu": (manifest(pods("DCGM_FI_DEV_GPU_UTIL", "70")), [], "✘ say which signal feeds it"),
    "gpu, told": (
        manifest(pods("DCGM_FI_DEV_GPU_UTIL", "70")),
        ["--signal", "DCGM_FI_DEV_GPU_UTIL=busy_percent"],
        "1 to 2 replicas",
    ),
    "latency": (manifest(pods("queue_latency_seconds", "1")), [], "✘ say which signal feeds it"),
    "errors": (manifest(pods("error_rate", "1")), [], "✘ say which signal feeds it"),
    "tokens": (manifest(pods("tokens_generated", "1")), [], "✘ say which signal feeds it"),
    "unusable": (
        manifest(on_an_object("requests_per_second", {"type": "AverageValue", "value": "5"})),
        [],
        "neither a value target nor an average value target was set: after 120 of 120 syncs",
    ),
    "no such metric": (manifest(CPU), ["--signal", "queu=5"], "✘ no metric is called 'queu'"),
    "no such signal": (manifest(pods("q_len", "5")), ["--signal", "q_len=lag"], "✘ is no signal"),
    "octal": (manifest(CPU).replace("maxReplicas: 10", "maxReplicas: 010"), [], "1 and 8 replicas"),
    "arabic": (manifest(CPU, pods("queue", "١٠")), [], "✘ must be a quantity"),
    "huge": (manifest(CPU, end="  behavior: {scaleUp: {tolerance: 1e999}}\n"), [], "1 to 1 rep"),
    "helm": (manifest(CPU).replace("10\n", "{{ .Values }}\n"), [], "✘ render a template"),
    "metrics too high": (manifest(CPU) + "metrics: []\n", [], '✘ unknown field "metrics"'),
    "another kind": (manifest(CPU, top=TOP.replace("Horizontal", "Vertical")), [], "✘ kind: Unsup"),
    "to zero": (
        manifest(SQS, spec=SPEC.replace("minReplicas: 1", "minReplicas: 0")),
        ["--signal", "sqs_messages_visible=queue_length", "--queue", "per-pod"],
        "✘ with a queue per pod, minReplicas must be at least 1",
    ),
    "to zero, shared": (
        manifest(SQS, spec=SPEC.replace("minReplicas: 1", "minReplicas: 0")),
        ["--signal", "sqs_messages_visible=queue_length"],
        "needs the feature gate HPAScaleToZero",
    ),
}


def say(folder, text, traffic, options, capsys):
    """What the command prints, or "✘ " and its sentence."""
    (folder / "hpa.yaml").write_text(text)
    if isinstance(traffic, bytes):
        (folder / "traffic").write_bytes(traffic)
    else:
        (folder / "traffic").write_text(traffic, newline="")
    files = ["--manifest", folder / "hpa.yaml", "--traffic", folder / "traffic"]
    try:
        plan, replay = hpa.replayed(commands.options(hpa, *files, *options))
    except lab.LabError as error:
        return f"✘ {error}"
    hpa.say(plan)
    hpa.report(replay, 0.5)
    return capsys.readouterr().out


def check(said, expected):
    assert said.startswith("✘ ") == expected.startswith("✘ "), said
    assert re.search(expected.removeprefix("✘ "), said, re.DOTALL), said
    assert "Traceback" not in said
    if said.startswith("✘"):
        assert "\n" not in said
        assert len(said) < 420


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_gives_a_result_or_one_sentence(name, tmp_path, capsys):
    text, options, expected = MANIFESTS[name]
    traffic = "0,40\n900,40\n"  # 80 % of what one replica serves
    check(say(tmp_path, text, traffic, options, capsys), expected)


SIX = "2026-11-27T20:0{}:00"
VALUES = [[1_700_000_000 + 60 * n, str(20 + n)] for n in range(5)]


def prometheus(*series, kind="matrix", **more):
    data = {"resultType": kind, "result": [{"metric": {}, "values": one} for one in series]}
    return json.dumps({"status": "success", "data": data, **more})


def rows(times, between=",", quote="", number=str):
    lines = [
        between.join(f"{quote}{x}{quote}" for x in (t, number(20 + n))) for n, t in enumerate(times)
    ]
    return "\n".join(lines) + "\n"


MINUTES = range(0, 300, 60)
ISO = [SIX.format(minute) for minute in range(5)]
TRAFFIC = {  # name: (text or bytes, more options, what is said); five minutes of 20 to 24 a second
    "plain": (rows(MINUTES), [], "of 6,600"),
    "heading": ("t,rate\n" + rows(MINUTES), [], "of 6,600"),
    "comment": ("# from the log\n" + rows(MINUTES), [], "of 6,600"),
    "windows": ("t,rate\r\n" + rows(MINUTES).replace("\n", "\r\n"), [], "of 6,600"),
    "macintosh": (rows(MINUTES).replace("\n", "\r"), [], "of 6,600"),
    "bom": ("\ufeff" + rows(MINUTES), [], "of 6,600"),
    "blank lines": ("\n\n" + rows(MINUTES) + "\n\n", [], "of 6,600"),
    "offset": (rows(range(7, 307, 60)), [], "of 6,600"),
    "epoch": (rows(1_700_000_000 + t for t in MINUTES), [], "of 6,600"),
    "milliseconds": (rows((1_700_000_000 + t) * 1000 for t in MINUTES), [], "of 6,600"),
    "nanoseconds": (rows((1_700_000_000 + t) * 10**9 for t in MINUTES), [], "of 6,600"),
    "named ms": ("time_ms,rate\n" + rows(1000 * t for t in MINUTES), [], "of 6,600"),
    "iso": (rows(ISO), [], "of 6,600"),
    "iso, heading": ("time,rate\n" + rows(ISO), [], "of 6,600"),
    "iso, zone": (rows(f"{t}+01:00" for t in ISO), [], "of 6,600"),
    "iso, Z": (rows(f"{t}Z" for t in ISO), [], "of 6,600"),
    "grafana": (
        '"Time","web"\n' + rows((t.replace("T", " ") for t in ISO), quote='"'),
        [],
        "of 6,600",
    ),
    "semicolons": ("t;rate\n" + rows(MINUTES, ";"), [], "of 6,600"),
    "decimal commas": (rows(MINUTES, ";", number=lambda x: f"{x},0"), [], "of 6,600"),
    "tabs": (rows(MINUTES, "\t"), [], "of 6,600"),
    "excel": ("sep=;\nt;rate\n" + rows(MINUTES, ";"), [], "of 6,600"),
    "utf-16": (("t\trate\n" + rows(MINUTES, "\t")).encode("utf-16"), [], "of 6,600"),
    "spaces": (rows(MINUTES, " , "), [], "of 6,600"),
    "three columns": ("t,rate,errors\n" + rows(MINUTES).replace("\n", ",1\n"), [], "✘ --column"),
    "a column": (
        "t,errors,rate\n" + "".join(f"{t},0,{20 + n}\n" for n, t in enumerate(MINUTES)),
        ["--column", "rate"],
        "of 6,600",
    ),
    "no such column": ("t,rate\n" + rows(MINUTES), ["--column", "rps"], "✘ it has: t, rate"),
    "prometheus": (prometheus(VALUES), [], "of 6,600"),
    "prometheus, two": (prometheus(VALUES, VALUES), [], "✘ holds 2 series; .*sum"),
    "prometheus, none": (prometheus(), [], "✘ holds 0 series"),
    "prometheus, instant": (prometheus(VALUES, kind="vector"), [], "✘ ask /api/v1/query_range"),
    "prometheus, error": ('{"status":"error","error":"parse error"}', [], "✘ parse error"),
    "prometheus, gap": (prometheus([[0, "1"], [60, "NaN"]]), [], "✘ value 2: expected a time"),
    "half of it": (prometheus(VALUES)[:80], [], "✘ begins like JSON and is none"),
    "a silent start": ("0,0\n300,0\n600,20\n", [], "Late for: 0 s"),
    "zero": ("0,0\n300,0\n", [], "0 of 0"),
    "backwards": (rows(reversed(MINUTES)), [], "✘ line 2: the seconds must rise"),
    "twice": ("0,1\n0,2\n", [], "✘ line 2: the seconds must rise"),
    "negative": ("0,1\n60,-2\n", [], "✘ expected a rate from 0"),
    "a gap": ("0,1\n60,\n120,1\n", [], "✘ line 2: expected a time"),
    "nan": ("0,1\n60,nan\n", [], "✘ line 2: expected a time"),
    "units": ("0,1 req/s\n60,2 req/s\n", [], "✘ line 1|two or more rows"),
    "thousands": ('0,"1,200"\n60,"1,300"\n', [], '✘ got "0,1,200"'),
    "full-width digits": ("0,1\n60,２\n", [], "✘ line 2: expected a time"),
    "german dates": ("27.11.2026 20:00,1\n27.11.2026 20:01,2\n", [], "✘ line 1|line 2"),
    "one row": ("0,1\n", [], "✘ two or more rows"),
    "empty": ("", [], "✘ two or more rows"),
    "too long": ("0,1\n5000000,2\n", [], "✘ at most 2,678,400 s fit"),
    "binary": (bytes(range(256)), [], "✘ "),
}


@pytest.mark.parametrize("name", TRAFFIC)
def test_traffic_gives_a_result_or_one_sentence(name, tmp_path, capsys):
    traffic, options, expected = TRAFFIC[name]
    check(say(tmp_path, manifest(CPU), traffic, options, capsys), expected)


def test_what_is_no_regular_file_is_not_read(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/zero", tmp_path / "pipe"):
        options = commands.options(hpa, "--manifest", path, "--traffic", path)
        with pytest.raises(lab.LabError, match="it is no regular file"):
            hpa.replayed(options)
