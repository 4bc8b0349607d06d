"""Who pays: costs by OpenCost's rules, idle machines, a bill that adds up to the cent. Lab 11.

money    exact amounts, rounded to cents that still add up
costs    what a request costs, what idle machines cost whom, what a machine's price is made of
batches  who pays for a batch that several tenants share: four answers
bills    a bill from rows of usage and a table of prices
"""

from scaletoolkit.teams.billing.batches import split_batch
from scaletoolkit.teams.billing.bills import Bill, bill
from scaletoolkit.teams.billing.costs import IDLE, cost, share_idle, split_price
from scaletoolkit.teams.billing.money import to_cents

__all__ = ["IDLE", "Bill", "bill", "cost", "share_idle", "split_batch", "split_price", "to_cents"]
