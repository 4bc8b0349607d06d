"""Serving scale: traffic, and what answers it. Labs 07 to 09.

traffic      load tests: Locust, and arrivals that do not wait for answers
batching     requests that share a model call; the same rule on a virtual clock
caching      predictions that are not made: kept, shared, or made ahead
autoscaling  how many replicas, and when, as Kubernetes decides it
"""
