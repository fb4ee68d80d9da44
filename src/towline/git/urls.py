"""Repository URLs: what may be one, how two compare, and how one is shown without its secrets.

Pure. A `RepoURL` is the only form in which an URL reaches a child process or a log line: its text
never holds credentials, and it can be neither an option nor a transport helper.
"""

from __future__ import annotations

import ipaddress
import re
import urllib.parse

import msgspec

from towline.errors import DeniedError, InputError

_MAX_LENGTH = 2048
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\\"'`<>{}|^\u0080-\u00a0\u2028\u2029]")
_SCP = re.compile(
    r"\A(?:(?P<user>[A-Za-z0-9._-]+)@)?(?P<host>[A-Za-z0-9._-]+):(?P<path>(?!//).+)\Z"
)
_HOST = re.compile(r"\A[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?\Z")
_USER = re.compile(r"\A[A-Za-z0-9._][A-Za-z0-9._-]*\Z")
_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22, "file": 0}


class UrlPolicy(msgspec.Struct, frozen=True):
    """Which transports repositories may use; https and ssh always may.

    Attributes:
        http_hosts: Hosts besides loopback that may be reached without TLS; `*` means all.
        allow_file: Whether `file://` URLs are accepted.
    """

    http_hosts: frozenset[str] = frozenset()
    allow_file: bool = False


DEFAULT_POLICY = UrlPolicy()


class RepoURL(msgspec.Struct, frozen=True, kw_only=True):
    """A repository URL in its parts; text and representation are free of secrets.

    Attributes:
        scheme: `https`, `http`, `ssh` or `file`.
        host: Lower-case host name or address (without brackets), empty for `file`.
        port: Port when it is not the scheme's own, else 0.
        path: Path as written, without the leading slash (with it for `file`).
        user: Login of an ssh URL; for http the name of embedded credentials.
        password: Password of embedded credentials, or an empty string.
        scp: Whether it was written as `user@host:path`.
    """

    scheme: str
    host: str
    port: int = 0
    path: str
    user: str = ""
    password: str = ""
    scp: bool = False

    def __str__(self) -> str:
        if self.scheme == "file":
            return f"file://{self.path}"
        login = f"{self.user}@" if self.scheme == "ssh" and self.user else ""
        if self.scp:
            return f"{login}{self.host}:{self.path}"
        return f"{self.scheme}://{login}{self.authority}/{self.path}"

    def __repr__(self) -> str:
        return f"RepoURL({str(self)!r})"

    @property
    def authority(self) -> str:
        """Host and, when it is not the default, port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and effective port: what credentials are bound to."""
        return (self.scheme, self.host, self.port or _DEFAULT_PORTS[self.scheme])

    @property
    def key(self) -> str:
        """The text under which equal repositories compare equal."""
        path = self.path.strip("/").lower().removesuffix(".git")
        if self.scheme == "ssh":
            login = f"{self.user.lower()}@" if self.user else ""
            return f"{login}{self.authority}/{path}"
        return f"{self.scheme}://{self.authority}/{path}"

    @property
    def location(self) -> str:
        """`host/path`, the same for every way to reach the repository."""
        return f"{self.host}/{self.path.strip('/').lower().removesuffix('.git')}"


def parse_url(text: str, policy: UrlPolicy = DEFAULT_POLICY) -> RepoURL:
    """Reads a repository URL that a person or a peer wrote.

    Args:
        text: `https://host/path`, `ssh://[user@]host[:port]/path`, `user@host:path` and, where the
            policy says so, `http://` and `file://`.
        policy: Which transports are allowed.

    Raises:
        InputError: It is not a repository URL; the message never repeats its credentials.
        DeniedError: It is one, but its transport is not allowed.
    """
    text = text.strip()
    if not text:
        raise InputError("a repository URL is required", field="repoURL")
    if len(text) > _MAX_LENGTH:
        raise InputError("the repository URL is too long", field="repoURL")
    if text.startswith("-"):
        raise InputError("a repository URL must not start with '-'", field="repoURL")
    if _FORBIDDEN.search(text):
        raise InputError("the repository URL holds forbidden characters", field="repoURL")
    if "::" in text.split("/", 1)[0]:
        raise DeniedError("transport helpers (name::address) are not allowed in a repository URL")
    url = _parse_absolute(text) if "://" in text else _parse_scp(text)
    _check_policy(url, policy)
    return url


def same_repository(a: str, b: str) -> bool:
    """Whether two URLs name the same repository by Argo CD's rule.

    Letter case, surrounding space, a `.git` suffix and the two spellings of ssh do not matter;
    what cannot be parsed equals nothing.
    """
    left, right = _try_parse(a), _try_parse(b)
    return left is not None and right is not None and left.key == right.key


def same_location(a: str, b: str) -> bool:
    """Whether two URLs point to the same host and path, by whatever scheme, login and port.

    This is how an URL in a webhook (often the web page) is matched to a configured one.
    """
    left, right = _try_parse(a), _try_parse(b)
    return left is not None and right is not None and left.location == right.location


def is_loopback(host: str) -> bool:
    """Whether the host is this machine by its very name."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _try_parse(text: str) -> RepoURL | None:
    try:
        return parse_url(text, UrlPolicy(http_hosts=frozenset({"*"}), allow_file=True))
    except (InputError, DeniedError):
        return None


def _parse_absolute(text: str) -> RepoURL:
    try:
        parts = urllib.parse.urlsplit(text)
        port = parts.port or 0
    except ValueError:
        raise InputError("the repository URL is malformed", field="repoURL") from None
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS:
        raise DeniedError("the repository URL's scheme is not allowed: use https, ssh or http")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise InputError("a repository URL has no query and no fragment", field="repoURL")
    if scheme == "file":
        return _parse_file(parts)
    host = (parts.hostname or "").lower()
    user = urllib.parse.unquote(parts.username or "")
    password = urllib.parse.unquote(parts.password or "")
    _check_host(host)
    if scheme == "ssh":
        _check_login(user, password)
    elif _FORBIDDEN.search(user) or any(ord(c) < 0x20 for c in password):
        raise InputError("the repository URL's credentials hold control characters")
    return RepoURL(
        scheme=scheme,
        host=host,
        port=0 if port == _DEFAULT_PORTS[scheme] else port,
        path=_checked_path(parts.path),
        user=user,
        password=password,
    )


def _parse_file(parts: urllib.parse.SplitResult) -> RepoURL:
    if parts.netloc:
        raise InputError("a file:// URL has no host", field="repoURL")
    return RepoURL(scheme="file", host="", path="/" + _checked_path(parts.path))


def _parse_scp(text: str) -> RepoURL:
    match = _SCP.match(text)
    if match is None:
        raise InputError(
            "not a repository URL",
            field="repoURL",
            hint="use https://host/path or user@host:path",
        )
    user, host = match["user"] or "", match["host"].lower()
    _check_host(host)
    _check_login(user, "")
    path = match["path"]
    _checked_path(path)
    return RepoURL(scheme="ssh", host=host, path=path, user=user, scp=True)


def _checked_path(path: str) -> str:
    path = path.lstrip("/")
    segments = urllib.parse.unquote(path).split("/")
    if not path.strip("/"):
        raise InputError("the repository URL has no path", field="repoURL")
    if any(segment in {".", ".."} for segment in segments):
        raise InputError("the repository URL's path has dot segments", field="repoURL")
    if any(segment.startswith("-") for segment in segments[:1]):
        raise InputError("the repository URL's path must not start with '-'", field="repoURL")
    if any(ord(character) < 0x20 for character in urllib.parse.unquote(path)):
        raise InputError("the repository URL's path holds control characters", field="repoURL")
    return path


def _check_host(host: str) -> None:
    if ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise InputError("the repository URL's host is malformed", field="repoURL") from None
    elif not _HOST.match(host):
        raise InputError("the repository URL's host is malformed", field="repoURL")


def _check_login(user: str, password: str) -> None:
    if user and not _USER.match(user):
        raise InputError("the repository URL's login is malformed", field="repoURL")
    if password:
        raise InputError("an ssh URL has no password", field="repoURL")


def _check_policy(url: RepoURL, policy: UrlPolicy) -> None:
    if url.scheme == "file" and not policy.allow_file:
        raise DeniedError("file:// repository URLs are not allowed")
    if url.scheme != "http" or is_loopback(url.host):
        return
    if "*" not in policy.http_hosts and url.host not in policy.http_hosts:
        raise DeniedError(
            f"http is not allowed for {url.host}",
            hint="use https, or list the host in the settings",
        )
