"""How Kubernetes writes things down, read field by field; every mistake is one sentence.

quantity  its numbers with units ("500m", "1Gi"), exact or in milli-units
document  YAML text to plain values, small and safe
names     what may stand as a name
fields    one field: its value, or the sentence that says what is wrong
"""
