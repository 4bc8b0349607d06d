"""Where it goes next: the same settings for the engines of industry, and what gets lost.

manifests  service settings and an autoscaler as files for five engines
checks     what an engine's own server would refuse of a manifest
slurm      the labs' functions on a Slurm cluster of this machine, or the one that is here
ray        the same on Ray; an autoscaler's wishes as Ray Serve's autoscaling_config
enclosure  processes and a network of their own, for engines that trust whoever connects
absence    an engine that is not here
keda       an autoscaler's wishes as a KEDA ScaledObject
triton     a model server's settings as NVIDIA Triton's config.pbtxt
"""
