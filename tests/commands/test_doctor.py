"""What the doctor sees."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scaletoolkit.commands import doctor
from scaletoolkit.machine import hardware


def test_a_complete_installation_has_no_finding_that_stops():
    assert [str(finding) for finding in doctor.findings() if finding.stops] == []


def test_facts_are_those_of_this_machine():
    facts = doctor.facts()
    assert facts["cores"] == str(hardware.cores())
    assert facts["Python"].endswith(f"({sys.executable})")
    assert doctor.torch_build() in facts["PyTorch"]
    assert facts["Slurm"].startswith(("no cluster here", "a cluster of "))


def test_a_missing_package_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setattr(doctor, "requires", lambda _: ["numpy>=1.26", "nosuchpackage>=2.0"])
    (finding,) = doctor.packages()
    assert "nosuchpackage 2.0 or newer is needed; it is not installed" in finding.sentence
    assert "pip install 'nosuchpackage>=2.0'" in finding.remedy


def test_a_package_that_is_too_old_is_named(monkeypatch):
    monkeypatch.setattr(doctor, "requires", lambda _: ["numpy>=999.0", "torch>=2; extra == 'x'"])
    (finding,) = doctor.packages()
    assert finding.sentence.startswith("numpy 999.0 or newer is needed; ")
    assert finding.sentence.endswith("is too old.")


def test_no_kernel_and_the_kernel_of_another_python_are_findings(tmp_path, monkeypatch):
    from jupyter_client import kernelspec

    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    spec = {"argv": ["/opt/other/bin/python"], "display_name": "other", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setattr(kernelspec, "jupyter_path", lambda *_: [str(tmp_path / "kernels")])
    assert "/opt/other/bin/python" in doctor.kernel()[0].sentence
    shutil.rmtree(folder)
    monkeypatch.setitem(sys.modules, "ipykernel.kernelspec", None)
    assert doctor.kernel()[0].sentence == "There is no Jupyter kernel named python3."


def test_too_little_disk_stops_and_little_memory_does_not(monkeypatch):
    monkeypatch.setattr(doctor, "DISK_BYTES", 10**18)
    monkeypatch.setattr(doctor, "MEMORY_BYTES", 10**18)
    assert [finding.stops for finding in doctor.room()] == [True, False]


def test_a_place_where_no_data_can_be_written_stops_unless_the_data_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("SCALETOOLKIT_PROFILE", "ci")
    monkeypatch.setenv("SCALETOOLKIT_DATA", "/dev/null/data")
    (finding, *_) = doctor.room()
    assert (finding.sentence, finding.stops) == ("No data can be written at /dev/null.", True)
    (tmp_path / "events-ci").mkdir()
    monkeypatch.setenv("SCALETOOLKIT_DATA", str(tmp_path))
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)  # root may write anywhere
    (finding, *_) = doctor.room()
    assert not finding.stops


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("unshare"),
    reason="needs root on Linux",
)
def test_no_shared_memory_is_a_finding():
    words = "from scaletoolkit.commands import doctor; print(*doctor.shared_memory())"
    hidden = f'mount --bind /proc /dev/shm && exec {sys.executable} -c "{words}"'
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = ["unshare", "--mount", "sh", "-c", hidden]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.startswith("✘ Worker processes cannot share locks here: ")
    assert doctor.shared_memory() == []


@pytest.mark.parametrize(("build", "count"), [("CPU", 0), ("CUDA 13.2", 1)])
def test_the_cpu_route_looks_at_what_it_got(monkeypatch, build, count):
    monkeypatch.setattr(doctor, "torch_build", lambda: build)
    found = doctor.cpu_only()
    assert len(found) == count
    assert all(build in finding.sentence for finding in found)


def test_the_doctor_works_where_nothing_else_is_installed(tmp_path):
    shutil.copytree(Path(doctor.__file__).parents[1], tmp_path / "scaletoolkit")
    code = "import sys; sys.path.append('.'); from scaletoolkit.__main__ import main; "
    bare = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code + "sys.exit(main(['doctor']))"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert bare.returncode == 1
    assert "scaletoolkit itself is not installed here" in bare.stdout
    assert bare.stderr == ""
