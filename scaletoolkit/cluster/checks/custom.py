"""KEDA's ScaledObject, KubeRay's RayService, prometheus-adapter's rules: what is refused. Lab 12.

Source of KEDA's: github.com/kedacore/keda, apis/keda/v1alpha1/scaledobject_types.go and its
webhook, controllers/keda/hpa.go, pkg/scalers/prometheus_scaler.go, cpu_memory_scaler.go and
scalersconfig/typed_config.go; of KubeRay's:
github.com/ray-project/kuberay, ray-operator/apis/ray/v1; of Ray Serve's: ray 2.60,
serve/schema.py; of the adapter's: github.com/kubernetes-sigs/prometheus-adapter, docs/config.md.
"""

import math
import re

from scaletoolkit.cluster.checks.workloads import METADATA, pod, top
from scaletoolkit.kubernetes import names, quantity
from scaletoolkit.kubernetes.document import ManifestError, documents
from scaletoolkit.kubernetes.fields import Fields

SCALED = """scaleTargetRef pollingInterval initialCooldownPeriod cooldownPeriod idleReplicaCount
minReplicaCount maxReplicaCount advanced triggers fallback""".split()
SCALE_TARGET = ("name", "apiVersion", "kind", "envSourceContainerName")
TRIGGER = "type name useCachedMetrics metadata authenticationRef metricType".split()
MOST_REPLICAS = 100  # KEDA's own default
AUTO_REPLICAS = 100  # Ray Serve's default where num_replicas is auto
RAY = """serveConfigV2 rayClusterConfig serviceUnhealthySecondThreshold serveService
deploymentUnhealthySecondThreshold upgradeStrategy excludeHeadPodFromServeSvc suspend
rayClusterDeletionDelaySeconds""".split()
CLUSTER = """headGroupSpec workerGroupSpecs rayVersion enableInTreeAutoscaling autoscalerOptions
headServiceAnnotations suspend managedBy gcsFaultToleranceOptions authOptions upgradeStrategy
""".split()
HEAD = """serviceType headService enableIngress rayStartParams template resources labels""".split()
WORKERS = """groupName replicas minReplicas maxReplicas numOfHosts rayStartParams template
scaleStrategy suspend idleTimeoutSeconds resources labels""".split()
SERVE = """proxy_location http_options grpc_options controller_options logging_config tracing_config
applications target_capacity""".split()
APPLICATION = """name route_prefix import_path runtime_env host port deployments autoscaling_policy
args logging_config external_scaler_enabled""".split()
DEPLOYED = """name num_replicas max_ongoing_requests max_queued_requests backpressure_config
user_config autoscaling_config graceful_shutdown_wait_loop_s graceful_shutdown_timeout_s
health_check_period_s health_check_timeout_s ray_actor_options placement_group_bundles
placement_group_strategy placement_group_bundle_label_selector max_replicas_per_node logging_config
request_router_config gang_scheduling_config deployment_actors rolling_update_percentage
max_surge_percent""".split()
RULE = "seriesQuery seriesFilters resources name metricsQuery".split()
JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
WHOLE = re.compile("[+-]?[0-9]+")
RULE_KINDS = ("default", "custom", "external", "existing", "resource")


def _bounds(document: object) -> None:
    fields = top(document, "keda.sh/v1alpha1")
    metadata = fields.mapping("metadata", METADATA)
    fits = len(metadata.text("name")) <= names.LONGEST_LABEL
    metadata.check("name", fits, f"must have at most {names.LONGEST_LABEL}: it is a label's value")
    spec = fields.mapping("spec", SCALED)
    least = spec.integer("minReplicaCount", 0)
    most = spec.integer("maxReplicaCount", MOST_REPLICAS)
    expected = f"must be at least minReplicaCount, here {least}"
    spec.check("maxReplicaCount", most >= max(1, least), expected)
    if "idleReplicaCount" in spec:
        idle = spec.integer("idleReplicaCount")
        spec.check("idleReplicaCount", idle < least, f"must be less than minReplicaCount, {least}")


def _target(document: object) -> None:
    spec = top(document, "keda.sh/v1alpha1").mapping("spec", SCALED)
    target = spec.mapping("scaleTargetRef", SCALE_TARGET)
    target.segment("name", "must be set")
    group = names.group_of(target.text("apiVersion"))
    target.check("apiVersion", group is not None, "must be a group and a version")


def _triggers(document: object) -> None:
    spec = top(document, "keda.sh/v1alpha1").mapping("spec", SCALED)
    triggers = spec.items("triggers")
    if not triggers:
        spec.required("triggers", "no triggers defined")
    for entry, path in triggers:
        fields = Fields(entry, path, TRIGGER)
        kind = fields.text("type", "must be set")
        metadata = fields.mapping("metadata", fields.values.get("metadata") or ())
        fields.texts("metadata")  # KEDA's are all text: threshold: 10 is refused, "10" is not
        if kind in ("cpu", "memory"):
            target = fields.choice("metricType", ("AverageValue", "Utilization"))
            _amount(metadata, target)
        elif kind == "prometheus":
            fields.choice("metricType", ("AverageValue", "Value"), "AverageValue")
            _threshold(metadata)
            for name in ("serverAddress", "query"):
                metadata.text(name, "must be set")


def _amount(metadata: Fields, target: str) -> None:
    """What cpu and memory are kept at: percent, or a quantity."""
    text = metadata.text("value", "must be set")
    percent = WHOLE.fullmatch(text) or target != "Utilization"
    metadata.check("value", bool(percent), "must be a whole number, of percent")
    amount = metadata.quantity("value", quantity.exact)
    metadata.check("value", amount is not None and amount > 0, "must be greater than 0")


def _threshold(metadata: Fields) -> None:
    """A number as JSON has it, which KEDA reads as one of 64 bits."""
    text = metadata.text("threshold", "must be set")
    number = JSON_NUMBER.fullmatch(text) and math.isfinite(float(text))
    metadata.check("threshold", bool(number), "must be a number such as 10 or 0.5")
    metadata.check("threshold", float(text) > 0, "must be greater than 0")


def _cluster(document: object) -> None:
    spec = top(document, "ray.io/v1").mapping("spec", RAY)
    cluster = spec.mapping("rayClusterConfig", CLUSTER)
    head = cluster.mapping("headGroupSpec", HEAD)
    head.texts("rayStartParams")
    pod(head.mapping("template", ("metadata", "spec")))
    for entry, path in cluster.items("workerGroupSpecs"):
        workers = Fields(entry, path, WORKERS)
        workers.text("groupName", "must be set")
        workers.texts("rayStartParams")
        pod(workers.mapping("template", ("metadata", "spec")))
        least = workers.integer("minReplicas", 0)
        most = workers.integer("maxReplicas", 2**31 - 1)
        workers.check("minReplicas", 0 <= least <= most, f"must be from 0 to maxReplicas, {most}")
        within = least <= workers.integer("replicas", least) <= most
        workers.check("replicas", within, f"must be from {least} to {most}")


def _served(document: object) -> None:
    """The text in serveConfigV2, which the Kubernetes API server does not read: Ray Serve does."""
    spec = top(document, "ray.io/v1").mapping("spec", RAY)
    text = spec.text("serveConfigV2", "must say which applications to serve")
    try:
        (config,) = documents(text)
    except (ManifestError, ValueError):
        spec.invalid("serveConfigV2", "must be one YAML document")
    fields = Fields(config, "spec.serveConfigV2", SERVE)
    entries = fields.items("applications")
    if not entries:
        fields.required("applications", "must have an application")
    for entry, path in entries:
        application = Fields(entry, path, APPLICATION)
        imported = application.text("import_path", "must be set")
        module, _, name = imported.replace(":", ".").rpartition(".")
        application.check("import_path", bool(module and name), "must be module:application")
        for deployment, where in application.items("deployments"):
            _scaled(deployment, where)


def _scaled(entry: object, path: str) -> None:
    deployment = Fields(entry, path, DEPLOYED)
    deployment.text("name", "must be set")
    if "autoscaling_config" not in deployment:
        return
    is_auto = deployment.values.get("num_replicas") == "auto"
    alone = "num_replicas" not in deployment or is_auto
    deployment.check("num_replicas", alone, "cannot be set beside autoscaling_config")
    config = deployment.mapping("autoscaling_config", deployment.values["autoscaling_config"])
    least = config.integer("min_replicas", 1)
    most = config.integer("max_replicas", AUTO_REPLICAS if is_auto else 1)
    config.check("max_replicas", 1 <= most >= least, f"must be at least min_replicas, here {least}")


def _rules(document: object) -> None:
    rules = Fields(document, "", ("prometheus", "rules")).mapping("rules", RULE_KINDS)
    for kind in ("custom", "external"):
        for entry, path in rules.items(kind):
            rule = Fields(entry, path, RULE)
            for name in ("seriesQuery", "metricsQuery"):
                rule.text(name, "must be set")
            resources = rule.mapping("resources", ("template", "overrides", "namespaced"))
            if "overrides" not in resources:
                resources.text("template", "must say which labels are which resources")


SCALED_OBJECT = (_bounds, _target, _triggers)
RAY_SERVICE = (_cluster, _served)
ADAPTER = (_rules,)
