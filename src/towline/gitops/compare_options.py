"""How objects are compared, as `argocd-cm` says it (`resource.compareoptions`)."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from towline.argo.application import decode
from towline.errors import InputError
from towline.gitops.ignore import StatusScope
from towline.text.yaml import load_documents

COMPARE_OPTIONS_KEY: Final = "resource.compareoptions"

_SCOPES: Final = {
    "": StatusScope.ALL,
    "all": StatusScope.ALL,
    "crd": StatusScope.CRD,
    "none": StatusScope.NONE,
    "off": StatusScope.NONE,
    "false": StatusScope.NONE,
}


class CompareOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of every comparison.

    Attributes:
        ignore_aggregated_roles: Rules of roles with an `aggregationRule` do not count.
        ignore_status: Of which objects the status does not count.
        ignore_on_updates: Ignored differences do not cause a refresh either.
    """

    ignore_aggregated_roles: bool = False
    ignore_status: StatusScope = StatusScope.ALL
    ignore_on_updates: bool = True


class _Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    ignore_aggregated_roles: bool = False
    ignore_resource_status_field: str | bool = ""
    ignore_differences_on_resource_updates: bool = True


def parse_compare_options(text: str) -> CompareOptions:
    """Reads `resource.compareoptions`; an empty text means the defaults.

    Raises:
        InputError: It is not YAML, or a field has the wrong type or value.
    """
    wire = decode(mapping_of(text, COMPARE_OPTIONS_KEY), _Wire, at=COMPARE_OPTIONS_KEY)
    scope = str(wire.ignore_resource_status_field).lower()
    if scope not in _SCOPES:
        raise InputError(
            f"{scope!r} is none of all, crd, none",
            field=f"{COMPARE_OPTIONS_KEY}.ignoreResourceStatusField",
        )
    return CompareOptions(
        ignore_aggregated_roles=wire.ignore_aggregated_roles,
        ignore_status=_SCOPES[scope],
        ignore_on_updates=wire.ignore_differences_on_resource_updates,
    )


def mapping_of(text: str, key: str) -> dict[str, Any]:
    """The YAML mapping in a configuration value; empty when the text is.

    Raises:
        InputError: It is something else.
    """
    documents = load_documents(text, file=key)
    value = documents[0].value if documents else None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError("must be a mapping", field=key)
    return value
