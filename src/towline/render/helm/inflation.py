"""A chart of a tree as the text that `helm template` prints: for tools that build on Helm."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from towline.render.helm.dependencies import check_dependencies
from towline.render.helm.directory import read_directory
from towline.render.helm.loading import load_chart, load_values
from towline.render.helm.rendering import Engine
from towline.render.helm.template import (
    Release,
    check_installable,
    render_chart,
    text_of_release,
)
from towline.render.helm.values import Table, merge_maps
from towline.render.inputs import FileTree


def inflate_chart(
    tree: FileTree,
    folder: str,
    release: Release,
    *,
    engine: Engine,
    values: Iterable[bytes] = (),
    name_template: str = "",
    hooks: bool = True,
    tests: bool = True,
) -> str:
    """Renders the chart of a folder.

    Args:
        tree: Where the folder is; what is read of it is recorded there.
        folder: The chart's folder, its dependencies in `charts/`.
        release: The release; without a name it is called as Helm calls it then.
        engine: Runs the templates; of the same Helm as the release.
        values: Files of values, later ones win.
        name_template: Template of the release's name.
        hooks: Whether hooks are printed.
        tests: Whether test hooks are among them.

    Raises:
        ChartError: The chart or its values are wrong; with Helm's message.
        NotFoundError: There is no such folder.
        LimitError: Too much of something.
    """
    name = engine.release_name(name_template) if name_template else release.name
    release = msgspec.structs.replace(release, name=name or "release-name")
    merged: Table = {}
    for data in values:
        merged = merge_maps(merged, load_values(data, major=release.major))
    chart = load_chart(read_directory(tree, folder, major=release.major), major=release.major)
    check_installable(chart)
    check_dependencies(chart, major=release.major)
    rendered = render_chart(chart, merged, release, engine=engine)
    return text_of_release(rendered, hooks=hooks, tests=tests, major=release.major)
