"""`scaletoolkit bill`: what teams pay adds up to what the machines cost, to the cent."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tools import commands

from scaletoolkit import lab
from scaletoolkit.commands import bill
from scaletoolkit.commands.bill import PRICES, USAGE
from scaletoolkit.commands.tenant import PLATFORM


def options(folder, *more, usage=USAGE, prices=PRICES):
    (folder / "usage.csv").write_text(usage)
    (folder / "prices.yaml").write_text(prices)
    files = ["--usage", folder / "usage.csv", "--prices", folder / "prices.yaml"]
    files += ["--plot", folder / "bill.png"]
    return commands.options(bill, *files, *more)


def run_command(*arguments, **files):
    chosen = options(*arguments, **files)
    return chosen.run(chosen)


def test_a_table_a_sum_and_a_picture(tmp_path, capsys):
    assert run_command(tmp_path) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Computed from usage.csv, in EUR"
    assert said[1].split() == ["who", "cpu", "memory", "gpu", "idle", "total"]
    assert [line.split()[0] for line in said[2:5]] == ["vision", "speech", "features"]
    assert said[2].split()[1:4] == ["184.61", "123.72", "1387.00"]  # request, use, request
    assert said[-2].endswith("+ idle machines 0.00 + overhead 100.01 = machines 10,438.02.")
    assert (tmp_path / "bill.png").read_bytes().startswith(b"\x89PNG")


def test_idle_machines_can_stand_apart(tmp_path, capsys):
    run_command(tmp_path, "--idle", "apart")
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("vision")]
    assert line.split() == ["vision", "184.61", "123.72", "1387.00", "0.00", "1695.33"]


def test_the_operators_file_has_all_but_the_hours(tmp_path):
    there, _ = bill.billed(options(tmp_path, "--hours", "730", prices=PLATFORM))
    same, _ = bill.billed(options(tmp_path, prices=PRICES.replace("100.01", "0")))
    assert there == same


def test_a_price_as_a_whole_is_split_by_base_prices(tmp_path):
    whole = "machines_per_hour: 20\nprices_per_hour: {cpu: 1, gpu: 9}\n"
    whole += "machines: {cpu: 10, gpu: 10}\nhours: 2\n"
    usage = "team,resource,requested,used,hours\nads,cpu,5,0,2\nads,gpu,0,5,2\n"
    result, _ = bill.billed(options(tmp_path, "--idle", "apart", usage=usage, prices=whole))
    assert result.machines == 40
    assert result.tenants["ads"] | {"idle": 0} == {"cpu": 2, "gpu": 18, "idle": 0}
    for there, sentence in [
        ("machines: {cpu: 0}", "cannot be split"),
        ("clusters: {a: {cpu: 1}}", "over clusters"),
    ]:
        prices = f"machines_per_hour: 20\nprices_per_hour: {{cpu: 1}}\n{there}\nhours: 2\n"
        with pytest.raises(lab.LabError, match=sentence):
            bill.billed(options(tmp_path, prices=prices))


def test_many_teams_are_drawn_as_ten_and_the_others(tmp_path):
    rows = "".join(f"team-{number},cpu,{number},0,1\n" for number in range(1, 13))
    result, _ = bill.billed(options(tmp_path, usage=USAGE.splitlines()[0] + "\n" + rows))
    groups = bill._groups(result)
    assert next(iter(groups)) == "team-12"
    assert list(groups)[-1] == "2 others"
    assert len(groups) == 11
    total = sum(sum(parts.values()) for parts in groups.values())
    assert total == pytest.approx(float(sum(result.totals.values())))


numbers = st.decimals(0, 1000, places=3)
rows = st.tuples(st.sampled_from("abc"), st.sampled_from(["cpu", "gpu"]), numbers, numbers, numbers)


@settings(max_examples=50)
@given(
    st.lists(rows, min_size=1, max_size=8),
    st.sampled_from(sorted(bill.HOW)),
    st.tuples(numbers, numbers),
    st.decimals("0.001", 10, places=6),
)
def test_whatever_was_used_it_adds_up_to_the_cent(tmp_path_factory, used, how, machines, price):
    table = "\n".join([USAGE.splitlines()[0], *(",".join(map(str, row)) for row in used)])
    prices = f"prices_per_hour: {{cpu: {price:f}, gpu: 2.5}}\nhours: 24\noverhead: 0.01\n"
    prices += f"machines: {{cpu: {machines[0]:f}, gpu: {machines[1]:f}}}\n"
    folder = tmp_path_factory.mktemp("bill")
    result, _ = bill.billed(options(folder, "--idle", how, usage=table, prices=prices))
    paid = sum(result.totals.values(), Decimal(0)) + result.idle + result.overhead
    assert paid == result.machines
    exact = 24 * (machines[0] * price + machines[1] * Decimal("2.5")) + Decimal("0.01")
    assert abs(result.machines - exact) <= Decimal("0.005")
    assert min(result.totals.values()) >= 0
