"""Manifests: what is right agrees with Kubernetes' own schema, what is wrong gets one sentence."""

from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scaletoolkit.serving.autoscaling import ManifestError, parse
from scaletoolkit.serving.autoscaling.manifest.spec import Policy

ROOT = Path(__file__).parents[3]
SHIPPED = sorted((ROOT / "labs").glob("*.yaml"))
MODEL_SERVER = ROOT / "labs" / "model-server-hpa.yaml"
EVERYTHING = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: everything, namespace: models, labels: {team: "7"}}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: model-server}
  minReplicas: 0
  maxReplicas: 12
  metrics:
  - {type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 1.5Gi}}}
  - type: ContainerResource
    containerResource: {name: cpu, container: server,
      target: {type: Utilization, averageUtilization: 60}}
  - type: Pods
    pods: {metric: {name: queue, selector: {matchLabels: {lane: fast}}},
      target: {type: AverageValue, averageValue: 500m}}
  - type: Object
    object: {describedObject: {apiVersion: v1, kind: Service, name: web}, metric: {name: hits},
      target: {type: Value, value: 2k}}
  - type: External
    external: {metric: {name: jobs,
      selector: {matchExpressions: [{key: queue, operator: In, values: [a, b]}]}},
      target: {type: AverageValue, averageValue: 30}}
  behavior:
    scaleUp: {stabilizationWindowSeconds: 0, selectPolicy: Min, tolerance: 50m,
      policies: [{type: Percent, value: 50, periodSeconds: 60}]}
    scaleDown: {selectPolicy: Disabled}
"""


def schema_accepts(document):
    try:
        kubernetes_validate.validate(document, "1.37", strict=True)
    except kubernetes_validate.ValidationError:
        return False
    return True


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_manifests_are_valid_for_kubernetes(path):
    for document in yaml.safe_load_all(path.read_text()):
        kubernetes_validate.validate(document, "1.37", strict=True)


def test_the_model_servers_manifest():
    spec = parse(MODEL_SERVER.read_text())
    assert repr(spec) == (
        "Spec: model-server-hpa keeps Deployment model-server between 2 and 20 replicas: "
        "Resource/cpu at 70 % (Utilization), Pods/inference_queue_length at 10 (AverageValue)"
    )
    assert spec.behavior is None


def test_every_kind_of_metric_and_every_rule():
    assert schema_accepts(yaml.safe_load(EVERYTHING))
    spec = parse(EVERYTHING)
    assert [(m.key, m.target_type, m.target) for m in spec.metrics] == [
        ("Resource/memory", "AverageValue", 1536 * 2**20 * 1000),
        ("ContainerResource/server/cpu", "Utilization", 60),
        ("Pods/queue{lane=fast}", "AverageValue", 500),
        ("Object/Service/web/hits", "Value", 2_000_000),
        ("External/jobs{queue In (a,b)}", "AverageValue", 30_000),
    ]
    up, down = spec.behavior
    assert (up.tolerance, up.select_policy, up.policies) == (
        0.05,
        "Min",
        (Policy("Percent", 50, 60),),
    )
    assert (down.stabilization_window_s, down.select_policy) == (None, "Disabled")


def test_absent_fields_get_kubernetes_defaults():
    spec = parse(MODEL_SERVER.read_text().split("  metrics:")[0].replace("minReplicas: 2", ""))
    assert (spec.min_replicas, repr(spec.metrics)) == (1, "(Resource/cpu at 80 % (Utilization),)")
    empty = parse(MODEL_SERVER.read_text() + "  behavior: {}\n").behavior
    assert [len(rules.policies) for rules in empty] == [2, 1]


def test_a_tolerance_beyond_all_numbers_is_kept_within_64_bits():
    huge = "  behavior: {scaleUp: {tolerance: 1e400}}\n"
    assert parse(MODEL_SERVER.read_text() + huge).behavior.scale_up.tolerance == 2.0**63


def test_a_file_may_hold_the_deployment_too():
    deployment = "apiVersion: apps/v1\nkind: Deployment\n---\n"
    assert parse(deployment + MODEL_SERVER.read_text()).name == "model-server-hpa"
    twice = f"{MODEL_SERVER.read_text()}\n---\n{MODEL_SERVER.read_text()}"
    with pytest.raises(ManifestError, match="model-server-hpa, model-server-hpa; name one"):
        parse(twice)


METRIC = "spec.metrics[1].pods"
WRONG = [
    ("autoscaling/v2", "autoscaling/v3", 'apiVersion: Unsupported value: "autoscaling/v3"'),
    ("autoscaling/v2", "autoscaling/v2beta2", "Kubernetes 1.26 removed it; write autoscaling/v2"),
    ("autoscaling/v2", "autoscaling/v2beta1", "Kubernetes 1.25 removed it; `kubectl convert`"),
    ("autoscaling/v2", "autoscaling/v1", "spec.metrics: Forbidden: autoscaling/v1 has no such"),
    ("kind: HorizontalPodAutoscaler", "kind: Deployment", 'kind: Unsupported value: "Deployment"'),
    ("name: model-server-hpa", "name: Model_Server", "metadata.name: Invalid value"),
    ("name: model-server-hpa", "labels: {a: 1}", "metadata.labels.a: Invalid value: 1"),
    ("name: model-server-hpa", "namespace: x", "metadata.name: Required value"),
    ("    kind: Deployment\n", "", "spec.scaleTargetRef.kind: Required value"),
    ("name: model-server\n", "name: a/b\n", "spec.scaleTargetRef.name: Invalid value"),
    ("minReplicas: 2", "minReplicas: 30", "spec.maxReplicas: Invalid value: 20"),
    ("minReplicas: 2", "minReplicas: -1", "spec.minReplicas: Invalid value: -1"),
    ("minReplicas: 2", "minReplicas: 0", "spec.metrics: Forbidden: must specify at least one"),
    ("minReplicas: 2", 'minReplicas: "2"', 'spec.minReplicas: Invalid value: "2"'),
    ("minReplicas: 2", "minReplicas: true", "spec.minReplicas: Invalid value: true"),
    ("minReplicas: 2", "minReplicas: 2.5", "spec.minReplicas: Invalid value: 2.5"),
    ("minReplicas: 2", "minReplicas: 2\n  minReplicas: 3", "spec.minReplicas: Duplicate key"),
    ("  maxReplicas: 20\n", "", "spec.maxReplicas: Required value"),
    ("maxReplicas: 20", "maxReplicas: 3000000000", "spec.maxReplicas: Invalid value: 3000000000"),
    ("maxReplicas: 20", "maxReplica: 20", 'unknown field "spec.maxReplica": did you mean "maxRep'),
    ("type: Pods", "type: Podz", 'spec.metrics[1].type: Unsupported value: "Podz"'),
    ("type: Pods", "type: Object", "spec.metrics[1].object: Required value"),
    ("- type: Pods\n", "- type: Pods\n      external: {}\n", "spec.metrics[1].external: Forbidden"),
    ('averageValue: "10"', "averageValue: -10", f"{METRIC}.target.averageValue: Invalid"),
    ('averageValue: "10"', "averageValue: ten", f"{METRIC}.target.averageValue: Invalid value"),
    ('averageValue: "10"', "value: 10", f"{METRIC}.target.averageValue: Required value"),
    ("type: AverageValue", "type: Mean", f'{METRIC}.target.type: Invalid value: "Mean"'),
    ("name: inference_queue_length", "name: ''", f"{METRIC}.metric.name: Required value"),
    ("averageUtilization: 70", "averageUtilization: 0", "averageUtilization: Invalid value: 0"),
    ("averageUtilization: 70", "value: 3", "averageUtilization: Required value"),
    ("  metrics:", "  behavior: {scaleUp: {policies: []}}\n  metrics:", "policies: Required value"),
    (
        "  metrics:",
        "  behavior: {scaleDown: {stabilizationWindowSeconds: 3601}}\n  metrics:",
        "spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 3601",
    ),
    (
        "  metrics:",
        "  behavior: {scaleUp: {policies: [{type: Pods, value: 0, periodSeconds: 9}]}}\n  metrics:",
        "spec.behavior.scaleUp.policies[0].value: Invalid value: 0",
    ),
    ("  metrics:", "  behavior: {scaleUp: {tolerance: -1}}\n  metrics:", "tolerance: Invalid"),
]


@pytest.mark.parametrize(("right", "wrong", "sentence"), WRONG, ids=[w[1][:40] for w in WRONG])
def test_a_wrong_field_is_named_with_its_path(right, wrong, sentence):
    manifest = MODEL_SERVER.read_text()
    assert right in manifest
    assert sentence in complaint(manifest.replace(right, wrong))


def complaint(source):
    with pytest.raises(ManifestError) as caught:
        parse(source)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    return str(caught.value)


LEVELS = "".join(f"{c}: &{c} [{','.join([f'*{chr(ord(c) - 1)}'] * 9)}]\n" for c in "bcdefghi")
HOSTILE = {
    "not YAML": ("a: [b", "not YAML: line 1, column 6"),
    "bomb": ("a: &a [x, x, x, x, x, x, x, x, x]\n" + LEVELS, "more than 10,000 values"),
    "self": ("&a [*a]", "contains itself"),
    "deep": ("[" * 2_000, "nested"),
    "long": ("x" * 100_000, "at most 65,536 bytes"),
    "code": ("!!python/object/apply:os.system ['true']", "expected a HorizontalPodAutoscaler"),
    "bytes": (b"\xff\xfe\x00\xd8", "not UTF-8"),
    "empty": ("# nothing\n", "is empty"),
    "text": ("hello", 'The manifest is "hello"'),
    "date": ("2024-99-99", "expected a HorizontalPodAutoscaler"),
    "key": ("? [a]\n: 1", "a key must be text"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_gets_one_sentence(name):
    source, sentence = HOSTILE[name]
    assert sentence in complaint(source)


def only_sentences(source):
    """Parse anything: a Spec or None, never another error than the documented one."""
    spec, sentence = None, ""
    try:
        spec = parse(source)
    except ManifestError as error:
        sentence = str(error)
    assert "\n" not in sentence
    return spec


@settings(max_examples=300)
@given(st.one_of(st.text(), st.binary(), st.text("[]{}&*!:-? \n\t'\"#|>%@`,ab01.~<=", max_size=80)))
@example("!!timestamp x")
@example("!!int '0b_'")
@example("a: 1:2:3\nb: 0x\nc: 0o9\nd: .inf\n<<: *a")
def test_any_text_gives_a_spec_or_one_sentence(source):
    only_sentences(source)


values = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=True),
        st.text(max_size=8),
        st.sampled_from(["Pods", "Resource", "10", "1e400", "500m", "-1", "Max", 0, 1, 5]),
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(node):
    """Every (container, key) of a nested document."""
    keys = range(len(node)) if isinstance(node, list) else list(node)
    found = [(node, key) for key in keys]
    inner = [node[key] for key in keys if isinstance(node[key], dict | list)]
    return found + [place for child in inner for place in places(child)]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_what_we_accept_kubernetes_accepts_too(data):
    document = yaml.safe_load(EVERYTHING)
    for _ in range(data.draw(st.integers(1, 2))):
        container, key = data.draw(st.sampled_from(places(document)))
        if data.draw(st.booleans()):
            container[key] = data.draw(values)
        else:
            del container[key]
    if only_sentences(yaml.safe_dump(document)) is not None:
        assert schema_accepts(yaml.safe_load(yaml.safe_dump(document)))
