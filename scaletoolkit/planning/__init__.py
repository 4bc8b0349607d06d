"""What a product costs: one model for the point, the spread and the largest doubt. Lab 12.

    inputs = product.read(text)
    middle = bill.bill(ranges.middles(inputs))
    spread = doubt.draw_bills(inputs, draws=20_000, seed=12)

ranges     a number with its doubt: low, middle, high, unit, and where it is from
prices     quoted prices, each with date, region, source, low and high
bill       the model: demand, workers, memory, bytes, dollars a month
doubt      draws, the 5 to 95 % range, tornado, shares of the variance
audit      the model's worker-hours beside a simulated day of lab 09's autoscaler
product    a reader's own product in a YAML file; every mistake is one sentence
decision   the one-page record of a decision, filled in and looked through
"""
