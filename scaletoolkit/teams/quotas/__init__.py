"""Who may use how much: quotas that are lent and taken back. Lab 11.

cohorts  queues and cohorts with nominal quota, borrowing and lending limits, as Kueue counts them
trees    a tree of queues and cohorts from plain values, or a sentence
lending  who lends what is borrowed
drf      dominant resource fairness: whose task is next where there are several resources
day      a day of GPU jobs under such quotas, simulated on a virtual clock
"""

from scaletoolkit.teams.quotas.cohorts import Quotas, Share
from scaletoolkit.teams.quotas.day import Day, Job, gpu_jobs, simulate_day
from scaletoolkit.teams.quotas.drf import drf

__all__ = ["Day", "Job", "Quotas", "Share", "drf", "gpu_jobs", "simulate_day"]
