"""Other right answers to the exercises of lab 05: in another style, or with numpy's values."""

import copy

from scaletoolkit.training import small_job


def survive_through_bytes(seed, steps):
    import io

    import torch

    job = small_job.Job(seed)
    job.train(steps)
    names = ("model", "optimizer", "schedule")
    state = {name: getattr(job, name).state_dict() for name in names}
    file = io.BytesIO()
    torch.save((state, job.generator.get_state(), job.place), file)
    job.train(3)
    new = small_job.Job(seed)
    file.seek(0)
    state, generator, new.place = torch.load(file, weights_only=True)
    for name in names:
        getattr(new, name).load_state_dict(state[name])
    new.generator.set_state(generator)
    return new.train(3)


def survive_as_a_whole_copy(seed, steps):
    import numpy as np

    job = small_job.Job(seed)
    job.train(steps)
    kept = [tensor.clone() for tensor in job.model.state_dict().values()]
    moments = copy.deepcopy(job.optimizer.state_dict())
    rest = job.schedule.state_dict(), job.generator.get_state(), job.place
    job.train(3)
    new = small_job.Job(seed)
    for tensor, value in zip(new.model.state_dict().values(), kept, strict=True):
        tensor.copy_(value)
    new.optimizer.load_state_dict(moments)
    new.schedule.load_state_dict(rest[0])
    new.generator.set_state(rest[1])
    new.place = rest[2]
    return np.array(new.train(3))


def trust_from_the_newest_back(checkpoints):
    for step in sorted(checkpoints, reverse=True):
        written, there = checkpoints[step]
        if written and {*written.items()} == {*there.items()}:
            return step
    return None


def trust_in_a_loop(checkpoints):
    best = None
    for step in checkpoints:
        written = checkpoints[step][0]
        if len(written) == 0 or written != checkpoints[step][1]:
            continue
        if best is None or step > best:
            best = step
    return best


def delete_from_the_newest_back(good, keep):
    counted = 0
    gone = []
    for step in sorted(good, reverse=True):
        if counted >= keep:
            gone.append(step)
        counted += good[step]
    return tuple(gone[::-1])


def delete_with_numpy(good, keep):
    import numpy as np

    steps = np.sort(list(good))
    good_from_here = np.cumsum([good[step] for step in steps][::-1])[::-1]
    newer = np.append(good_from_here[1:], 0)
    return steps[newer >= keep]


def lost_with_numpy(interval_s, save_s, restart_s, mtbf_s):
    import numpy as np

    return np.divide(save_s, interval_s) + np.divide(interval_s / 2 + restart_s, mtbf_s)


def lost_in_a_long_run(interval_s, save_s, restart_s, mtbf_s):
    intervals = 1000
    computed_s = intervals * interval_s
    failures = computed_s / mtbf_s
    return (intervals * save_s + failures * (0.5 * interval_s + restart_s)) / computed_s


def goodput_with_numpy(gpus, save_s, restart_s, gpu_mtbf_s):
    import numpy as np

    mtbf_s = np.float64(gpu_mtbf_s) / gpus
    return 1 / (1 + np.sqrt(2 * save_s / mtbf_s) + restart_s / mtbf_s)


def goodput_in_hours(gpus, save_s, restart_s, gpu_mtbf_s):
    failures = 1000
    computing_s = failures * gpu_mtbf_s / gpus
    interval_s = (2 * save_s * gpu_mtbf_s / gpus) ** 0.5
    saving_s = computing_s / interval_s * save_s
    repeated_s = failures * interval_s / 2
    return computing_s / (computing_s + saving_s + repeated_s + failures * restart_s)


ANSWERS = {
    "5.1": (survive_through_bytes, survive_as_a_whole_copy),
    "5.2": (trust_from_the_newest_back, trust_in_a_loop),
    "5.3": (delete_from_the_newest_back, delete_with_numpy),
    "5.4": (lost_with_numpy, lost_in_a_long_run),
    "5.5": (goodput_with_numpy, goodput_in_hours),
}
