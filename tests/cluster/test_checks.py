"""What the engines' own servers would refuse is one sentence with the field's path. Lab 12.

The table of custom fields gives their sources; built-in kinds are compared with Kubernetes' schema.
"""

import copy
import datetime

import kubernetes_validate
import pytest
import yaml

from scaletoolkit import service
from scaletoolkit.cluster import checks, manifests
from scaletoolkit.cluster.checks import custom, workloads
from scaletoolkit.commands.export import DEFAULT
from scaletoolkit.serving import autoscaling

SPEC = autoscaling.parse(DEFAULT)
FILES = ("deployment.yaml", "service.yaml", "pod-disruption-budget.yaml", "scaled-object.yaml")
POD = "spec.template.spec"
BOX = f"{POD}.containers.0"
RAY = "spec.rayClusterConfig"
NAME = "app.kubernetes.io/name"


def asked(resource, request, limit=None):
    """A container's resources, of one of them; limit: None for none."""
    limits = {} if limit is None else {resource: limit}
    return {"requests": {resource: request}, "limits": limits}


def labelled(*entries):
    """A Deployment's selector by expressions, each of a key, an operator and values."""
    names = ("key", "operator", "values")
    return {"matchExpressions": [dict(zip(names, entry, strict=False)) for entry in entries]}


def served(fields):
    """An application of Ray Serve, of one deployment with this autoscaling_config and more."""
    deployment = f"{{name: M, autoscaling_config: {fields}}}"
    return f"applications: [{{import_path: a.b, deployments: [{deployment}]}}]"


# (file, path, its new value or None to remove it, the sentence)
WRONG = [
    ("deployment", "apiVersion", "extensions/v1beta1", "apiVersion: Unsupported value"),
    ("deployment", "metadata.name", "Model_Server", "metadata.name: Invalid value"),
    ("deployment", "spec.replica", 3, 'unknown field "spec.replica": did you mean "replicas"'),
    ("deployment", "spec.replicas", -1, "spec.replicas: Invalid value: -1"),
    ("deployment", "spec.selector", None, "spec.selector: Required value"),
    ("deployment", "spec.selector.matchLabels", {"a": "b"}, "`selector` does not match"),
    ("deployment", "spec.template.metadata.labels", {}, "`selector` does not match"),
    ("deployment", "spec.selector", {"matchExpressions": []}, "an empty selector is invalid"),
    ("deployment", "spec.selector", labelled((NAME, "In", ["b"])), "`selector` does not match"),
    ("deployment", "spec.selector", labelled(("b", "Exists")), "`selector` does not match"),
    ("deployment", "spec.selector", labelled((NAME, "DoesNotExist")), "`selector` does not match"),
    ("deployment", "spec.selector", labelled((NAME, "Has")), 'operator: Unsupported value: "Has"'),
    ("deployment", "spec.selector", labelled((NAME, "In")), "values: Required value: must be"),
    (
        "deployment",
        "spec.selector",
        labelled((NAME, "Exists", ["a"])),
        "values: Forbidden: may not",
    ),
    ("deployment", "spec.selector", labelled(("-", "Exists")), "key: Invalid value"),
    ("deployment", "spec.selector", labelled((NAME, "In", [1])), "values: Invalid value"),
    ("deployment", f"{POD}.containers", [], f"{POD}.containers: Required value"),
    ("deployment", f"{BOX}.name", "Server", "must be at most 63 lower case letters"),
    ("deployment", f"{BOX}.image", None, "image: Required value"),
    ("deployment", f"{BOX}.resources.requests.cpu", "2 cores", "requests.cpu: Invalid value"),
    ("deployment", f"{BOX}.resources.requests.cpu", "2", "cpu must be less than or equal to its"),
    ("deployment", f"{BOX}.resources.requests.gpu", 1, "requests.gpu: Invalid value: 1"),
    ("deployment", f"{BOX}.resources.requests.x/y", 1, "Limit must be set for non overcommitable"),
    ("deployment", f"{BOX}.resources", asked("x/y", 1, 2), "x/y must be equal to its limit"),
    ("deployment", f"{BOX}.resources", asked("x/y", "500m", "500m"), "must be an integer"),
    ("deployment", f"{BOX}.resources", {"limits": {"x/y": 0.5}}, "limits.x/y: Invalid value: 0.5"),
    ("deployment", f"{BOX}.resources", asked("hugepages-2Mi", "2Mi"), "Limit must be set for non"),
    ("deployment", f"{BOX}.resources", asked("hugepages-2Mi", "2Mi", "4Mi"), "must be equal to"),
    ("deployment", f"{BOX}.ports.0.containerPort", 80_000, "must be from 1 to 65535"),
    ("deployment", f"{BOX}.ports.0.name", "a-very-long-name", "at most 15 lower case letters"),
    ("deployment", f"{BOX}.livenessProbe.httpGet.port", "htp", "no port of the container"),
    ("deployment", f"{BOX}.livenessProbe.httpGet", None, "must specify one handler"),
    ("deployment", f"{BOX}.livenessProbe.successThreshold", 2, "only a readinessProbe may"),
    ("deployment", f"{BOX}.startupProbe.successThreshold", 2, "only a readinessProbe may"),
    ("deployment", f"{BOX}.readinessProbe.periodSeconds", -1, "must be 0, for the default, or"),
    ("deployment", f"{BOX}.limits", {}, 'unknown field "spec.template.spec.containers[0].limits"'),
    ("service", "spec.ports", [], "spec.ports: Required value"),
    ("service", "spec.ports.0.port", 0, "spec.ports[0].port: Invalid value: 0"),
    ("service", "spec.ports.0.port", "http", "must be a whole number"),
    ("service", "spec.ports.0.protocol", "HTTP", 'protocol: Unsupported value: "HTTP"'),
    ("service", "metadata.name", "7up", "and begin with a letter"),
    ("service", "spec.type", "Public", 'spec.type: Unsupported value: "Public"'),
    ("pod-disruption-budget", "spec.selector", labelled(("b", "In")), "values: Required value"),
    ("pod-disruption-budget", "spec.minAvailable", 1, "cannot be both set"),
    ("pod-disruption-budget", "spec.maxUnavailable", "110%", "one of percent up to 100%"),
    ("pod-disruption-budget", "spec.maxUnavailable", "²%", "one of percent up to 100%"),
    ("pod-disruption-budget", "spec.maxUnavailable", "9" * 5000 + "%", "one of percent up to"),
    ("scaled-object", "spec.maxReplicas", 20, 'did you mean "maxReplicaCount"'),
    ("scaled-object", "spec.maxReplicaCount", 1, "must be at least minReplicaCount, here 2"),
    ("scaled-object", "spec.maxReplicaCount", "20", 'Invalid value: "20": must be a whole number'),
    ("scaled-object", "spec.idleReplicaCount", 2, "must be less than minReplicaCount, 2"),
    ("scaled-object", "spec.triggers", [], "no triggers defined"),
    ("scaled-object", "spec.triggers.0.metricType", "Foo", 'Unsupported value: "Foo"'),
    ("scaled-object", "spec.triggers.1.metadata.threshold", 10, "write it in quotes"),
    ("scaled-object", "spec.triggers.1.metadata.threshold", "ten", "must be a number"),
    ("scaled-object", "spec.triggers.1.metadata.threshold", "500m", "must be a number such as 10"),
    ("scaled-object", "spec.triggers.1.metadata.threshold", "1e999", "must be a number such as 10"),
    ("scaled-object", "spec.triggers.1.metadata.threshold", "0.0", "must be greater than 0"),
    ("scaled-object", "spec.triggers.0.metadata.value", "500m", "must be a whole number"),
    ("scaled-object", "spec.triggers.1.metadata.query", None, "metadata.query: Required value"),
    ("scaled-object", "metadata.name", "a" * 64, "must have at most 63"),
    ("ray-service", f"{RAY}.headGroupSpec", None, "headGroupSpec: Required value"),
    ("ray-service", f"{RAY}.workerGroups", [], 'did you mean "workerGroupSpecs"'),
    ("ray-service", f"{RAY}.workerGroupSpecs.0.replicas", 50, "must be from 2 to 20"),
    ("ray-service", f"{RAY}.workerGroupSpecs.0.rayStartParams", {"a": 1}, "write it in quotes"),
    ("ray-service", "spec.serveConfigV2", "applications: [", "must be one YAML document"),
    ("ray-service", "spec.serveConfigV2", "applications: []", "must have an application"),
    ("ray-service", "spec.serveConfigV2", "applications: [{name: a}]", "import_path: Required"),
    (
        "ray-service",
        "spec.serveConfigV2",
        "applications: [{import_path: a.b, deployments: [{name: M, replicas: 2}]}]",
        'did you mean "num_replicas"',
    ),
    ("ray-service", "spec.serveConfigV2", served("{min_replicas: 2}"), "at least min_replicas"),
    (
        "ray-service",
        "spec.serveConfigV2",
        served("{min_replicas: 101}, num_replicas: auto"),
        "at least min_replicas, here 101",
    ),
    ("horizontal-pod-autoscaler", "spec.scaleTargetRef.apiVersion", None, "specify API group"),
    ("prometheus-adapter-values", "rules.custom.0.metricsQuery", None, "metricsQuery: Required"),
]


@pytest.fixture(scope="module")
def documents(digits_model):
    """{file without its ending: document} of everything that is written."""
    settings = service.Settings(str(digits_model), cpu_milli=500)
    texts = {}
    for target in manifests.TARGETS.values():
        texts |= target(settings, SPEC)[0]
    return {
        name.removesuffix(".yaml"): yaml.safe_load(text)
        for name, text in texts.items()
        if name.endswith(".yaml")
    }


def changed(document, path, value):
    """A copy with another value at a path of keys and numbers; None removes it."""
    document = copy.deepcopy(document)
    *way, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    inner = document
    for key in way:
        inner = inner[key]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return document


@pytest.mark.parametrize(("file", "path", "value", "sentence"), WRONG)
def test_each_mistake_is_a_sentence(file, path, value, sentence, documents):
    assert checks.problems(documents[file]) == []
    told = checks.problems(changed(documents[file], path, value))
    assert any(sentence in problem for problem in told), told
    assert all("\n" not in problem for problem in told)


@pytest.mark.parametrize(
    ("file", "path", "value"),
    [
        *(("deployment", f"{BOX}.livenessProbe.{name}", 0) for name in workloads.COUNTS),
        ("deployment", f"{BOX}.readinessProbe.successThreshold", 2),
        ("deployment", f"{BOX}.resources", asked("x/y", 2, 2)),
        ("deployment", f"{BOX}.resources", {"limits": {"x/y": "1e3"}}),
        ("deployment", f"{BOX}.resources", asked("x.kubernetes.io/y", "500m")),
        ("deployment", "spec.selector", labelled((NAME, "Exists"), ("b", "NotIn", ["c"]))),
        ("deployment", "spec.selector", labelled((NAME, "NotIn", ["b"]), ("b", "DoesNotExist"))),
        ("service", "spec.ports.0.targetPort", "a-name"),
        ("pod-disruption-budget", "spec.maxUnavailable", "050%"),
        ("scaled-object", "spec.triggers.1.metadata.threshold", "1.5e-1"),
        ("scaled-object", "metadata.name", "a" * 63),
        ("ray-service", "spec.serveConfigV2", served("{min_replicas: 2}, num_replicas: auto")),
    ],
)
def test_what_the_servers_take_is_taken(file, path, value, documents):
    assert checks.problems(changed(documents[file], path, value)) == []


def test_several_mistakes_are_several_sentences(documents):
    wrong = changed(changed(documents["deployment"], "spec.replicas", -1), f"{BOX}.name", "A")
    assert len(checks.problems(wrong)) == 2


def test_what_cannot_be_checked_is_said():
    assert "what is checked here: Deployment" in checks.problems("kind: Pod\n")[0]
    assert checks.problems("") == ["The manifest is empty."]
    assert "is not YAML" in checks.problems("a: [")[0]
    assert checks.problems([1]) == ["The manifest is a list; expected a mapping of fields."]


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (f"{POD}.nodeSelector", {1: 2}, f"{POD}.nodeSelector: Invalid key 1: a key must be text."),
        ("spec", {None: 2}, "spec: Invalid key null: a key must be text."),
        ("metadata.labels", {True: "a"}, "metadata.labels: Invalid key true: a key must be text."),
        (
            "spec.replicas",
            [{(1, 2): 3}],
            "spec.replicas[0]: Invalid key [1, 2]: a key must be text.",
        ),
    ],
    ids=str,
)
def test_a_key_that_is_no_text_is_one_sentence(path, value, sentence, documents):
    assert checks.problems(changed(documents["deployment"], path, value)) == [sentence]


def test_what_holds_itself_is_told_in_sentences(documents):
    deep = []
    for _ in range(10_000):
        deep = [deep]
    for name in ("deployment", "horizontal-pod-autoscaler"):
        loop = copy.deepcopy(documents[name])
        for value in (loop, deep):
            loop["spec"] = value
            told = checks.problems(loop)
            assert told
            assert all("\n" not in problem for problem in told)


@pytest.mark.parametrize("value", [10**5000, datetime.date(2026, 1, 2), object()], ids=type)
def test_a_value_that_yaml_does_not_have_is_a_sentence(value, documents):
    for name in ("deployment", "horizontal-pod-autoscaler"):
        field = "maxReplicas" if name != "deployment" else "replicas"
        (said,) = checks.problems(changed(documents[name], f"spec.{field}", value))
        assert said.startswith(("spec.", "The manifest cannot be written as YAML"))


@pytest.mark.parametrize(
    ("kind", "version", "fields"),
    [
        ("Deployment", "apps/v1", workloads.SPEC),
        ("Service", "v1", workloads.SERVICE_SPEC),
        ("PodDisruptionBudget", "policy/v1", workloads.BUDGET_SPEC),
    ],
)
def test_the_fields_are_kubernetes_own(kind, version, fields):
    """A field that Kubernetes' schema does not know is refused by it, each of ours is not."""
    for name in (*fields, "nosuchfield"):
        needed = {"selector": {}, "template": {}} if kind == "Deployment" else {}
        document = {"apiVersion": version, "kind": kind, "spec": {**needed, name: None}}
        try:
            kubernetes_validate.validate(document, "1.37", strict=True)
            refused = ""
        except kubernetes_validate.ValidationError as error:
            refused = str(error)
        unknown = "Additional properties are not allowed" in refused
        assert unknown == (name == "nosuchfield")


# What we write of custom resources, and where each is defined
SOURCES = {
    "scaled-object": (
        "github.com/kedacore/keda/apis/keda/v1alpha1/scaledobject_types.go, ScaledObjectSpec",
        custom.SCALED,
        ["spec"],
    ),
    "ray-service": (
        "github.com/ray-project/kuberay/ray-operator/apis/ray/v1/rayservice_types.go",
        custom.RAY,
        ["spec"],
    ),
    "ray-service, cluster": (
        "github.com/ray-project/kuberay/ray-operator/apis/ray/v1/raycluster_types.go",
        custom.CLUSTER,
        ["spec", "rayClusterConfig"],
    ),
    "ray-service, head": (
        "github.com/ray-project/kuberay/ray-operator/apis/ray/v1/raycluster_types.go",
        custom.HEAD,
        ["spec", "rayClusterConfig", "headGroupSpec"],
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_each_custom_field_that_is_written_has_a_source(name, documents):
    source, known, path = SOURCES[name]
    inner = documents[name.split(",")[0]]
    for key in path:
        inner = inner[key]
    assert source.startswith("github.com/")
    assert set(inner) <= set(known)


def paths(value, path=()):
    """The path to every value that lies in a document."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from paths(inner, (*path, key))


ODD = (None, True, -1, "", "a/b/c", [None], {"a": None})


def test_an_odd_value_anywhere_is_no_traceback(documents):
    for document in documents.values():
        for path in paths(document):
            for odd in ODD:
                wrong = copy.deepcopy(document)
                inner = wrong
                for key in path[:-1]:
                    inner = inner[key]
                inner[path[-1]] = odd
                assert all("\n" not in problem for problem in checks.problems(wrong))
