"""A Kubernetes manifest as plain frozen values; every mistake is one sentence with its path.

spec     what a manifest says, with Kubernetes' defaults; the controller's flags
metrics  the entries of spec.metrics
reader   plain values to a Spec
target   what the workload that it scales asks for
"""
