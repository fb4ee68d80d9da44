"""Blobs in files: bounded, whole or absent, and never those that somebody changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from towline.store.blobs import Blobs

KEY = b"k" * 32


def filled(folder: Path, **values: bytes) -> Blobs:
    blobs = Blobs(folder, KEY)
    for key, value in values.items():
        blobs.put(key, value)
    blobs.close()
    return Blobs(folder, KEY)


def test_what_was_put_is_there_after_a_restart(tmp_path: Path) -> None:
    blobs = filled(tmp_path, a=b"one", b=b"")
    assert (blobs.get("a"), blobs.get("b"), blobs.get("c")) == (b"one", b"", None)
    blobs.close()


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    filled(tmp_path / "blobs", a=b"one").close()
    assert (tmp_path / "blobs").stat().st_mode & 0o077 == 0
    assert [f.stat().st_mode & 0o077 for f in (tmp_path / "blobs").iterdir()] == [0]


@pytest.mark.parametrize("position", [0, 31, 32, -1])
def test_s66_a_flipped_byte_is_a_miss(tmp_path: Path, position: int) -> None:
    filled(tmp_path, a=b"manifests").close()
    [file] = tmp_path.iterdir()
    content = bytearray(file.read_bytes())
    content[position] ^= 1
    file.write_bytes(content)
    blobs = Blobs(tmp_path, KEY)
    assert blobs.get("a") is None
    blobs.close()


def test_s66_two_swapped_entries_are_misses(tmp_path: Path) -> None:
    filled(tmp_path, a=b"one", b=b"two").close()
    one, two = tmp_path.iterdir()
    one.rename(tmp_path / "aside")
    two.rename(one)
    (tmp_path / "aside").rename(two)
    blobs = Blobs(tmp_path, KEY)
    assert (blobs.get("a"), blobs.get("b")) == (None, None)
    blobs.close()


def test_s66_another_key_reads_nothing(tmp_path: Path) -> None:
    filled(tmp_path, a=b"one").close()
    blobs = Blobs(tmp_path, b"o" * 32)
    assert blobs.get("a") is None
    blobs.close()


def test_the_limit_is_kept_and_the_oldest_go_first(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path, KEY, limit=2000)
    for number in range(10):
        blobs.put(str(number), bytes(400))
    blobs.close()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 2000
    assert [blobs.get(str(n)) is not None for n in range(10)] == [False] * 6 + [True] * 4


def test_what_a_crash_left_half_written_is_removed(tmp_path: Path) -> None:
    for name, age in ((".new-left", 7200), (".new-being-written", 10)):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    Blobs(tmp_path, KEY).close()
    assert [file.name for file in tmp_path.iterdir()] == [".new-being-written"]
