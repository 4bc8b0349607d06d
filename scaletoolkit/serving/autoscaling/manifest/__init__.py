"""A Kubernetes manifest as plain frozen values; every mistake is one sentence with its path.

spec      what a manifest says, with Kubernetes' defaults; the controller's flags
quantity  Kubernetes' numbers with units ("500m", "1Gi") in milli-units
document  YAML text to plain values, small and safe
names     what may stand as a name
fields    one field: its value, or the sentence that says what is wrong
metrics   the entries of spec.metrics
reader    plain values to a Spec
target    what the workload that it scales asks for
"""
