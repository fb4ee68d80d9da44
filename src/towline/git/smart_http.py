"""A small client of git's smart HTTP protocol, version 2: list refs, fetch a pack.

It saves the start of a git process for every poll and the discovery round of every fetch. Servers
that do not speak version 2 raise `ProtocolUnsupported`; the caller then uses the git program.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import aiohttp
import msgspec

from towline.errors import (
    DeniedError,
    InputError,
    LimitError,
    NotFoundError,
    TowlineError,
    TransientError,
)
from towline.git.credentials import GitCredentials
from towline.git.failures import redact
from towline.git.pktline import DELIM, FLUSH, PktReader, encode
from towline.git.refs import is_ref_name, is_sha
from towline.git.urls import RepoURL, UrlPolicy, parse_url

_REFS_LIMIT = 64 << 20
_MAX_REDIRECTS = 5
_LS_REFS = ("peel", "symrefs", "ref-prefix HEAD", "ref-prefix refs/heads/", "ref-prefix refs/tags/")
_RESULT = "application/x-git-upload-pack-result"
_REDIRECTS = {301, 302, 303, 307, 308}
_ANY_HTTP = UrlPolicy(http_hosts=frozenset({"*"}))


class ProtocolUnsupported(TowlineError):  # noqa: N818  # a fork in the road, not a fault
    """The server does not speak protocol version 2 over this path."""


class RemoteRef(msgspec.Struct, frozen=True):
    """One ref as the server lists it.

    Attributes:
        oid: The object that the ref names.
        commit: The commit behind an annotated tag, else the same as `oid`.
        target: For a symbolic ref the name it stands for, else an empty string.
    """

    oid: str
    commit: str
    target: str = ""


RemoteRefs = dict[str, RemoteRef]


class Endpoint(msgspec.Struct, frozen=True):
    """Where a repository really answers, after redirects.

    Attributes:
        url: Its URL.
        credentials: What may be sent there; None when the redirect left the origin.
    """

    url: RepoURL
    credentials: GitCredentials | None = None


class SmartHttp:
    """Requests to git servers over one HTTP session.

    Args:
        session: The client session; its connections are reused.
        timeout: Seconds for a whole listing.
        fetch_timeout: Seconds for a whole fetch.
        pack_limit: Bytes of the largest pack that is accepted.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        timeout: float = 15.0,
        fetch_timeout: float = 300.0,
        pack_limit: int = 2 << 30,
    ) -> None:
        self._session = session
        self._timeout = timeout
        self._fetch_timeout = fetch_timeout
        self._pack_limit = pack_limit

    async def ls_refs(self, endpoint: Endpoint) -> RemoteRefs:
        """Lists `HEAD`, branches and tags.

        Raises:
            ProtocolUnsupported: The server answers in another protocol.
            DeniedError: Credentials are wrong or missing.
            NotFoundError: The repository does not exist.
            TransientError: Network trouble, overload or a malformed answer.
            LimitError: The listing is unreasonably long.
        """
        lines = [encode("command=ls-refs"), encode("agent=towline"), DELIM]
        lines += [encode(word) for word in _LS_REFS]
        body = b"".join([*lines, FLUSH])
        refs: RemoteRefs = {}
        size = 0
        async with self._post(endpoint, body, self._timeout) as response:
            reader = PktReader()
            async for chunk in response.content.iter_any():
                size += len(chunk)
                if size > _REFS_LIMIT:
                    raise LimitError("the git server lists too many refs")
                reader.feed(chunk)
                for packet in reader.packets():
                    if packet is not None:
                        _add_ref(refs, packet)
            if reader.pending:
                raise TransientError("the git server's answer is cut short")
        return refs

    async def fetch(
        self,
        endpoint: Endpoint,
        wants: Sequence[str],
        haves: Sequence[str],
        sink: Callable[[bytes], Awaitable[None]],
    ) -> None:
        """Fetches one pack.

        Args:
            endpoint: The repository.
            wants: Object ids to get with everything they need.
            haves: Commits that are here already; the server leaves out what they contain.
            sink: Receives the pack piece by piece. A thin pack: deltas may refer to what `haves`
                contain.

        Raises:
            NotFoundError: The server has no such object.
            LimitError: The pack is larger than allowed.
            TowlineError: As `ls_refs`.
        """
        lines = [encode("command=fetch"), encode("agent=towline"), DELIM]
        lines += [encode(word) for word in ("thin-pack", "ofs-delta", "no-progress")]
        lines += [encode(f"want {oid}") for oid in wants]
        lines += [encode(f"have {oid}") for oid in haves]
        lines += [encode("done"), FLUSH]
        body = b"".join(lines)
        async with self._post(endpoint, body, self._fetch_timeout) as response:
            await _read_pack(response.content, sink, self._pack_limit)

    async def resolve(self, endpoint: Endpoint) -> Endpoint:
        """Follows the redirects of a repository by our rule.

        The credentials stay with the origin (scheme, host, port); https never becomes http.
        """
        current = endpoint
        for _ in range(_MAX_REDIRECTS):
            location = await self._location(current)
            if location is None:
                return current
            url = redirected(current.url, location)
            kept = current.credentials if url.origin == current.url.origin else None
            current = Endpoint(url, kept)
        raise TransientError(f"{endpoint.url} redirects too often")

    async def _location(self, endpoint: Endpoint) -> str | None:
        try:
            async with self._session.get(
                f"{endpoint.url}/info/refs?service=git-upload-pack",
                headers=_headers(endpoint),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self._timeout),
            ) as response:
                return response.headers.get("Location") if response.status in _REDIRECTS else None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _network_error(endpoint.url, error) from error

    @contextlib.asynccontextmanager
    async def _post(
        self, endpoint: Endpoint, body: bytes, seconds: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = _headers(endpoint)
        headers["Content-Type"] = "application/x-git-upload-pack-request"
        headers["Accept"] = _RESULT
        try:
            async with self._session.post(
                f"{endpoint.url}/git-upload-pack",
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=10, sock_read=30),
            ) as response:
                _check_response(endpoint, response)
                yield response
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise _network_error(endpoint.url, error) from error


def redirected(url: RepoURL, location: str) -> RepoURL:
    """The repository URL that a redirect of its discovery request leads to.

    Raises:
        DeniedError: It leads away from https, or not to a git repository.
    """
    base = location.partition("?")[0]
    suffix = "/info/refs"
    if base.startswith("//"):
        base = f"{url.scheme}:{base}"
    elif base.startswith("/"):
        base = f"{url.scheme}://{url.authority}{base}"
    if not base.endswith(suffix):
        raise DeniedError(f"{url} redirects to something that is not a git repository")
    try:
        target = parse_url(base.removesuffix(suffix), _ANY_HTTP)
    except InputError:
        raise DeniedError(f"{url} redirects to a malformed address") from None
    if target.scheme not in {"http", "https"} or (url.scheme, target.scheme) == ("https", "http"):
        raise DeniedError(f"{url} redirects to {target.scheme}")
    return target


def _headers(endpoint: Endpoint) -> dict[str, str]:
    headers = {"Git-Protocol": "version=2", "User-Agent": "git/2 towline"}
    if endpoint.credentials is not None and endpoint.credentials.authorization:
        headers["Authorization"] = endpoint.credentials.authorization
    return headers


def _check_response(endpoint: Endpoint, response: aiohttp.ClientResponse) -> None:
    status = response.status
    if status == 200 and response.content_type == _RESULT:
        return
    if status in {401, 403}:
        detail = "refused the credentials" if endpoint.credentials else "asks for credentials"
        raise DeniedError(f"the git server {detail} for {endpoint.url} (HTTP {status})")
    if status == 429 or status >= 500:
        wait = response.headers.get("Retry-After", "")
        raise TransientError(
            f"the git server answered HTTP {status} for {endpoint.url}",
            retry_after=min(float(wait), 600.0) if wait.isdigit() else None,
        )
    if status in {404, 410}:
        raise NotFoundError(f"repository not found: {endpoint.url}")
    raise ProtocolUnsupported(f"{endpoint.url} does not speak git's protocol version 2")


def _network_error(url: RepoURL, error: Exception) -> TransientError:
    words = redact(str(error)) or type(error).__name__
    return TransientError(f"cannot reach {url}: {words}")


def _add_ref(refs: RemoteRefs, packet: bytes) -> None:
    text = packet.decode("utf-8", "replace").rstrip("\n")
    if text.startswith(("ERR ", "version ", "# service")):
        raise ProtocolUnsupported(f"unexpected answer to ls-refs: {text[:200]}")
    oid, _, rest = text.partition(" ")
    name, *attributes = rest.split(" ")
    if not is_sha(oid) or not (name == "HEAD" or is_ref_name(name)):
        return  # unborn heads, object formats and names that no caller could ask for
    commit, target = oid, ""
    for attribute in attributes:
        key, _, value = attribute.partition(":")
        if key == "peeled" and is_sha(value):
            commit = value
        elif key == "symref-target" and is_ref_name(value):
            target = value
    refs[name] = RemoteRef(oid, commit, target)


async def _read_pack(
    stream: aiohttp.StreamReader, sink: Callable[[bytes], Awaitable[None]], limit: int
) -> None:
    reader = PktReader()
    in_pack = complete = False
    size = 0
    async for chunk in stream.iter_any():
        reader.feed(chunk)
        for packet in reader.packets():
            if packet is None:
                complete = in_pack
            elif not in_pack:
                in_pack = _starts_pack(packet)
            elif packet[:1] == b"\x01":
                size += len(packet) - 1
                if size > limit:
                    raise LimitError(f"the repository's pack is larger than {limit} bytes")
                await sink(packet[1:])
            elif packet[:1] == b"\x03":
                raise _remote_error(packet[1:])
    if not complete:
        raise TransientError("the git server's answer is cut short")


def _starts_pack(packet: bytes) -> bool:
    if packet.startswith(b"ERR "):
        raise _remote_error(packet[4:])
    return packet.rstrip(b"\n") == b"packfile"


def _remote_error(text: bytes) -> TowlineError:
    words = redact(text.decode("utf-8", "replace").strip())[:500]
    if "not our ref" in words or "not found" in words:
        return NotFoundError(f"the git server has no such object: {words}")
    return TransientError(f"the git server reports: {words}")
