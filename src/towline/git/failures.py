"""What a failed git child process means, told by its exit status and words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from towline.errors import (
    CommandError,
    DeniedError,
    NotFoundError,
    TowlineError,
    TransientError,
)

_MASK = "******"
_USERINFO = re.compile(r"(://)[^/@\s'\"]+@")
_QUERY = re.compile(r"(https?://[^\s'\"?]+)\?[^\s'\"]*")
_MAX_SHOWN = 2000

_DENIED = (
    "authentication failed",
    "could not read username",
    "could not read password",
    "permission denied",
    "host key verification failed",
    "returned error: 401",
    "returned error: 403",
    "http basic: access denied",
    "' not allowed",
)
_ABSENT = (
    "repository not found",
    "does not exist",
    "does not appear to be a git repository",
    "returned error: 404",
    "couldn't find remote ref",
    "not our ref",
    "not found",
)
_PASSING = (
    "could not resolve host",
    "connection refused",
    "connection reset",
    "connection timed out",
    "operation timed out",
    "failed to connect",
    "network is unreachable",
    "early eof",
    "unexpected disconnect",
    "hung up unexpectedly",
    "rpc failed",
    "operation too slow",
    "returned error: 5",
    "returned error: 429",
    "gnutls",
    "unable to access",
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without the given secrets, without userinfo and queries in URLs."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, _MASK)
    return _QUERY.sub(r"\1?" + _MASK, _USERINFO.sub(r"\1" + _MASK + "@", text))


def failure(
    command: str, exit_code: int, stderr: bytes, secrets: Iterable[str] = ()
) -> TowlineError:
    """The error for a git command that failed.

    Args:
        command: Its subcommand, such as `fetch`.
        exit_code: Its status, negative for a signal.
        stderr: The last part of what it complained.
        secrets: Texts that must not be shown.
    """
    output = redact(stderr.decode("utf-8", "replace"), secrets)[-_MAX_SHOWN:].strip()
    words = output.lower()
    message = f"git {command} failed: {_last_line(output) or f'exit status {exit_code}'}"
    if any(sign in words for sign in _DENIED):
        return DeniedError(message)
    if any(sign in words for sign in _ABSENT):
        return NotFoundError(message)
    if any(sign in words for sign in _PASSING):
        return TransientError(message)
    return CommandError(message, exit_code=exit_code, output=output)


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))]
    return (telling or lines or [""])[-1]
