"""`scaletoolkit tenant`: everything is written, or nothing and a sentence for each problem."""

import pytest
import yaml
from tools.commands import run

from scaletoolkit import lab
from scaletoolkit.commands import tenant
from scaletoolkit.commands.tenant import PLATFORM, REQUEST
from scaletoolkit.teams import manifests


def run_command(*arguments):
    return run(tenant, *arguments)


@pytest.fixture
def ask(tmp_path):
    """A function that runs the command on a request, in a folder of its own."""

    def ask(*more, request=REQUEST, platform=PLATFORM):
        (tmp_path / "vision.yaml").write_text(request)
        (tmp_path / "platform.yaml").write_text(platform)
        files = "--request", tmp_path / "vision.yaml", "--platform", tmp_path / "platform.yaml"
        return run_command(*files, "--out", tmp_path / "out", *more)

    return ask


def test_what_is_written_is_what_was_rendered(ask, tmp_path, capsys):
    assert ask() == 0
    (file,) = (tmp_path / "out").iterdir()
    assert file.name == "team-vision.yaml"
    rendered = manifests.render(yaml.safe_load(REQUEST), yaml.safe_load(PLATFORM))
    assert list(yaml.safe_load_all(file.read_text())) == rendered
    said = capsys.readouterr().out
    assert f"kubectl apply -f {tmp_path / 'out'}" in said
    assert yaml.safe_load(said.split("sold it:\n")[1]) == {
        "vision": {
            "owner": "mina@example.com",
            "guaranteed": {"cpu": 8, "memory": "32Gi", "gpu": 2},
        }
    }


def test_a_second_time_nothing_is_written(ask, tmp_path, capsys):
    ask()
    before = (tmp_path / "out" / "team-vision.yaml").stat()
    assert ask() == 0
    assert (tmp_path / "out" / "team-vision.yaml").stat() == before
    assert "is as it should be; nothing was written" in capsys.readouterr().out


def test_noted_in_the_operators_file_the_request_is_still_right(ask, capsys):
    ask()
    line = capsys.readouterr().out.split("sold it:\n")[1]
    noted = PLATFORM.replace(
        "teams:\n", "teams:\n" + "".join(f"  {x}\n" for x in line.splitlines())
    )
    assert ask(platform=noted) == 0
    assert "Note it" not in capsys.readouterr().out


def test_the_difference_is_shown_and_nothing_written(ask, tmp_path, capsys):
    assert ask("--diff") == 1
    assert "+kind: ResourceQuota" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
    ask()
    assert ask("--diff") == 0
    more = REQUEST.replace("gpu: 6", "gpu: 8")
    capsys.readouterr()
    assert ask("--diff", request=more) == 1
    changed = [x for x in capsys.readouterr().out.splitlines() if x[0] in "+-" and "gpu" in x]
    assert changed == ["-    requests.nvidia.com/gpu: '6'", "+    requests.nvidia.com/gpu: '8'"]
    assert "gpu: '6'" in (tmp_path / "out" / "team-vision.yaml").read_text()


def test_a_change_is_written_and_the_other_teams_stay(ask, tmp_path, capsys):
    ask()
    ask(request=REQUEST.replace("vision", "sound"))
    assert ask(request=REQUEST.replace("gpu: 6", "gpu: 8")) == 0
    assert "changed" in capsys.readouterr().out
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["team-sound.yaml", "team-vision.yaml"]
    assert "gpu: '8'" in (tmp_path / "out" / "team-vision.yaml").read_text()


def test_with_anything_wrong_nothing_is_written(ask, tmp_path):
    wrong = REQUEST.replace("gpu: 2", "gpu: 9").replace("mina@", "system:mina@")
    with pytest.raises(lab.LabError) as caught:
        ask(request=wrong)
    first, *sentences = str(caught.value).splitlines()
    assert first.endswith("vision.yaml: 5 things are wrong, nothing was written.")
    assert [sentence.split(":")[0] for sentence in sentences] == [
        *("owner", "guaranteed.gpu", "max.gpu", "guaranteed.gpu", "budget_per_month"),
    ]
    assert not (tmp_path / "out").exists()


def test_a_file_of_somebody_else_stays(ask, tmp_path):
    (tmp_path / "out").mkdir()
    theirs = tmp_path / "out" / "team-vision.yaml"
    theirs.write_text("mine: true\n")
    with pytest.raises(lab.LabError, match="was not written by this command; it stays as it is"):
        ask()
    assert theirs.read_text() == "mine: true\n"


def test_a_folder_that_is_a_file_is_said(ask, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(lab.LabError, match=r"team-vision.yaml' cannot be written: "):
        ask()
