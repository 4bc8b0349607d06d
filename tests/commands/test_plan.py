"""`scaletoolkit plan`: a reader's own product, and a sentence for whatever is wrong with it."""

import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from planning import examples
from tools.commands import run

from scaletoolkit import lab
from scaletoolkit.commands import plan
from scaletoolkit.planning import bill

RECOMMENDER = examples.FOLDER / "recommender.yaml"


def run_command(*arguments):
    return run(plan, *arguments)


def test_the_command_says_bill_doubt_and_weakest_assumption(tmp_path, capsys):
    picture = tmp_path / "plan.png"
    assert run_command(RECOMMENDER, "--plot", picture) == 0
    said = capsys.readouterr().out
    for line in (
        "Bill: $19,941 a month, computed",
        "From 5 to 95 %: $",
        "With 1,000,000 users: $1.21 a month for a thousand, computed.",
        "Within the budget of $25,000: ",
        "Weakest assumption: visits_per_user, assumed. Measure that next.",
        "worker_price is quoted: 0.0385 $/h, us-east-1; high: ap-east-1, 20",
        "Audit: 9,688 worker-hours a day computed",
    ):
        assert line in said
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a: [", "The file is not YAML: line 1, column"),
        (b"- 1", "The file must hold names and their ranges"),
        (b"\xff\xfe\x00", "The file "),
        (b"#" * 100_001, "has more than 100,000 bytes."),
    ],
)
def test_a_file_that_cannot_be_is_a_sentence(tmp_path, content, sentence):
    path = tmp_path / "product.yaml"
    path.write_bytes(content)
    with pytest.raises(lab.LabError, match=re.escape(sentence)):
        run_command(path)


def test_paths_that_cannot_be_are_sentences(tmp_path):
    with pytest.raises(lab.LabError, match=r"cannot be read: no such file"):
        run_command(tmp_path / "none.yaml")
    with pytest.raises(lab.LabError, match=r"cannot be read: is a directory"):
        run_command(tmp_path)
    with pytest.raises(lab.LabError, match=r"no regular file"):
        run_command("/dev/zero")
    with pytest.raises(lab.LabError, match=r"cannot be written: that is a folder"):
        run_command(RECOMMENDER, "--plot", tmp_path)
    with pytest.raises(lab.LabError, match=r"The picture .* cannot be written"):
        run_command(RECOMMENDER, "--plot", tmp_path / "no" / "folder.png")


@settings(max_examples=6)
@given(data=st.data())
def test_valid_numbers_of_any_size_never_end_in_a_traceback(data, tmp_path_factory):
    document = yaml.safe_load(RECOMMENDER.read_text(encoding="utf-8"))
    document["product"] = data.draw(st.sampled_from(["a $5 and $6 shop", "$x_{$", "\\", "é" * 99]))
    for name in data.draw(st.sets(st.sampled_from([*bill.UNITS]), min_size=1, max_size=6)):
        most = 0.999 if name in bill.SHARES else 1e15
        ends = sorted(data.draw(st.lists(st.floats(1e-12, most), min_size=3, max_size=3)))
        document[name] = [*ends, bill.UNITS[name], "assumed"]
    folder = tmp_path_factory.mktemp("plan")
    (folder / "product.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    assert run_command(folder / "product.yaml", "--plot", folder / "plan.png") == 0
