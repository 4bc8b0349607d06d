"""`scaletoolkit capacity`: a plan whose lines name their laws, and a sentence for each mistake."""

import pytest
from tools.commands import run

from scaletoolkit import lab
from scaletoolkit.commands import capacity

SIZE = "--entities 50000000 --features 400 --bytes 1 --qps 5000 --calls-per-request 20".split()


def run_command(*arguments):
    return run(capacity, *SIZE, *arguments)


def test_every_line_of_the_plan_names_its_law(capsys):
    assert run_command("--lookups-per-s", "200000", "--memory-gb", "8") == 0
    said = capsys.readouterr().out
    assert "one file, mapped 408 B 20.4 GB 8 + value" in " ".join(said.split())
    for line in (
        "Shards: 3 computed · ⌈bytes ÷ memory of a machine⌉",
        "Calls that a machine can answer: 16,000 /s computed · cores × lookups ÷ rows a call",
        "Percentile that each call must meet: 99.95 computed · 100 (99 ÷ 100)^(1 ÷ 20)",
    ):
        assert line in said
    lines = said.partition("\n\n")[2].splitlines()
    assert all(" computed · " in line for line in lines)


def test_the_numbers_of_lab_10_are_taken_and_named(capsys):
    run_command()
    assert "10.lookups_per_core: ⟨" in capsys.readouterr().out


def test_copies_of_the_hottest_make_the_hottest_shard_cooler(capsys):
    heat = []
    for copied in ("0", "100"):
        run_command("--lookups-per-s", "200000", "--memory-gb", "1", "--copied", copied)
        line = next(x for x in capsys.readouterr().out.splitlines() if "hottest shard" in x)
        heat.append(float(line.split()[3]))
    assert heat[0] > 1.5
    assert heat[1] < 1.1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--qps", "nan"], "--qps must be a number above 0; got nan"),
        (["--features", "0"], "--features must be a number above 0; got 0"),
        (["--zipf", "-1"], "--zipf must be a number of 0 or more"),
        (["--percentile", "100", "--lookups-per-s", "1"], "percent must lie between 0 and 100"),
        (["--copied", "50000000"], "--copied must be less than the 50,000,000 entities"),
        (["--calls-per-request", str(10**16)], "--calls-per-request must be a number above 0"),
    ],
)
def test_what_cannot_be_is_a_sentence(arguments, sentence):
    with pytest.raises(lab.LabError, match=sentence):
        run_command(*arguments)
