"""Other right answers to the exercises of lab 07: first with numpy's values, then in loops."""


def throughput_with_numpy(size, call_s, item_s):
    import numpy as np

    return np.float64(size) / np.polyval([item_s, call_s], size)


def throughput_by_the_request(size, call_s, item_s):
    seconds_a_request = call_s / size + item_s
    return 1 / seconds_a_request


def start_with_numpy(free_s, arrivals_s, max_batch_size, delay_s):
    import numpy as np

    members = np.array(arrivals_s)[:max_batch_size]
    full = len(members) == max_batch_size
    due = np.min([members[0] + delay_s, members[-1]]) if full else members[0] + delay_s
    return np.maximum(free_s, due)


def start_in_a_loop(free_s, arrivals_s, max_batch_size, delay_s):
    due = float(arrivals_s[0] + delay_s)
    for place, arrival in enumerate(arrivals_s, 1):
        if arrival > due:
            break
        if place == max_batch_size:
            due = arrival
            break
    if free_s > due:
        return free_s
    return due


def users_with_numpy(throughput_per_s, latency_s, pause_s):
    import numpy as np

    return np.dot([latency_s, pause_s], [throughput_per_s, throughput_per_s])


def users_who_wait_and_users_who_pause(throughput_per_s, latency_s, pause_s):
    waiting = throughput_per_s * latency_s
    pausing = throughput_per_s * pause_s
    return waiting + pausing


def bound_with_numpy(objective_ms, max_batch_size, call_ms, item_ms):
    import numpy as np

    batch_ms = call_ms + item_ms * max_batch_size
    return np.clip(np.floor(objective_ms / batch_ms) - 1, 0, None) * max_batch_size


def bound_in_a_loop(objective_ms, max_batch_size, call_ms, item_ms):
    batch_ms = call_ms + item_ms * max_batch_size
    batches = 0
    while (batches + 2) * batch_ms <= objective_ms:
        batches += 1
    return batches * max_batch_size


ANSWERS = {
    "7.1": (throughput_with_numpy, throughput_by_the_request),
    "7.2": (start_with_numpy, start_in_a_loop),
    "7.3": (users_with_numpy, users_who_wait_and_users_who_pause),
    "7.4": (bound_with_numpy, bound_in_a_loop),
}
