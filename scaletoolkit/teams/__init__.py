"""Many teams on the same machines: who goes first, who may use how much, who pays. Lab 11.

queueing   whose request is next: start-time fair queueing, a bound a tenant; token bucket
quotas     what each team may use, lends and borrows, as Kueue counts it; a day of GPU jobs
billing    costs by OpenCost's rules, idle machines, a bill that adds up to the cent
"""
