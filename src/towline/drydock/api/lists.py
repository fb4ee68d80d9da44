"""Lists: current or of an earlier revision, selected, in pages."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from towline.drydock.api.messages import Request
from towline.drydock.api.selection import Selection, select
from towline.drydock.refusals import bad_request
from towline.drydock.registry import ServedKind
from towline.drydock.storage import Record, Store, StoreKey
from towline.kube.refs import GroupKind
from towline.kube.schema.fielderror import (
    FieldError,
    forbidden,
    invalid_status,
    not_supported,
)
from towline.kube.status import ApiError

_TOKEN_VERSION = "meta.k8s.io/v1"  # noqa: S105  # a format's name
_FUTURE_WAIT = 3.0
_EXACT = "Exact"
_NOT_OLDER = "NotOlderThan"
_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start"
    " a new list without the continue parameter, or use the continue token in this response to"
    " retrieve the remainder of the results. Continuing with the provided token results in an"
    " inconsistent list - objects that were created, modified, or deleted between the time the"
    " first chunk was returned and now may show up in the list."
)


class Page(NamedTuple):
    """Part of a list.

    Attributes:
        records: The versions, in key order.
        meta: The list's metadata.
    """

    records: list[Record]
    meta: dict[str, Any]


class Token(NamedTuple):
    """Where the next page starts.

    Attributes:
        rev: The revision that all pages are of; -1 for whatever is current.
        after: Namespace and name of the last object of the page before.
    """

    rev: int
    after: tuple[str, str]


def check_options(errors: list[FieldError]) -> None:
    """Refuses list options that have errors.

    Raises:
        ApiError: Invalid.
    """
    if errors:
        raise invalid_status(GroupKind("meta.k8s.io", "ListOptions"), "", errors)


def selection_of(request: Request, kind: ServedKind, namespace: str, name: str = "") -> Selection:
    """The selectors of a request, narrowed to one object when a name is given.

    Raises:
        ApiError: BadRequest, a selector is malformed.
    """
    fields = f"metadata.name={name}" if name else request.param("fieldSelector")
    return select(kind, namespace, request.param("labelSelector"), fields)


def parse_revision(text: str) -> int:
    """A resourceVersion of a query; 0 when empty.

    Raises:
        ApiError: It is not a number.
    """
    if not text:
        return 0
    if not text.isdecimal() or len(text) > 20:
        raise ApiError(
            f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}":'
            " invalid syntax",
            code=500,
        )
    return int(text)


def _wanted(version: str) -> int:
    try:
        return parse_revision(version)
    except ApiError as error:
        raise bad_request(f"invalid resource version: {error.message}") from error


async def page(request: Request, store: Store, kind: ServedKind, namespace: str) -> Page:
    """What a list request asks for.

    Raises:
        ApiError: The options contradict each other, or the revision is gone or far.
    """
    selection = selection_of(request, kind, namespace)
    limit = max(0, request.integer("limit") or 0)
    version = request.param("resourceVersion")
    match = request.param("resourceVersionMatch")
    token = _decode(request.param("continue")) if request.param("continue") else None
    check_options(list(_problems(request, version, match, token)))
    if token is not None and version not in ("", "0"):
        raise bad_request("specifying resource version is not allowed when using continue")
    wanted = _wanted(version)
    await reach(store, wanted)
    revision = store.revision
    if token is not None:
        if token.rev >= 0:
            revision = token.rev
    elif wanted and (match == _EXACT or (not match and limit)):
        revision = wanted
    if version == "0" and match != _EXACT:
        limit = 0
    try:
        records = store.records_at(kind.resource, selection.namespace, revision)
    except ApiError as error:
        if token is None:
            raise
        raise ApiError(
            _TOO_OLD, reason="Expired", details={"continue": _encode(Token(-1, token.after))}
        ) from error
    return _cut(records, selection, revision, limit, token)


def _cut(
    records: list[Record], selection: Selection, revision: int, limit: int, token: Token | None
) -> Page:
    if token is not None:
        records = [r for r in records if (r.key.namespace, r.key.name) > token.after]
    if selection.name and selection.namespace and records:
        key = StoreKey(records[0].key.resource, selection.namespace, selection.name)
        records = [record for record in records if record.key == key]
    if not selection.everything:
        records = [record for record in records if selection.matches(record)]
    meta: dict[str, Any] = {"resourceVersion": str(revision)}
    if limit and len(records) > limit:
        last = records[limit - 1].key
        meta["continue"] = _encode(Token(revision, (last.namespace, last.name)))
        if selection.everything:
            meta["remainingItemCount"] = len(records) - limit
        records = records[:limit]
    return Page(records, meta)


def _problems(
    request: Request, version: str, match: str, token: Token | None
) -> Iterator[FieldError]:
    field = "resourceVersionMatch"
    if match and not version:
        yield forbidden(field, f"{field} is forbidden unless resourceVersion is provided")
    if match and token is not None:
        yield forbidden(field, f"{field} is forbidden when continue is provided")
    if match not in (_EXACT, _NOT_OLDER, ""):
        yield not_supported(field, match, (_EXACT, _NOT_OLDER, ""))
    if match == _EXACT and version == "0":
        yield forbidden(field, f'{field} "exact" is forbidden for resourceVersion "0"')
    if request.has_param("sendInitialEvents"):
        yield forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list")


async def reach(store: Store, revision: int) -> None:
    """Waits a little for a revision that is yet to come.

    Raises:
        ApiError: Timeout, it did not come.
    """
    if revision <= store.revision or await store.reached(revision, _FUTURE_WAIT):
        return
    text = f"Too large resource version: {revision}, current: {store.revision}"
    raise ApiError(
        f"Timeout: {text}",
        reason="Timeout",
        details={
            "causes": [
                {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
            ],
            "retryAfterSeconds": 1,
        },
    )


def _encode(token: Token) -> str:
    start = "/".join(part for part in token.after if part) + "\x00"
    body = orjson.dumps({"v": _TOKEN_VERSION, "rv": token.rev, "start": start})
    return base64.urlsafe_b64encode(body).decode().rstrip("=")


def _decode(text: str) -> Token:
    try:
        body = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        rev, start = int(body["rv"]), str(body["start"])
        known = body["v"] == _TOKEN_VERSION
    except (ValueError, KeyError, TypeError) as error:
        raise bad_request(f"continue key is not valid: {error}") from error
    if not known:
        raise bad_request(
            "continue key is not valid: server does not recognize this encoded version"
        )
    namespace, _, name = start.rstrip("\x00").strip("/").rpartition("/")
    return Token(rev, (namespace, name))
