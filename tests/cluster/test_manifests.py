"""A server's settings for five engines: valid for each, and what gets lost is said. Lab 12."""

import ast
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import conformance
import kubernetes_validate
import pytest
import yaml
from tools import commands

from scaletoolkit import service
from scaletoolkit.cluster import checks, manifests
from scaletoolkit.cluster.manifests import adapter, autoscaler, workload
from scaletoolkit.commands.export import DEFAULT
from scaletoolkit.serving import autoscaling
from scaletoolkit.serving.autoscaling import Metric

SPEC = autoscaling.parse(DEFAULT)
IMAGE = "registry.example/mine:7"
BUILT_IN = {"Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget"}


@pytest.fixture(scope="module")
def settings(digits_model):
    return service.Settings(str(digits_model), max_batch_size=16, cache_items=5, cpu_milli=500)


def exported(target, settings, spec=SPEC):
    """({file: document}, losses) of a target's YAML files."""
    files, losses = manifests.TARGETS[target](settings, spec, image=IMAGE)
    texts = {name: text for name, text in files.items() if name.endswith(".yaml")}
    assert [problem for text in texts.values() for problem in checks.problems(text)] == []
    return {name: yaml.safe_load(text) for name, text in texts.items()}, losses


@pytest.mark.parametrize("target", manifests.TARGETS)
def test_every_target_is_right_and_says_what_gets_lost(target, settings):
    documents, losses = exported(target, settings)
    for document in documents.values():
        if document.get("kind") in BUILT_IN:
            kubernetes_validate.validate(document, "1.37", strict=True)
    assert losses
    assert all(loss.endswith(".") for loss in losses)


def test_the_parts_of_kubernetes_fit_together(settings):
    documents, _ = exported("kubernetes", settings)
    deployment = documents["deployment.yaml"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    budget = documents["pod-disruption-budget.yaml"]
    assert documents["service.yaml"]["spec"]["selector"] == labels
    assert budget["spec"]["selector"]["matchLabels"] == labels
    target = documents["horizontal-pod-autoscaler.yaml"]["spec"]["scaleTargetRef"]
    assert target["name"] == deployment["metadata"]["name"]
    assert "replicas" not in deployment["spec"]  # else each `apply` would undo the autoscaler
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    (port,) = container["ports"]
    assert documents["service.yaml"]["spec"]["ports"][0]["targetPort"] == port["name"]
    assert container["resources"]["requests"]["cpu"] == "500m"
    assert str(port["containerPort"]) in container["args"]


def test_the_containers_arguments_are_those_of_serve(settings):
    from scaletoolkit.commands import serve

    documents, _ = exported("kubernetes", settings)
    (container,) = documents["deployment.yaml"]["spec"]["template"]["spec"]["containers"]
    told = serve.settings(commands.options(serve, *container["args"]), None)
    assert (told["max_batch_size"], told["cache_items"], told["replicas"]) == (16, 5, 1)


def test_serve_reads_every_digit_of_its_arguments(digits_model):
    from scaletoolkit.commands import serve

    counts = {"max_queue_size": 1_000_001, "cache_items": 2_000_000}
    told = {**counts, "timeout_s": 1234.5678, "cache_ttl_s": 86_400.25}
    words = workload.arguments(service.Settings(str(digits_model), **told))
    read = serve.settings(commands.options(serve, *words), None)
    assert {name: read[name] for name in told} == told


def test_an_autoscaler_is_read_back_as_it_was():
    given = conformance.cases("hpa_manifests.json", "manifests")
    texts = [json.dumps(case["manifest"]) for case in given if case["expected"]["accepted"]]
    specs = [autoscaling.parse(text) for text in texts]
    known = [spec for spec in specs if spec.target.split(" ")[0] in autoscaler.VERSIONS]
    known = [s for s in known if "Unusable" not in {m.target_type for m in s.metrics}]
    assert len(known) > 0.9 * len(specs)
    for spec in known:
        written = yaml.safe_dump(autoscaler.document(spec))
        assert autoscaling.parse(written) == spec


SELECTED = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: all}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 0
  maxReplicas: 9
  metrics:
  - type: Object
    object:
      describedObject: {apiVersion: networking.k8s.io/v1, kind: Ingress, name: main}
      metric: {name: hits, selector: {matchLabels: {verb: GET, zone: a}}}
      target: {type: Value, value: 1500m}
  - type: External
    external:
      metric:
        name: lag
        selector:
          matchExpressions: [{key: q, operator: In, values: [a, b]}, {key: r, operator: Exists}]
      target: {type: AverageValue, averageValue: 30}
  behavior: {scaleUp: {tolerance: 50m}, scaleDown: {selectPolicy: Disabled}}
"""


def test_selectors_and_behavior_are_read_back_too():
    spec = autoscaling.parse(SELECTED)
    assert autoscaling.parse(yaml.safe_dump(autoscaler.document(spec))) == spec


def test_the_adapter_reads_a_counter_where_there_is_one():
    values, losses = adapter.values(SPEC, "http://prometheus")
    (rule,) = values["rules"]["custom"]
    assert rule["seriesQuery"].startswith("inference_queue_length_seconds_total{")
    assert rule["name"]["as"] == "inference_queue_length"
    assert "rate(" in rule["metricsQuery"]
    assert losses == [
        "Pods/inference_queue_length is the mean over 1m, not over a sync period of 15 s."
    ]
    foreign = Metric("External/lag", "External", "lag", "AverageValue", 10_000)
    values, losses = adapter.values(replace(SPEC, metrics=(foreign,)), "http://prometheus")
    assert values["rules"]["external"][0]["seriesQuery"] == 'lag{namespace!=""}'
    assert "something else must export it" in losses[0]


def test_the_counters_that_the_adapter_reads_exist(digits_model):
    with service.start(digits_model) as server:
        page = server.metrics()
    assert all(f"{name}_seconds_total" in page for name in adapter.COUNTED)


def test_rays_application_is_python_and_slurms_script_is_bash(settings):
    files, _ = manifests.ray(settings, SPEC)
    ast.parse(files["application.py"])
    config = yaml.safe_load(yaml.safe_load(files["ray-service.yaml"])["spec"]["serveConfigV2"])
    assert config["applications"][0]["deployments"][0]["max_replicas_per_node"] == 1
    (application,) = config["applications"]
    assert application["deployments"][0]["autoscaling_config"]["max_replicas"] == 20
    script = manifests.slurm(settings, SPEC)[0]["serve.sbatch"]
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    assert "#SBATCH --ntasks=2\n" in script


@pytest.mark.parametrize(
    ("target", "change", "problem"),
    [
        ("kubernetes", {"target": "StatefulSet web"}, "scales a StatefulSet; .* a Deployment"),
        ("ray", {"metrics": SPEC.metrics[:1]}, "no Pods metric that counts requests"),
        (
            "kubernetes",
            {
                "metrics": tuple(
                    Metric(f"C/{n}", "ContainerResource", "cpu", "Utilization", 70, n) for n in "ab"
                )
            },
            "measures the containers a, b; a pod has one",
        ),
    ],
)
def test_what_cannot_be_said_is_refused(target, change, problem, settings):
    with pytest.raises(ValueError, match=problem):
        manifests.TARGETS[target](settings, replace(SPEC, **change))


def test_a_name_that_is_no_folders_is_refused(digits_model, tmp_path):
    (tmp_path / "model.onnx").write_bytes((digits_model / "model.onnx").read_bytes())
    (tmp_path / "model.json").write_text('{"name": "../mine"}')
    with pytest.raises(ValueError, match=r"name '\.\./mine' must be letters"):
        manifests.kubernetes(service.Settings(str(tmp_path)), SPEC)


def test_what_only_python_can_set_is_said(digits_model):
    emulated = {"accelerator_ms": (5, 1), "period_s": 5}
    for options in (emulated, {}):
        losses = manifests.kubernetes(service.Settings(str(digits_model), **options), SPEC)[1]
        assert {loss.split()[0] for loss in losses} & {*emulated} == {*options}


def test_the_default_is_the_courses_own_manifest():
    shipped = Path(__file__).parents[2] / "labs" / "model-server-hpa.yaml"
    assert autoscaling.parse(shipped.read_text()) == SPEC
