"""Where it goes next: the same settings for the engines of industry, and what gets lost.

keda    an autoscaler's wishes as a KEDA ScaledObject
ray     the same as Ray Serve's autoscaling_config
triton  a model server's settings as NVIDIA Triton's config.pbtxt
"""
