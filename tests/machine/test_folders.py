"""One writer at a time, and folders that are there whole or not at all."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from scaletoolkit.machine import folders


def test_only_one_at_a_time_is_inside_and_no_lock_is_left(tmp_path):
    count = tmp_path / "count"
    count.write_text("0")

    def add_one(_):
        with folders.alone(count, "waiting"):
            count.write_text(str(int(count.read_text()) + 1))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add_one, range(400)))
    assert count.read_text() == "400"
    assert list(tmp_path.iterdir()) == [count]


def test_the_next_one_enters_after_a_failure(tmp_path):
    with pytest.raises(OSError, match="disk full"), folders.alone(tmp_path / "it", "waiting"):
        raise OSError("disk full")
    with folders.alone(tmp_path / "it", "waiting"):
        assert [path.name for path in tmp_path.iterdir()] == [".it.lock"]
    assert not list(tmp_path.iterdir())


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    folder = tmp_path / "it"
    folder.mkdir()
    (folder / "old").touch()
    with folders.replaced(folder) as partial:
        (partial / "new").touch()
        assert [path.name for path in folder.iterdir()] == ["old"]
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [folder]


def test_all_files_and_folders_inside_are_brought_to_disk(tmp_path, monkeypatch):
    inner = tmp_path / "it" / "inner"
    inner.mkdir(parents=True)
    (inner / "file").touch()
    synced = []
    sync = folders.sync
    monkeypatch.setattr(folders, "sync", lambda path: synced.append(path) or sync(path))
    folders.sync_all(tmp_path / "it")
    assert {*synced} == {tmp_path / "it", inner, inner / "file"}


def test_a_block_that_fails_changes_nothing(tmp_path):
    folder = tmp_path / "it"
    folder.mkdir()
    (folder / "old").touch()
    with pytest.raises(OSError, match="No such file"), folders.replaced(folder) as partial:
        (partial / "no folder" / "new").touch()
    assert [path.name for path in folder.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [folder]


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    for name in ("it.0123abcd.partial", "it.too.0123abcd.partial", "it-2.0123abcd.partial"):
        (tmp_path / name).mkdir()
    with folders.replaced(tmp_path / "it"):
        pass
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["it", "it-2.0123abcd.partial", "it.too.0123abcd.partial"]
