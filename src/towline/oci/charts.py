"""Helm charts and other single artifacts in OCI registries."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode, urljoin, urlsplit

import msgspec

from towline.errors import DeniedError, InputError, NotFoundError
from towline.oci.chart_repository import (
    MOST_CHART_BYTES,
    ChartRepository,
    newest,
)
from towline.oci.outbound import Answer, Credentials, OutboundClient, expect

_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_CONTENT: Final = frozenset(
    {
        "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+gzip",
    }
)
_MOST_LAYERS: Final = 10
_MOST_MANIFEST: Final = 4 * 1024 * 1024
_MOST_PAGES: Final = 50
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_NAME: Final = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*")
_CHALLENGE: Final = re.compile(r'([a-z]+)="([^"]*)"')


class OciChart(msgspec.Struct, frozen=True):
    """A chart as a registry has it.

    Attributes:
        version: Its version.
        digest: Digest of its manifest.
        data: Its archive.
    """

    version: str
    digest: str
    data: bytes


class OciRepository:
    """One repository of a registry, which holds the versions of one chart as tags.

    Args:
        client: Fetches.
        reference: `HOST[:PORT]/PATH`, with or without `oci://`.
        credentials: For the registry.
        plain_http: Whether to speak HTTP without TLS.

    Raises:
        InputError: The reference is malformed.
    """

    def __init__(
        self,
        client: OutboundClient,
        reference: str,
        *,
        credentials: Credentials | None = None,
        plain_http: bool = False,
    ) -> None:
        host, _, name = reference.removeprefix("oci://").strip("/").partition("/")
        if not host or not _NAME.fullmatch(name):
            raise InputError(f"{reference!r} is not an OCI reference")
        self._client = client
        self._base = f"{'http' if plain_http else 'https'}://{host}/v2/{name}"
        self._name = name
        self._credentials = credentials
        self._token = ""

    async def versions(self) -> list[str]:
        """All versions: tags, with `_` read as `+`.

        Raises:
            TowlineError: The registry does not give them.
        """
        url = f"{self._base}/tags/list?n=1000"
        tags: list[str] = []
        for _ in range(_MOST_PAGES):
            answer = await self._get(url, _MOST_MANIFEST)
            body = _json(expect(answer, f"the tags of {self._name}"), "a list of tags")
            tags += [str(tag) for tag in body.get("tags") or []]
            following = re.match(r'<([^>]+)>;\s*rel="next"', answer.headers.get("link", ""))
            if following is None:
                break
            url = urljoin(url, following[1])
            if urlsplit(url)[:2] != urlsplit(self._base)[:2]:
                raise DeniedError("the registry leads to another host for more tags")
        return [tag.replace("_", "+") for tag in tags]

    async def resolve(self, version: str) -> str:
        """The exact version that a version or constraint names; empty for the newest.

        Raises:
            NotFoundError: None fits.
        """
        if re.fullmatch(r"v?\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]*)?", version):
            return version
        found = newest(await self.versions(), version)
        if found is None:
            raise NotFoundError(f"{self._name} has no version that fits {version or '*'!r}")
        return found

    async def fetch(self, version: str) -> OciChart:
        """A chart of an exact version, or of a manifest's digest.

        Raises:
            TowlineError: It cannot be had, or is no chart.
        """
        tag = version if _DIGEST.fullmatch(version) else version.replace("+", "_")
        answer = await self._get(
            f"{self._base}/manifests/{quote(tag, safe=':')}", _MOST_MANIFEST, accept=_MANIFEST
        )
        body = expect(answer, f"{self._name}:{version}")
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if _DIGEST.fullmatch(version) and not hmac.compare_digest(digest, version):
            raise InputError(f"{self._name}: the manifest does not have the digest {version}")
        layer = _content_layer(_json(body, "a manifest"), self._name)
        return OciChart(version, digest, await self._blob(layer))

    async def _blob(self, layer: Mapping[str, Any]) -> bytes:
        digest, size = str(layer.get("digest")), layer.get("size")
        if not _DIGEST.fullmatch(digest):
            raise InputError(f"{self._name}: a layer without a SHA-256 digest")
        if not isinstance(size, int) or not 0 < size <= MOST_CHART_BYTES:
            raise InputError(f"{self._name}: the content is larger than {MOST_CHART_BYTES} bytes")
        data = expect(await self._get(f"{self._base}/blobs/{digest}", size), "the chart's content")
        if not hmac.compare_digest(f"sha256:{hashlib.sha256(data).hexdigest()}", digest):
            raise InputError(f"{self._name}: the content does not have its digest")
        return data

    async def _get(self, url: str, most_bytes: int, *, accept: str = "*/*") -> Answer:
        answer = await self._request(url, most_bytes, accept)
        if answer.status == 401 and await self._log_in(answer.headers.get("www-authenticate", "")):
            answer = await self._request(url, most_bytes, accept)
        return answer

    async def _request(self, url: str, most_bytes: int, accept: str) -> Answer:
        headers = {"Accept": accept}
        if self._token:
            headers["Authorization"] = self._token
        return await self._client.get(url, most_bytes=most_bytes, headers=headers)

    async def _log_in(self, challenge: str) -> bool:
        """Gets a token as the registry asks for; whether there is something new to try."""
        if self._token:
            return False
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic" and self._credentials:
            self._token = self._credentials.authorization
            return True
        if scheme.lower() != "bearer":
            return False
        given = dict(_CHALLENGE.findall(rest))
        realm = given.pop("realm", "")
        query = {name: given[name] for name in ("service", "scope") if name in given}
        query.setdefault("scope", f"repository:{self._name}:pull")
        if urlsplit(realm).scheme == "http" and self._base.startswith("https:"):
            raise DeniedError("the registry asks for a token over plain HTTP")
        answer = await self._client.get(
            f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}",
            most_bytes=_MOST_MANIFEST,
            credentials=self._credentials,
        )
        body = _json(expect(answer, "a token"), "a token")
        token = body.get("token") or body.get("access_token")
        self._token = f"Bearer {token}" if isinstance(token, str) and token else ""
        return bool(self._token)


class ChartSource:
    """Charts by URL, name and version, from HTTP repositories and OCI registries.

    Args:
        client: Fetches.
        cache: Keeps archives by digest; None fetches anew.
        plain_http: Whether to speak plain HTTP with registries.
    """

    def __init__(
        self, client: OutboundClient, *, cache: ChartCache | None = None, plain_http: bool = False
    ) -> None:
        self._client = client
        self._cache = cache
        self._plain_http = plain_http

    async def resolve(
        self, url: str, chart: str, version: str, *, credentials: Credentials | None = None
    ) -> str:
        """The exact version that a version or constraint names; empty for the newest.

        Raises:
            NotFoundError: None fits.
            TowlineError: The repository cannot be asked.
        """
        if is_oci(url):
            return await self._oci(url, chart, credentials).resolve(version)
        index = await ChartRepository(self._client, url, credentials=credentials).index()
        return index.find(chart, version).version

    async def fetch(
        self,
        url: str,
        chart: str,
        version: str,
        *,
        credentials: Credentials | None = None,
        pass_credentials: bool = False,
    ) -> OciChart:
        """A chart: the newest that a version or constraint admits.

        Raises:
            NotFoundError: There is none.
            TowlineError: It cannot be had.
        """
        if is_oci(url):
            source = self._oci(url, chart, credentials)
            return await source.fetch(await source.resolve(version))
        repository = ChartRepository(
            self._client, url, credentials=credentials, pass_credentials=pass_credentials
        )
        found = (await repository.index()).find(chart, version)
        if found.url.startswith("oci://"):
            return await self._oci(found.url, "", credentials).fetch(found.version)
        data = self._cache.get(found.digest) if self._cache and found.digest else None
        if data is None:
            data = await repository.archive(found)
            if self._cache is not None:
                self._cache.put(data)
        return OciChart(found.version, f"sha256:{hashlib.sha256(data).hexdigest()}", data)

    def _oci(self, url: str, chart: str, credentials: Credentials | None) -> OciRepository:
        reference = "/".join(
            part for part in (url.removeprefix("oci://").rstrip("/"), chart) if part
        )
        head, _, tail = reference.rpartition("/")
        return OciRepository(
            self._client,
            f"{head}/{tail.partition(':')[0]}",
            credentials=credentials,
            plain_http=self._plain_http,
        )


class ChartCache:
    """Archives in a folder, named for their SHA-256; what does not fit its name is not there.

    Args:
        folder: The folder.
        most_bytes: How much it may hold.
    """

    def __init__(self, folder: Path, *, most_bytes: int = 512 * 1024 * 1024) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    def get(self, digest: str) -> bytes | None:
        """An archive, or None."""
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            return None
        file = self._folder / digest
        try:
            data = file.read_bytes()
        except FileNotFoundError:
            return None
        if hashlib.sha256(data).hexdigest() != digest:
            file.unlink(missing_ok=True)
            return None
        return data

    def put(self, data: bytes) -> Path:
        """Keeps an archive, drops the oldest ones beyond the bound, and says where it is."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._folder / hashlib.sha256(data).hexdigest()
        fresh = file.with_suffix(".new")
        fresh.write_bytes(data)
        fresh.replace(file)
        kept = sorted(self._folder.iterdir(), key=lambda one: one.stat().st_mtime, reverse=True)
        total = 0
        for one in kept:
            total += one.stat().st_size
            if total > self._most_bytes and one != file:
                one.unlink(missing_ok=True)
        return file


def is_oci(url: str) -> bool:
    """Whether a URL names an OCI registry; Argo CD leaves the scheme out for those."""
    return url.startswith("oci://") or "://" not in url


def _content_layer(manifest: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    layers = manifest.get("layers")
    if not isinstance(layers, list) or len(layers) > _MOST_LAYERS:
        raise InputError(f"{name}: a manifest with no or more than {_MOST_LAYERS} layers")
    found = [
        layer for layer in layers if isinstance(layer, dict) and layer.get("mediaType") in _CONTENT
    ]
    if len(found) != 1:
        raise InputError(f"{name}: expected one layer of content, found {len(found)}")
    return found[0]


def _json(body: bytes, what: str) -> Mapping[str, Any]:
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise InputError(f"the registry's answer is not {what}") from error
    if not isinstance(value, dict):
        raise InputError(f"the registry's answer is not {what}")
    return value
