"""Hostile sources through the whole engine: each fails with a reason, and no other is held up."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from towline.kube.refs import GroupKind

AUTOMATED = {"automated": {"prune": True, "selfHeal": True}}
CHART = "apiVersion: v2\nname: web\nversion: 1.2.3\n"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
ENDLESS = "{{ range $i := until 100000 }}{{ range $j := until 100000 }}{{ $j }}{{ end }}{{ end }}"

HOSTILE: dict[str, tuple[dict[str, str], dict[str, Any], str]] = {
    "s53-value-file": (
        {"Chart.yaml": CHART, "templates/a.yaml": CONFIG % "{{ .Values.x }}"},
        {"helm": {"valueFiles": ["../../../../../CANARY"]}},
        "leads out of the repository",
    ),
    "s53-files": (
        {"Chart.yaml": CHART, "templates/a.yaml": '{{ .Files.Get "../secret" | fail }}'},
        {"helm": {"releaseName": "x"}},
        "",
    ),
    "s53-kustomization": (
        {"kustomization.yaml": "resources: [../../../../../CANARY]\n"},
        {},
        "leads out of the repository",
    ),
    "s58-aliases": ({"a.yaml": f"{CONFIG % 'x'}data:\n  x: y\n---\n{BOMB}"}, {}, "alias"),
    "s61-endless": ({"Chart.yaml": CHART, "templates/a.yaml": ENDLESS}, {}, ""),
    "s61-include": (
        {
            "Chart.yaml": CHART,
            "templates/a.yaml": '{{ define "x" }}{{ include "x" . }}{{ end }}{{ include "x" . }}',
        },
        {},
        "",
    ),
    "s61-host": (
        {"Chart.yaml": CHART, "templates/a.yaml": CONFIG % '{{ env "HOME" }}'},
        {},
        'function "env" not defined',
    ),
    "s63-remote-base": (
        {"kustomization.yaml": "resources: ['https://github.com/evil/base?ref=main']\n"},
        {},
        "https://github.com/evil/base",
    ),
}


def synced(status: Any) -> bool:
    return bool((status.get("sync") or {}).get("status") == "Synced" and status.get("history"))


@pytest.mark.asyncio
async def test_s53_s58_s61_s63_hostile_sources_fail_with_a_reason_and_hold_up_nobody(
    engine: Any, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("x: canary\n")
    place = str(tmp_path / "secret").lstrip("/")
    files = {"good/a.yaml": CONFIG % "good", "secret": "outside of the folders"}
    for name, (own, _, _) in HOSTILE.items():
        files |= {f"{name}/{path}": text.replace("CANARY", place) for path, text in own.items()}
    engine.push(files)
    for name, (_, tool, _) in HOSTILE.items():
        blocks = {
            key: {
                inner: [one.replace("CANARY", place) for one in value]
                if isinstance(value, list)
                else value
                for inner, value in block.items()
            }
            for key, block in tool.items()
        }
        source = {"path": name, **blocks}
        await engine.create_app(name, {"source": source, "syncPolicy": AUTOMATED})
    began = time.monotonic()
    await engine.create_app("good", {"source": {"path": "good"}, "syncPolicy": AUTOMATED})
    await engine.until_app("good", synced, 60)
    assert time.monotonic() - began < 60
    for name, (_, _, reason) in HOSTILE.items():
        status = await engine.until_app(name, lambda s: bool(s.get("conditions")), 60)
        text = str(status["status"]["conditions"])
        assert "ComparisonError" in text, name
        assert reason in text, (name, text)
        assert "canary" not in text
        assert "outside of the folders" not in text
        found = await engine.client.get(GroupKind("", "ConfigMap"), name, "x")
        assert found is None
