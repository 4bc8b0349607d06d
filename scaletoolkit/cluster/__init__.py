"""Where it goes next: the same settings for the engines of industry, and what gets lost.

manifests  service settings and an autoscaler as files for five engines
checks     what an engine's own server would refuse of a manifest
keda       an autoscaler's wishes as a KEDA ScaledObject
ray        the same as Ray Serve's autoscaling_config
triton     a model server's settings as NVIDIA Triton's config.pbtxt
"""
