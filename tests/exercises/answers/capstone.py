"""Other right answers to the exercises of lab 12: first with numpy or tables, then step by step."""


def replicas_with_numpy(users, visits_per_day, peak, hit_ratio, busy_per_s):
    import numpy as np

    misses_a_day = np.float64(users) * visits_per_day * (1 - hit_ratio)
    return int(np.ceil(misses_a_day * peak / (24 * 3600 * busy_per_s)))


def replicas_by_floor(users, visits_per_day, peak, hit_ratio, busy_per_s):
    hits = users * visits_per_day * hit_ratio
    misses_per_s = (users * visits_per_day - hits) / (24 * 60 * 60)
    return int(-(-misses_per_s * peak // busy_per_s))


def store_by_machine(entities, row_bytes, copies, fill):
    one_gb = 1000**3
    usable_bytes = one_gb * fill
    return copies * entities * row_bytes / usable_bytes


def store_with_numpy(entities, row_bytes, copies, fill):
    import numpy as np

    return float(np.prod([entities, row_bytes, copies, 1e-9], dtype=float) / fill)


def swings_in_a_loop(model, inputs):
    swings = []
    for name in inputs:
        bills = []
        for place in (0, 2):
            x = {other: ends[1] for other, ends in inputs.items()}
            x[name] = inputs[name][place]
            bills.append(model(x))
        swings.append((max(bills) - min(bills), name))
    swings.sort(reverse=True)
    return [name for _, name in swings]


def swings_with_numpy(model, inputs):
    import numpy as np

    names = list(inputs)
    middle = {name: inputs[name][1] for name in names}
    low = np.array([model({**middle, name: inputs[name][0]}) for name in names])
    high = np.array([model({**middle, name: inputs[name][2]}) for name in names])
    return [names[place] for place in np.argsort(-np.abs(high - low))]


def even_by_saving(fixed, before, after):
    saving = before - after
    return fixed / saving if saving > 0 else float("inf")


def even_with_numpy(fixed, before, after):
    import numpy as np

    with np.errstate(divide="ignore"):
        return float(np.divide(fixed, max(0.0, before - after)))


def reviewed_by_line(x):
    import math

    mean_per_s = x["users"] * x["visits"] / 86_400
    peak_per_s = mean_per_s * x["peak"]
    misses = peak_per_s - peak_per_s * x["hit_ratio"]
    replicas = math.ceil(misses / x["per_replica"])
    finders = math.ceil(peak_per_s / x["lookups"])
    month = 730
    machines = month * x["reserved_price"] * (replicas + finders)
    gigabytes = x["copies"] * x["users"] * x["row_bytes"] / 1e9
    return {"machines": machines, "memory": gigabytes * month * x["memory_price"]}


def reviewed_with_numpy(x):
    import numpy as np

    peak_per_s = x["users"] * x["visits"] * x["peak"] / 86_400
    loads = np.array([peak_per_s * (1 - x["hit_ratio"]), peak_per_s])
    count = np.ceil(loads / np.array([x["per_replica"], x["lookups"]])).sum()
    gigabytes = np.prod([x["users"], x["row_bytes"], x["copies"]], dtype=float) / 1e9
    dollars = {
        "machines": count * x["reserved_price"],
        "memory": gigabytes * x["memory_price"],
    }
    return {name: float(value * 730) for name, value in dollars.items()}


ANSWERS = {
    "12.1": (replicas_with_numpy, replicas_by_floor),
    "12.2": (store_by_machine, store_with_numpy),
    "12.3": (swings_in_a_loop, swings_with_numpy),
    "12.4": (even_by_saving, even_with_numpy),
    "12.5": (reviewed_by_line, reviewed_with_numpy),
}
