"""Serving scale: traffic, and what answers it. Labs 07 and 09.

traffic      load tests: Locust, and arrivals that do not wait for answers
batching     requests that share a model call; the same rule on a virtual clock
autoscaling  how many replicas, and when, as Kubernetes decides it
"""
