"""Helm chart repositories over HTTP: `index.yaml`, and the archives that it names."""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import msgspec

from towline.errors import InputError, NotFoundError, TowlineError
from towline.oci.outbound import Credentials, OutboundClient, expect
from towline.text.semver import (
    Constraints,
    Generation,
    SemverError,
    Version,
    parse_constraints,
    parse_version,
)
from towline.text.yaml import Limits, load_documents

MOST_INDEX_BYTES: Final = 64 * 1024 * 1024
MOST_CHART_BYTES: Final = 32 * 1024 * 1024
_INDEX_LIMITS: Final = Limits(
    text_bytes=MOST_INDEX_BYTES, nodes=4_000_000, aliases=1000, unique_keys=False
)
_MOST_VERSIONS: Final = 20_000


class ChartVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a chart in an index.

    Attributes:
        name: The chart.
        version: Its version as written.
        url: Where its archive is; relative ones are resolved.
        digest: SHA-256 of the archive, or an empty string.
    """

    name: str
    version: str
    url: str
    digest: str = ""


class Index:
    """What a repository offers.

    Args:
        entries: Versions of each chart, as the index has them.
        url: The repository, which relative addresses are relative to.
    """

    def __init__(self, entries: Mapping[str, Any], url: str) -> None:
        self._entries = entries
        self._url = url

    def find(self, name: str, version: str = "") -> ChartVersion:
        """The version that fits best: that very one, else the newest that a constraint admits.

        Args:
            name: The chart.
            version: A version or a constraint; empty for the newest release.

        Raises:
            NotFoundError: There is none.
            InputError: The constraint is malformed.
        """
        what = f'chart "{name}"' + (f' version "{version}"' if version else "")
        offered = self._versions(name)
        if not offered:
            raise NotFoundError(f"{what} not found in {self._url} repository")
        for _, entry in offered:
            if version and entry["version"] == version:
                return self._version(name, entry, what)
        constraint = _constraint(version)
        for parsed, entry in offered:
            if constraint.check(parsed):
                return self._version(name, entry, what)
        raise NotFoundError(f"{what} not found in {self._url} repository")

    def versions(self, name: str) -> list[str]:
        """All versions of a chart, newest first."""
        return [entry["version"] for _, entry in self._versions(name)]

    def _versions(self, name: str) -> list[tuple[Version, Mapping[str, Any]]]:
        entries = self._entries.get(name)
        if not isinstance(entries, list):
            return []
        found: list[tuple[Version, Mapping[str, Any]]] = []
        for entry in entries[:_MOST_VERSIONS]:
            if isinstance(entry, dict) and isinstance(entry.get("version"), str):
                parsed = _parsed(entry["version"])
                if parsed is not None:
                    found.append((parsed, entry))
        found.sort(key=lambda one: _order(one[0]), reverse=True)
        return found

    def _version(self, name: str, entry: Mapping[str, Any], what: str) -> ChartVersion:
        urls = entry.get("urls")
        if not isinstance(urls, list) or not urls or not isinstance(urls[0], str):
            raise NotFoundError(f"{what} has no downloadable URLs")
        digest = entry.get("digest")
        return ChartVersion(
            name=name,
            version=entry["version"],
            url=_resolved(self._url, urls[0]),
            digest=digest.removeprefix("sha256:") if isinstance(digest, str) else "",
        )


def parse_index(data: bytes, url: str) -> Index:
    """Reads an index; JSON, as some repositories serve it, is read faster.

    Raises:
        InputError: It is no index.
        LimitError: It is too large.
    """
    value = _decoded(data, url)
    entries = value.get("entries") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not value.get("apiVersion"):
        raise InputError("no API version specified", file=f"{url}/index.yaml")
    return Index(entries if isinstance(entries, dict) else {}, url)


def _decoded(data: bytes, url: str) -> Any:
    if data.lstrip()[:1] == b"{":
        try:
            return msgspec.json.decode(data)
        except msgspec.DecodeError:
            pass  # YAML in flow style begins like JSON
    text = data.decode("utf-8", "replace")
    documents = load_documents(text, file=f"{url}/index.yaml", limits=_INDEX_LIMITS)
    return documents[0].value if documents else None


class ChartRepository:
    """One chart repository.

    Args:
        client: Fetches.
        url: Its URL, without `index.yaml`.
        credentials: For it.
        pass_credentials: Whether archives on other hosts get the credentials as well.
    """

    def __init__(
        self,
        client: OutboundClient,
        url: str,
        *,
        credentials: Credentials | None = None,
        pass_credentials: bool = False,
    ) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._credentials = credentials
        self._pass_credentials = pass_credentials

    async def index(self) -> Index:
        """What it offers now.

        Raises:
            TowlineError: It cannot be had, or is no index.
        """
        try:
            answer = await self._client.get(
                f"{self._url}/index.yaml",
                most_bytes=MOST_INDEX_BYTES,
                credentials=self._credentials,
                credentials_everywhere=self._pass_credentials,
            )
            return parse_index(expect(answer, "index.yaml"), self._url)
        except TowlineError as error:
            error.message = (
                f'looks like "{self._url}" is not a valid chart repository or cannot be reached: '
                f"{error.message}"
            )
            raise

    async def archive(self, version: ChartVersion) -> bytes:
        """The archive of a version; its digest is checked when the index names one.

        Raises:
            TowlineError: It cannot be had.
        """
        same = urlsplit(version.url)[:2] == urlsplit(self._url)[:2]
        answer = await self._client.get(
            version.url,
            most_bytes=MOST_CHART_BYTES,
            credentials=self._credentials if same or self._pass_credentials else None,
            credentials_everywhere=self._pass_credentials,
        )
        data = expect(answer, f"chart {version.name} {version.version}")
        check_digest(data, version.digest, f"chart {version.name} {version.version}")
        return data


def check_digest(data: bytes, digest: str, what: str) -> None:
    """Compares content with the SHA-256 that was promised, if one was.

    Raises:
        InputError: They differ.
    """
    if digest and not hmac.compare_digest(hashlib.sha256(data).hexdigest(), digest.lower()):
        raise InputError(f"{what} does not have the digest that its repository names")


def newest(versions: list[str], constraint: str) -> str | None:
    """The newest of some versions that a constraint admits; None when there is none.

    Raises:
        InputError: The constraint is malformed.
    """
    wanted = _constraint(constraint)
    fitting = [
        (parsed, text)
        for text in versions
        if (parsed := _parsed(text)) is not None and wanted.check(parsed)
    ]
    if not fitting:
        return None
    return max(fitting, key=lambda one: _order(one[0]))[1]


_order: Final = functools.cmp_to_key(Version.compare)


def _constraint(text: str) -> Constraints:
    try:
        return parse_constraints(text or "*", generation=Generation.V3_3)
    except SemverError as error:
        raise InputError(f"improper constraint: {text}") from error


def _parsed(text: str) -> Version | None:
    try:
        return parse_version(text, generation=Generation.V3_3)
    except SemverError:
        return None


def _resolved(repository: str, url: str) -> str:
    if urlsplit(url).scheme:
        return url
    query = urlsplit(repository).query
    resolved = urljoin(f"{repository.partition('?')[0]}/", url)
    return f"{resolved}?{query}" if query and "?" not in resolved else resolved
