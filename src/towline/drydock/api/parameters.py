"""Options of writes, read from query and body."""

from __future__ import annotations

import json
import re
from typing import Any

from towline.drydock.api.decode import decode
from towline.drydock.api.messages import Request
from towline.drydock.refusals import bad_request
from towline.drydock.registry import DeleteOptions, WriteOptions
from towline.kube.refs import GroupKind
from towline.kube.schema.fielderror import (
    FieldError,
    forbidden,
    invalid,
    invalid_status,
    not_supported,
    required,
    too_long,
)
from towline.kube.status import ApiError

_VALIDATIONS = ("", "Ignore", "Strict", "Warn")
_MAX_MANAGER = 128


_DURATION = re.compile(r"[-+]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)")


def check_timeout(request: Request) -> None:
    """Refuses a `timeout` that is no length of time; watches have another parameter.

    Raises:
        ApiError: BadRequest.
    """
    text = request.param("timeout")
    if text and not _DURATION.fullmatch(text) and not request.flag("watch"):
        raise bad_request(
            "invalid timeout specified in the request URL - time: invalid duration"
            f" {json.dumps(text)}"
        )


def _refuse(options: str, error: FieldError) -> ApiError:
    return invalid_status(GroupKind("meta.k8s.io", options), "", [error])


def _dry_run(values: list[str], options: str) -> bool:
    if not values:
        return False
    if any(value != "All" for value in values):
        raise _refuse(options, not_supported_list("dryRun", values))
    return True


def not_supported_list(path: str, values: list[str]) -> FieldError:
    """The error of a list parameter with unknown entries."""
    shown = ",".join(f'"{value}"' for value in values)
    return FieldError(
        path, "FieldValueNotSupported", f'Unsupported value: [{shown}]: supported values: "All"'
    )


def write_options(request: Request, options: str, *, apply: bool = False) -> WriteOptions:
    """Options of create, update and patch.

    Args:
        request: Whose query is read.
        options: Kind of the options object, for messages.
        apply: Whether this is a server-side apply.

    Raises:
        ApiError: An option has no such value.
    """
    manager = request.param("fieldManager")
    if apply and not manager:
        raise _refuse(options, required("fieldManager", "is required for apply patch"))
    if not manager:
        manager = request.header(b"user-agent").partition("/")[0][:_MAX_MANAGER] or "unknown"
    if len(manager.encode()) > _MAX_MANAGER:
        raise _refuse(options, too_long("fieldManager", _MAX_MANAGER))
    odd = next((n for n, mark in enumerate(manager) if not mark.isprintable()), None)
    if odd is not None:
        why = f"invalid character U+{ord(manager[odd]):04X} (at position {odd})"
        raise _refuse(options, invalid("fieldManager", manager, why))
    if request.has_param("force") and not apply and options == "PatchOptions":
        raise _refuse(options, forbidden("force", "may not be specified for non-apply patch"))
    validation = request.param("fieldValidation") or "Warn"
    if validation not in _VALIDATIONS:
        raise _refuse(options, not_supported("fieldValidation", validation, _VALIDATIONS))
    return WriteOptions(
        manager=manager,
        dry_run=_dry_run(request.params("dryRun"), options),
        field_validation=validation,
        force=apply and request.flag("force"),
    )


async def delete_options(request: Request) -> DeleteOptions:
    """Options of delete: from the body when there is one, else from the query.

    Raises:
        ApiError: They cannot be read.
    """
    body = await request.body()
    given = decode(body, request.header(b"content-type")) if body.strip() else {}
    if not isinstance(given, dict):
        raise bad_request("the body is not a DeleteOptions object")
    if given.get("kind", "DeleteOptions") != "DeleteOptions":
        kind, version = given["kind"], given.get("apiVersion", "")
        raise bad_request(f'no kind "{kind}" is registered for version "{version}"')
    return parse_delete_options(given, request)


def parse_delete_options(given: dict[str, Any], request: Request) -> DeleteOptions:
    """Options of delete from a DeleteOptions object, with the query behind it.

    Raises:
        ApiError: They cannot be read.
    """
    grace = given.get("gracePeriodSeconds")
    if grace is None:
        grace = request.integer("gracePeriodSeconds")
    if grace is not None and (not isinstance(grace, int) or isinstance(grace, bool)):
        raise bad_request("gracePeriodSeconds: must be an integer")
    if grace is not None and grace < 0:
        grace = 1
    propagation = given.get("propagationPolicy") or request.param("propagationPolicy")
    orphan = given.get("orphanDependents")
    if orphan is None and request.has_param("orphanDependents"):
        orphan = request.flag("orphanDependents")
    if orphan is not None and propagation:
        why = "orphanDependents and deletionPropagation cannot be both set"
        raise _refuse("DeleteOptions", invalid("propagationPolicy", propagation, why))
    if orphan is not None:
        propagation = "Orphan" if orphan else "Background"
    conditions = given.get("preconditions") or {}
    dry_run = given.get("dryRun") or request.params("dryRun")
    return DeleteOptions(
        grace=grace,
        propagation=str(propagation or ""),
        uid=str(conditions.get("uid") or ""),
        resource_version=str(conditions.get("resourceVersion") or ""),
        dry_run=_dry_run(list(dry_run), "DeleteOptions"),
    )
