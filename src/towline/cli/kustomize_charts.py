"""Inflates the charts of kustomizations on the command line, in process."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Sequence
from pathlib import Path

from towline.cli.helm_files import LocalTree
from towline.cli.helm_template import local_environment
from towline.errors import InputError
from towline.render.helm.chart import Chart
from towline.render.helm.dependencies import check_dependencies
from towline.render.helm.directory import read_directory
from towline.render.helm.loading import load_archive, load_chart, load_values
from towline.render.helm.rendering import Engine
from towline.render.helm.template import (
    Release,
    check_installable,
    render_chart,
    text_of_release,
)
from towline.render.helm.values import Table, merge_maps
from towline.render.kustomize.chart_values import merged_values
from towline.render.kustomize.files import Folder
from towline.render.kustomize.model import HelmChart, HelmGlobals

_MAJOR = 3
_HOME = "charts"


class LocalCharts:
    """Charts of this machine, and of the repositories that kustomizations name.

    Args:
        kube_version: Version of the cluster; empty for the default.
        api_versions: Further API versions of the cluster.
    """

    def __init__(self, kube_version: str = "", api_versions: Sequence[str] = ()) -> None:
        self._kube_version = kube_version
        self._api_versions = tuple(api_versions)
        self._engine = Engine(local_environment(), major=_MAJOR, clock=time.monotonic)

    def inflate(self, chart: HelmChart, options: HelmGlobals, folder: Folder) -> str:
        """The manifests of a chart.

        Raises:
            InputError: The chart is missing or does not render.
        """
        home = options.chart_home or _HOME
        if chart.version and chart.repo:
            home = posixpath.join(home, f"{chart.name}-{chart.version}")
        loaded = _load(chart, Path("/", folder.root, home, chart.name))
        check_installable(loaded)
        check_dependencies(loaded, major=_MAJOR)
        release = Release(
            name=self._release_name(chart),
            namespace=chart.namespace or "default",
            major=_MAJOR,
            kube_version=self._kube_version or chart.kube_version,
            api_versions=self._api_versions or tuple(chart.api_versions),
            include_crds=chart.include_crds,
        )
        values = _values(chart, posixpath.join(home, chart.name), folder)
        rendered = render_chart(loaded, values, release, engine=self._engine)
        return text_of_release(
            rendered, hooks=not chart.skip_hooks, tests=not chart.skip_tests, major=_MAJOR
        )

    def _release_name(self, chart: HelmChart) -> str:
        if chart.name_template:
            return self._engine.release_name(chart.name_template)
        return chart.release_name or f"{posixpath.basename(chart.name)}-{int(time.time())}"


def _load(chart: HelmChart, place: Path) -> Chart:
    if place.is_dir():
        return load_chart(read_directory(LocalTree(place), "", major=_MAJOR), major=_MAJOR)
    if not chart.repo:
        raise InputError(f"no repo specified for pull, no chart found at '{place}'")
    from towline.cli.helm_sources import fetch_chart

    if chart.repo.startswith("oci://"):
        reference, repo = f"{chart.repo.rstrip('/')}/{chart.name}", ""
    else:
        reference, repo = chart.name, chart.repo
    wanted = {
        "repo": repo,
        "version": chart.version,
        "devel": chart.devel,
        "username": "",
        "password": "",
        "pass_credentials": False,
        "plain_http": False,
        "ca_file": "",
        "insecure_skip_tls_verify": False,
    }
    return load_archive(fetch_chart(reference, wanted), major=_MAJOR)


def _values(chart: HelmChart, place: str, folder: Folder) -> Table:
    own = posixpath.join(place, "values.yaml")
    content = b""
    if chart.values_file or (folder.files.real(posixpath.join(folder.root, own)) is not None):
        content = folder.load(chart.values_file or own)
    if chart.values_inline:
        content = merged_values(chart.values_inline, content, chart.values_merge).encode()
    values = load_values(content, major=_MAJOR)
    for path in chart.additional_values_files:
        values = merge_maps(values, load_values(folder.load(path), major=_MAJOR))
    return values
