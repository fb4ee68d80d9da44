"""Compiled templates on disk: found again, not when changed, not in somebody else's folder."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from towline.render.gotemplate.engine import SHARED_UNITS, TemplateSet
from towline.render.gotemplate.functionset import FunctionSet
from towline.render.gotemplate.units import UnitCache
from towline.workers.messages import Failed, Rendered
from towline.workers.templates import TemplateFiles, compiler_digest, open_templates
from towline.workers.worker import keep_templates

TEXT = '{{define "x"}}[{{.}}]{{end}}{{template "x" .}}'


def opened(folder: Path, **options: int) -> TemplateFiles:
    files = open_templates(folder, **options)
    assert files is not None
    return files


def run(folder: Path, text: str = TEXT) -> int:
    """Renders as a new process would; returns how many units it had to compile and store."""
    files, units = opened(folder), UnitCache()
    units.keep_in(files)
    templates = TemplateSet(FunctionSet({}), units=units)
    templates.parse("t", text)
    assert templates.execute("t", "a") == "[a]"
    saved = units.save()
    files.close()
    return saved


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    assert [run(folder), run(folder), run(folder)] == [1, 0, 0]
    assert run(folder, f"{TEXT} "[:-1] + "{{/* another text */}}") == 1


def test_files_and_key_are_for_their_owner_only(tmp_path: Path) -> None:
    run(tmp_path / "templates")
    modes = [path.lstat().st_mode & 0o077 for path in (tmp_path / "templates").rglob("*")]
    assert modes == [0, 0, 0]
    assert (tmp_path / "templates").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "swap"])
def test_s66_a_damaged_file_is_compiled_anew_and_healed(tmp_path: Path, damage: str) -> None:
    run(tmp_path)
    [file] = (tmp_path / "units").iterdir()
    content = file.read_bytes()
    if damage == "swap":
        run(tmp_path, f"{TEXT}{{{{/* another */}}}}")
        [other] = [one for one in (tmp_path / "units").iterdir() if one != file]
        file.write_bytes(other.read_bytes())
    else:
        changed = bytearray(content)
        changed[-1] ^= 1
        file.write_bytes({"flip": bytes(changed), "cut": content[:50], "empty": b""}[damage])
    assert [run(tmp_path), run(tmp_path)] == [1, 0]
    assert file.read_bytes() == content


def test_s66_another_key_reads_nothing(tmp_path: Path) -> None:
    run(tmp_path)
    (tmp_path / "key").write_bytes(os.urandom(32))
    assert [run(tmp_path), run(tmp_path)] == [1, 0]


def test_another_compiler_reads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path)
    monkeypatch.setattr("towline.workers.templates.compiler_digest", lambda: "another")
    assert run(tmp_path) == 1
    assert len(compiler_digest()) == 64


@pytest.mark.parametrize("place", ["", "key"])
@pytest.mark.parametrize("how", ["writable", "foreign"])
def test_s66_a_folder_that_is_not_ours_alone_is_not_used(
    tmp_path: Path, place: str, how: str
) -> None:
    folder = tmp_path / "templates"
    run(folder)
    if how == "writable":
        (folder / place).chmod(0o722 if not place else 0o622)
    elif os.geteuid() == 0:
        os.chown(folder / place, 12345, -1)
    else:
        pytest.skip("only root can give a file away")
    assert open_templates(folder) is None


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert open_templates(tmp_path / "file" / "templates") is None
    folder = tmp_path / "templates"
    run(folder)
    (folder / "key").write_bytes(b"short")
    assert open_templates(folder) is None


def test_the_folder_is_bounded(tmp_path: Path) -> None:
    files = opened(tmp_path, limit=10_000)
    for number in range(50):
        files.put(str(number), b"x" * 1000)
    files.close()
    assert sum(file.stat().st_size for file in (tmp_path / "units").iterdir()) <= 10_000


def test_processes_that_share_a_folder_do_not_disturb_each_other(tmp_path: Path) -> None:
    stores = [opened(tmp_path) for _ in range(4)]

    def fill(number: int) -> None:
        for key in range(50):
            stores[number].put(f"{key}", f"value {key}".encode())

    threads = [threading.Thread(target=fill, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()
    last = opened(tmp_path)
    assert [last.get(f"{key}") for key in range(50)] == [
        f"value {key}".encode() for key in range(50)
    ]
    last.close()


class Kept:
    """A store in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.kept.get(key)

    def put(self, key: str, value: bytes) -> None:
        self.kept[key] = value


@pytest.fixture
def shared() -> Iterator[Kept]:
    """The store of this process's own units, for a while."""
    SHARED_UNITS.skip()
    store = Kept()
    SHARED_UNITS.keep_in(store)
    yield store
    SHARED_UNITS.keep_in(None)


@pytest.mark.parametrize(
    ("reply", "stored"),
    [
        (Rendered(1, "Helm", (), ()), 1),
        (Rendered(1, "Helm", (), (), decrypted=True), 0),
        (Failed(number=1, kind="input", message="no"), 0),
    ],
)
def test_a_worker_stores_nothing_of_a_render_that_was_decrypted_or_failed(
    shared: Kept, reply: Rendered | Failed, stored: int
) -> None:
    templates = TemplateSet(FunctionSet({}))
    templates.parse("t", f"{{{{/* {stored} {type(reply).__name__} */}}}}{TEXT}")
    templates.execute("t", "a")
    keep_templates(reply)
    assert len(shared.kept) == stored
    SHARED_UNITS.save()
    assert len(shared.kept) == stored
