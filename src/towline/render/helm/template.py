"""`helm template`: from a chart and values to manifests, and to the text that Helm prints."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from towline.render.helm.capabilities import capabilities
from towline.render.helm.chart import Chart
from towline.render.helm.dependencies import DependencyProcessing
from towline.render.helm.errors import ChartError, RenderError
from towline.render.helm.manifests import SPACE, Manifest, sort_manifests, split_documents
from towline.render.helm.paths import PatternError, match_path
from towline.render.helm.rendering import Engine
from towline.render.helm.schema import check_values
from towline.render.helm.values import Coalescing, Table
from towline.render.helm.versions import satisfies

_RELEASE_NAME: Final = re.compile(
    r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
)
_LONGEST_RELEASE_NAME: Final = 53
_SOURCE: Final = re.compile(r"# Source: [^/]+/(.+)")
_NOTES: Final = "NOTES.txt"

PostRenderer = Callable[[str], str]


def refuse_document(url: str) -> bytes:
    """A schema that refers to other documents is refused unless somebody fetches them."""
    raise ChartError(f"{url} is not part of the chart")


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """What is rendered, beside the chart and its values.

    Attributes:
        name: Name of the release.
        namespace: Its namespace.
        major: Which Helm: 3 or 4.
        kube_version: Version of the cluster; empty for the default.
        api_versions: API versions beside the built-in ones.
        is_upgrade: Whether `.Release.IsUpgrade` instead of `.Release.IsInstall` is set.
        include_crds: Whether `crds/` is part of the output.
        skip_schema_validation: Whether values.schema.json is ignored.
    """

    name: str
    namespace: str = "default"
    major: int = 3
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()
    is_upgrade: bool = False
    include_crds: bool = False
    skip_schema_validation: bool = False


class Rendered(msgspec.Struct, frozen=True):
    """The manifests of a release.

    Attributes:
        crds: Files of `crds/` with their paths, when they were asked for.
        generic: Manifests in the order of installation.
        hooks: Hooks, likewise.
    """

    crds: tuple[tuple[str, str], ...]
    generic: tuple[Manifest, ...]
    hooks: tuple[Manifest, ...]

    def manifest(self) -> str:
        """Everything but the hooks as one text."""
        parts = [_piece(path, text) for path, text in self.crds]
        parts += [_piece(manifest.path, manifest.text) for manifest in self.generic]
        return "".join(parts)


def render_chart(
    chart: Chart,
    values: Table,
    release: Release,
    *,
    engine: Engine,
    load_document: Callable[[str], bytes] = refuse_document,
) -> Rendered:
    """Renders a chart.

    Args:
        chart: The chart; its dependencies are processed in place, so it serves once.
        values: Values to lay over its defaults.
        release: The release.
        engine: Runs the templates.
        load_document: Fetches what a values schema refers to.

    Raises:
        ChartError: The chart, the values or the release are wrong; with Helm's message.
        RenderError: A template failed.
        LimitError: Too much of something.
    """
    check_installable(chart)
    major = release.major
    if major > 3 and chart.metadata.api_version == "v3":
        raise ChartError("invalid chart apiVersion")  # Helm 4 reads such charts, no more
    check_release_name(release.name)
    _process_dependencies(chart, values, major)
    offered = capabilities(
        major=major, kube_version=release.kube_version, api_versions=release.api_versions
    )
    merged = Coalescing(major).coalesce(chart, values)
    if not release.skip_schema_validation:
        check_values(chart, merged, major=major, load=load_document)
    wanted = chart.metadata.kube_version
    if wanted and not satisfies(offered.kube_version.normalized, wanted, major):
        raise RenderError(
            f"chart requires kubeVersion: {wanted} which is incompatible with Kubernetes "
            f"{offered.kube_version.version}"
        )
    files = engine.render(chart, merged, _release_object(release), offered)
    written = {path: text for path, text in files.items() if not path.endswith(_NOTES)}
    crds = (
        tuple((path, file.data.decode("utf-8", "surrogateescape")) for path, file in chart.crds())
        if release.include_crds
        else ()
    )
    try:
        result = sort_manifests(written, major=major)
    except RenderError as error:
        texts = sorted(written.items())
        error.written = "".join(_piece(path, text) for path, text in texts if text.strip(SPACE))
        raise
    return Rendered(crds, result.generic, result.hooks)


def _process_dependencies(chart: Chart, values: Table, major: int) -> None:
    try:
        DependencyProcessing(major).process(chart, values)
    except ChartError as error:
        if major < 4:
            raise
        raise ChartError(f"chart dependencies processing failed: {error.message}") from error


def _release_object(release: Release) -> dict[str, Any]:
    return {
        "Name": release.name,
        "Namespace": release.namespace,
        "IsUpgrade": release.is_upgrade,
        "IsInstall": not release.is_upgrade,
        "Revision": 1,
        "Service": "Helm",
    }


def check_installable(chart: Chart) -> None:
    """Refuses library charts.

    Raises:
        ChartError: It is one.
    """
    if chart.metadata.type not in {"", "application"}:
        raise ChartError(f"{chart.metadata.type} charts are not installable")


def check_release_name(name: str) -> None:
    """Checks a release's name.

    Raises:
        ChartError: With Helm's message.
    """
    if not name:
        raise ChartError('release name "": no name provided')
    if len(name) > _LONGEST_RELEASE_NAME or not _RELEASE_NAME.fullmatch(name):
        raise ChartError(
            f'release name "{name}": invalid release name, must match regex '
            f"^{_RELEASE_NAME.pattern}$ and the length must not be longer than "
            f"{_LONGEST_RELEASE_NAME}"
        )


def text_of_release(
    rendered: Rendered,
    *,
    hooks: bool = True,
    tests: bool = True,
    show_only: tuple[str, ...] = (),
    major: int = 3,
    post_render: PostRenderer | None = None,
) -> str:
    """What `helm template` prints.

    Args:
        rendered: The release.
        hooks: Whether hooks are printed.
        tests: Whether test hooks are among them.
        show_only: Patterns of templates; only these are printed then.
        major: Which Helm: 3 or 4.
        post_render: Changes the manifests, hooks apart.

    Raises:
        ChartError: A pattern of `show_only` matches nothing.
    """
    manifest = rendered.manifest()
    if post_render is not None:
        manifest = post_render(manifest)
    parts = [manifest.strip(SPACE), "\n"]
    if hooks:
        parts += [
            _piece(hook.path, hook.text)
            for hook in rendered.hooks
            if tests or "test" not in hook.events
        ]
    text = "".join(parts)
    return _shown(text, show_only, major) if show_only else text


def _piece(path: str, text: str) -> str:
    return f"---\n# Source: {path}\n{text}\n"


def _shown(text: str, patterns: tuple[str, ...], major: int) -> str:
    documents = split_documents(text, major=major)
    chosen: list[str] = []
    for pattern in patterns:
        matching = [document for document in documents if _is_from(document, pattern)]
        if not matching:
            raise ChartError(f"could not find template {pattern} in chart")
        chosen += matching
    return "".join(f"---\n{document}\n" for document in chosen)


def _is_from(document: str, pattern: str) -> bool:
    source = _SOURCE.search(document)
    if source is None:
        return False
    try:
        return match_path(pattern, source[1])
    except PatternError:
        return False
