"""Other right answers to the exercises of lab 01: first with numpy's values, then in loops."""


def groups_with_numpy(bounds, low, high):
    import numpy as np

    firsts = np.array([first for first, _ in bounds])
    lasts = np.array([last for _, last in bounds])
    return np.flatnonzero((firsts < high) & (lasts >= low))


def groups_as_a_set(bounds, low, high):
    outside = set()
    for i in range(len(bounds)):
        if bounds[i][1] < low or bounds[i][0] >= high:
            outside.add(i)
    return set(range(len(bounds))) - outside


def groups_one_by_one(bounds, low, high):
    for i, (first, last) in enumerate(bounds):
        if not (last < low or high <= first):
            yield i


def layout_with_numpy(cost_bytes, times_per_day):
    import numpy as np

    layouts = np.array(list(cost_bytes))
    bytes_each = np.array([[cost_bytes[a][q] for q in times_per_day] for a in layouts])
    return layouts[np.argmin(bytes_each @ list(times_per_day.values()))]


def layout_in_loops(cost_bytes, times_per_day):
    best = None
    for layout, costs in cost_bytes.items():
        total = 0.0
        for question in costs:
            total += costs[question] * times_per_day[question]
        if best is None or total < best[0]:
            best = (total, layout)
    return best[1]


def mean_with_numpy(partials):
    import numpy as np

    events, revenue = np.array(partials).sum(axis=0)
    return revenue / events


def mean_weighted(partials):
    events = 0
    mean = 0.0
    for count, total in partials:
        events += count
        mean += (total - mean * count) / events if events else 0
    return mean


def limit_with_numpy(rows, workers):
    import numpy as np

    rows = np.array(rows)
    return np.minimum(workers, rows.sum() / rows.max())


def limit_by_cases(rows, workers):
    total = 0.0
    for size in rows:
        total += size
    if max(rows) > total / workers:
        return total / max(rows)
    return float(workers)


ANSWERS = {
    "1.1": (groups_with_numpy, groups_as_a_set, groups_one_by_one),
    "1.2": (layout_with_numpy, layout_in_loops),
    "1.3": (mean_with_numpy, mean_weighted),
    "1.4": (limit_with_numpy, limit_by_cases),
}
