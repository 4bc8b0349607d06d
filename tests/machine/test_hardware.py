"""What this machine says of itself."""

from scaletoolkit.machine import hardware


def test_only_instructions_that_the_processor_lists_are_named(tmp_path, monkeypatch):
    here = hardware.int8_instructions()
    assert here == [name for name in hardware.INT8_INSTRUCTIONS if name in here]
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("flags : fpu avx512_vnni avx_vnni_int8\n")
    monkeypatch.setattr(hardware, "CPUINFO", cpuinfo)
    assert hardware.int8_instructions() == ["avx512_vnni"]
    cpuinfo.unlink()
    assert hardware.int8_instructions() == []
