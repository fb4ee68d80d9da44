"""The plugins of an instance: where its settings say, hidden from its data."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from towline.aio.clock import SystemClock
from towline.app.folder import DataFolder
from towline.app.plugins import plugins_of
from towline.render.inputs import Inputs
from towline.render.source import RenderRequest
from towline.settings import BuildSettings, EngineSettings, Settings

PLUGIN = """\
apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata: {name: tool}
spec:
  generate:
    command: [sh, -c]
    args:
      - |
        seen=$(cat DATA/secret || echo none)
        printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: "%s"}\\n' "$seen"
"""


@pytest.mark.parametrize("configured", [False, True])
def test_definitions_come_from_the_data_folder_or_where_the_settings_say(
    bench: Any, tmp_path: Path, configured: bool
) -> None:
    data = tmp_path / "instance"
    folder = DataFolder(data)
    (data / "secret").write_text("canary")
    place = tmp_path / "elsewhere" if configured else data / "plugins"
    place.mkdir()
    (place / "tool.yaml").write_text(PLUGIN.replace("DATA", str(data)))
    engine = EngineSettings(plugins_dir=str(place)) if configured else EngineSettings()
    plugins = plugins_of(Settings(engine=engine), folder, SystemClock())
    tree = bench.commit({"app/a": ""})
    source = {"repoURL": "r", "path": "app", "plugin": {"name": "tool"}}
    request = RenderRequest(source=source, app_name="x", namespace="n", revision=tree.commit)
    attempt = asyncio.run(plugins.render(Inputs(tree=tree), request))
    assert attempt.result is not None
    [manifest] = attempt.result.manifests
    assert manifest.object["metadata"]["name"] == "none"
    folder.close()


def test_confinement_that_was_turned_off_is_respected(bench: Any, tmp_path: Path) -> None:
    data = tmp_path / "instance"
    folder = DataFolder(data)
    (data / "secret").write_text("seen")
    (data / "plugins").mkdir()
    (data / "plugins" / "tool.yaml").write_text(PLUGIN.replace("DATA", str(data)))
    settings = Settings(build=BuildSettings(confine="off"))
    plugins = plugins_of(settings, folder, SystemClock())
    tree = bench.commit({"app/a": ""})
    source = {"repoURL": "r", "path": "app", "plugin": {"name": "tool"}}
    request = RenderRequest(source=source, app_name="x", namespace="n", revision=tree.commit)
    attempt = asyncio.run(plugins.render(Inputs(tree=tree), request))
    assert attempt.result is not None
    assert attempt.result.manifests[0].object["metadata"]["name"] == "seen"
    folder.close()
