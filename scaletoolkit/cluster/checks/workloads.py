"""Deployment, Service and PodDisruptionBudget: what Kubernetes' API server would refuse. Lab 12.

Source: Kubernetes 1.37's OpenAPI for the names of the fields, and pkg/apis/apps/validation,
pkg/apis/core/validation and pkg/apis/policy/validation for the rules. Fields that are not read here
are passed over; those that do not exist are mistakes.
"""

import re
from fractions import Fraction

from scaletoolkit.cluster.checks import selectors
from scaletoolkit.kubernetes import names, quantity
from scaletoolkit.kubernetes.fields import Fields

TOP = ("apiVersion", "kind", "metadata", "spec", "status")
METADATA = """name generateName namespace labels annotations finalizers ownerReferences uid
resourceVersion generation creationTimestamp deletionTimestamp deletionGracePeriodSeconds
managedFields selfLink""".split()
SPEC = """minReadySeconds paused progressDeadlineSeconds replicas revisionHistoryLimit selector
strategy template""".split()
POD = """activeDeadlineSeconds affinity automountServiceAccountToken containers dnsConfig dnsPolicy
enableServiceLinks ephemeralContainers evictionResponders hostAliases hostIPC hostNetwork hostPID
hostUsers hostname hostnameOverride imagePullSecrets initContainers nodeName nodeSelector os
overhead preemptionPolicy priority priorityClassName readinessGates resourceClaims resources
restartPolicy runtimeClassName schedulerName schedulingGates schedulingGroup securityContext
serviceAccount serviceAccountName setHostnameAsFQDN shareProcessNamespace subdomain
terminationGracePeriodSeconds tolerations topologySpreadConstraints volumes""".split()
CONTAINER = """args command env envFrom image imagePullPolicy lifecycle livenessProbe name ports
readinessProbe resizePolicy resources restartPolicy restartPolicyRules securityContext startupProbe
stdin stdinOnce terminationMessagePath terminationMessagePolicy tty volumeDevices volumeMounts
workingDir""".split()
PORT = ("containerPort", "hostIP", "hostPort", "name", "protocol")
PROBE = """exec failureThreshold grpc httpGet initialDelaySeconds periodSeconds successThreshold
tcpSocket terminationGracePeriodSeconds timeoutSeconds""".split()
COUNTS = ("periodSeconds", "timeoutSeconds", "failureThreshold", "successThreshold")
MOST_SUCCESSES = {"startupProbe": 1, "readinessProbe": 2**31, "livenessProbe": 1}
HTTP = ("path", "port", "host", "scheme", "httpHeaders")
SERVICE_SPEC = """allocateLoadBalancerNodePorts clusterIP clusterIPs externalIPs externalName
externalTrafficPolicy healthCheckNodePort internalTrafficPolicy ipFamilies ipFamilyPolicy
loadBalancerClass loadBalancerIP loadBalancerSourceRanges ports publishNotReadyAddresses selector
sessionAffinity sessionAffinityConfig trafficDistribution type""".split()
SERVICE_PORT = ("appProtocol", "name", "nodePort", "port", "protocol", "targetPort")
BUDGET_SPEC = ("maxUnavailable", "minAvailable", "selector", "unhealthyPodEvictionPolicy")
PORT_NAME = "must be at most 15 lower case letters, digits and '-', with a letter among them"
LONGEST_PORT_NAME = 15
MOST_PORT = 65_535
PROTOCOLS = ("TCP", "UDP", "SCTP")
PERCENT = re.compile("0*(100|[0-9]{1,2})%")


def top(document: object, version: str) -> Fields:
    """The Fields of a document of that apiVersion, its metadata read."""
    fields = Fields(document, "", TOP)
    fields.choice("apiVersion", (version,))
    metadata = fields.mapping("metadata", METADATA)
    name = metadata.named("name", names.subdomain, names.SUBDOMAIN_EXPECTED)
    metadata.named("generateName", names.prefix, names.SUBDOMAIN_EXPECTED)
    metadata.named("namespace", names.label, names.LABEL_EXPECTED)
    selectors.labels(metadata, "labels")
    metadata.texts("annotations")
    if not name and "generateName" not in metadata:
        metadata.required("name", "name or generateName is required")
    return fields


def _selected(document: object) -> None:
    """The selector must fit the template's labels, else the Deployment would never see its pods."""
    spec = top(document, "apps/v1").mapping("spec", SPEC)
    selector = spec.mapping("selector", selectors.KNOWN)
    if not any(selector.values.values()):
        selector.required("matchLabels", "an empty selector is invalid for a Deployment")
    template = spec.mapping("template", ("metadata", "spec"))
    metadata = template.mapping("metadata", METADATA)
    fits = selectors.selects(selector, selectors.labels(metadata, "labels"))
    metadata.check("labels", fits, "`selector` does not match template `labels`")


def _sized(document: object) -> None:
    spec = top(document, "apps/v1").mapping("spec", SPEC)
    spec.check("replicas", spec.integer("replicas", 1) >= 0, "must be 0 or more")


def _pod(document: object) -> None:
    spec = top(document, "apps/v1").mapping("spec", SPEC)
    pod(spec.mapping("template", ("metadata", "spec")))


def pod(template: Fields) -> None:
    """The pod that a template describes: its containers, what they ask for, their probes."""
    spec = template.mapping("spec", POD)
    containers = spec.items("containers")
    if not containers:
        spec.required("containers", "must have a container")
    seen: set[str] = set()
    for entry, path in containers:
        fields = Fields(entry, path, CONTAINER)
        name = fields.text("name", "must be set")
        fields.check("name", names.label(name), names.LABEL_EXPECTED)
        fields.check("name", name not in seen, "another container has this name")
        seen.add(name)
        image = fields.text("image", "must be set")
        fields.check("image", image == image.strip(), "must not have leading or trailing spaces")
        ports = [_container_port(port, where) for port, where in fields.items("ports")]
        _resources(fields)
        for probe, most in MOST_SUCCESSES.items():
            if probe in fields:
                named = {port for port in ports if port}
                _probe(fields.mapping(probe, PROBE), named, most)


def _container_port(entry: object, path: str) -> str:
    fields = Fields(entry, path, PORT)
    _port_number(fields, "containerPort")
    fields.choice("protocol", PROTOCOLS, "TCP")
    return fields.named("name", _port_name, PORT_NAME)


def _port_number(fields: Fields, name: str) -> None:
    within = 1 <= fields.integer(name) <= MOST_PORT
    fields.check(name, within, f"must be from 1 to {MOST_PORT}")


def _port_name(text: str) -> bool:
    short_enough = len(text) <= LONGEST_PORT_NAME and "--" not in text
    return short_enough and names.label(text) and any(letter.isalpha() for letter in text)


def _resources(container: Fields) -> None:
    if "resources" not in container:
        return
    fields = container.mapping("resources", ("claims", "limits", "requests"))
    limits = _amounts(fields, "limits")
    for resource, amount in _amounts(fields, "requests").items():
        limit = limits.get(resource, amount)
        if names.can_overcommit(resource):
            expected = f"{resource} must be less than or equal to its limit"
            fields.check("requests", amount <= limit, expected)
        elif resource not in limits:
            told = "Limit must be set for non overcommitable resources"
            fields.required("limits", f"{told} such as {resource}")
        else:
            fields.check("requests", amount == limit, f"{resource} must be equal to its limit")


def _amounts(fields: Fields, name: str) -> dict[str, Fraction]:
    if name not in fields:
        return {}
    given = fields.mapping(name, fields.values[name])
    amounts = {}
    for resource in given.values:
        given.check(resource, names.resource(resource), names.RESOURCE_EXPECTED)
        amount = given.quantity(resource, quantity.exact) or Fraction(0)
        given.check(resource, amount >= 0, "must be 0 or more")
        is_whole = amount.denominator == 1 or not names.is_extended(resource)
        given.check(resource, is_whole, "must be an integer")
        amounts[resource] = amount
    return amounts


def _probe(fields: Fields, ports: set[str], most_successes: int) -> None:
    handlers = [name for name in ("exec", "grpc", "httpGet", "tcpSocket") if name in fields]
    if len(handlers) != 1:
        fields.required("httpGet", "must specify one handler, and one only")
    for name in COUNTS:
        fields.check(name, fields.integer(name, 0) >= 0, "must be 0, for the default, or more")
    few = fields.integer("successThreshold", 0) <= most_successes
    fields.check("successThreshold", few, "must be 1: only a readinessProbe may ask for more")
    if "httpGet" in fields:
        http = fields.mapping("httpGet", HTTP)
        target(http, "port")
        port = http.values["port"]
        known = not isinstance(port, str) or port in ports
        http.check("port", known, "no port of the container has this name: the probe would fail")


def target(fields: Fields, name: str) -> None:
    """A port: its number, or its name."""
    if name not in fields:
        fields.required(name, "must be set")
    if isinstance(fields.values[name], str):
        fields.named(name, _port_name, PORT_NAME)
    else:
        _port_number(fields, name)


def _service(document: object) -> None:
    fields = top(document, "v1")
    metadata = fields.mapping("metadata", METADATA)
    name = metadata.text("name")
    starts = names.label(name) and name[:1].isalpha()
    metadata.check("name", starts or not name, f"{names.LABEL_EXPECTED}, and begin with a letter")
    spec = fields.mapping("spec", SERVICE_SPEC)
    selectors.labels(spec, "selector")
    kinds = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
    kind = spec.choice("type", kinds, "ClusterIP")
    ports = [Fields(entry, path, SERVICE_PORT) for entry, path in spec.items("ports")]
    if not ports and kind != "ExternalName" and spec.values.get("clusterIP") != "None":
        spec.required("ports", "must have a port")
    for port in ports:
        _port_number(port, "port")
        port.choice("protocol", PROTOCOLS, "TCP")
        if "targetPort" in port:
            target(port, "targetPort")
        if len(ports) > 1:
            port.text("name", "each of several ports needs a name")


def _budget(document: object) -> None:
    spec = top(document, "policy/v1").mapping("spec", BUDGET_SPEC)
    if "minAvailable" in spec and "maxUnavailable" in spec:
        spec.invalid("minAvailable", "minAvailable and maxUnavailable cannot be both set")
    if "selector" in spec:
        selectors.selects(spec.mapping("selector", selectors.KNOWN), {})
    for name in ("minAvailable", "maxUnavailable"):
        value = spec.values.get(name, 0)
        if isinstance(value, str):
            percent = PERCENT.fullmatch(value)
            spec.check(name, bool(percent), "must be a whole number, or one of percent up to 100%")
        else:
            spec.check(name, spec.integer(name, 0) >= 0, "must be 0 or more")


DEPLOYMENT = (_selected, _sized, _pod)
SERVICE = (_service,)
BUDGET = (_budget,)
