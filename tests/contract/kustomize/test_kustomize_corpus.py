"""Golden builds of the render corpus, where it lies beside the repository."""

import gzip
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from towline.cli.kustomize_files import DiskFiles, tree_path
from towline.errors import TowlineError
from towline.render.kustomize.build import BuildOptions, Kustomizer

_DEFAULT = Path(__file__).resolve().parents[4] / "shared" / "corpus"
CORPUS = Path(os.environ.get("TOWLINE_RENDER_CORPUS", _DEFAULT)) / "kustomize"
SECONDS = 30.0


def cases() -> Iterator[Path]:
    return (path for path in sorted(CORPUS.glob("*")) if (path / "target").exists())


def expected(case: Path) -> str | None:
    packed = case / "expected.yaml.gz"
    if packed.exists():
        return gzip.decompress(packed.read_bytes()).decode()
    plain = case / "expected.yaml"
    return plain.read_bytes().decode() if plain.exists() else None


def built(case: Path, kustomizer: Kustomizer) -> str | None:
    flags: list[Any] = []
    if (case / "args.json").exists():
        flags = json.loads((case / "args.json").read_text()).get("flags", [])
    target = (case / "input" / (case / "target").read_text().strip()).resolve()
    options = BuildOptions(
        restricted="LoadRestrictionsNone" not in flags,
        managed_by="--enable-managedby-label" in flags,
    )
    try:
        return kustomizer.build(DiskFiles(), tree_path(str(target)), options).text
    except TowlineError:
        return None


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no render corpus at {CORPUS}")
def test_every_build_of_the_corpus_is_byte_for_byte_the_expected_one() -> None:
    kustomizer = Kustomizer()
    started = time.monotonic()
    seen = 0
    for case in cases():
        assert built(case, kustomizer) == expected(case), case.name
        seen += 1
        if time.monotonic() - started > SECONDS:
            break
    assert seen > 0
