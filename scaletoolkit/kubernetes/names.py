"""What may stand as a name in a manifest: for each form, whether a text has it. Lab 09.

Source: k8s.io/apimachinery/pkg/util/validation, and for the names of resources
ValidateContainerResourceName in pkg/apis/core/v1/validation (Kubernetes 1.36).
"""

import re

LABEL_EXPECTED = "must be at most 63 lower case letters, digits and '-', with a '-' at neither end"
SUBDOMAIN_EXPECTED = (
    "must consist of lower case letters, digits, '-' and '.', and start and end with a letter or "
    "digit"
)
QUALIFIED_EXPECTED = (
    "must be at most 63 letters, digits, '-', '_' and '.', that start and end with a letter or "
    "digit, after a prefix such as example.com/ where there is one"
)
VALUE_EXPECTED = (
    "must be at most 63 letters, digits, '-', '_' and '.', that start and end with a letter or "
    "digit"
)
RESOURCE_EXPECTED = (
    "must be cpu, memory, ephemeral-storage, hugepages-<size> or a name with a prefix such as "
    "example.com/gpu"
)
SEGMENT_EXPECTED = "may not be '.' or '..' and may not contain '/' or '%'"
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
LONGEST_LABEL = 63
LONGEST_SUBDOMAIN = 253
STANDARD = ("cpu", "memory", "ephemeral-storage")


def label(text: str) -> bool:
    """Whether it can name a container or a namespace."""
    return len(text) <= LONGEST_LABEL and LABEL.fullmatch(text) is not None


def subdomain(text: str) -> bool:
    """Whether it can name most kinds of object."""
    return len(text) <= LONGEST_SUBDOMAIN and SUBDOMAIN.fullmatch(text) is not None


def segment(text: str) -> bool:
    """Whether it can stand in a URL, as the names of roles and their bindings; it may be empty."""
    return text not in (".", "..") and "/" not in text and "%" not in text


def prefix(text: str) -> bool:
    """Whether names can begin with it (generateName), which lets it end with a '-'."""
    masked = text[:-2] + "a" if len(text) > 1 and text.endswith("-") else text
    return subdomain(masked)


def value(text: str) -> bool:
    """Whether it can be the value of a label; it may be empty."""
    return not text or (len(text) <= LONGEST_LABEL and QUALIFIED.fullmatch(text) is not None)


def qualified(text: str) -> bool:
    """Whether it can be the key of a label: a name, or one after a domain and a '/'."""
    before, slash, name = text.rpartition("/")
    return bool(name) and value(name) and (not slash or subdomain(before))


def resource(text: str) -> bool:
    """Whether a container can ask for a resource of that name."""
    if not qualified(text):
        return False
    if "/" not in text:
        return text in STANDARD or text.startswith("hugepages-")
    if "kubernetes.io/" in text:
        return True
    return not text.startswith("requests.") and qualified(f"requests.{text}")


def is_extended(resource: str) -> bool:
    """Whether Kubernetes does not know the resource itself, as example.com/gpu: whole amounts."""
    return "/" in resource and "kubernetes.io/" not in resource


def can_overcommit(resource: str) -> bool:
    """Whether a container may ask for less of a resource than its limit."""
    return not is_extended(resource) and not resource.startswith("hugepages-")


def group_of(api_version: str) -> str | None:
    """The group of an apiVersion: "apps" of "apps/v1", "" of "v1"; None where it is none."""
    if api_version.count("/") > 1:
        return None
    return api_version.rpartition("/")[0]
