"""The `helm` block of an Application's source."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from towline.argo.application import decode
from towline.errors import InputError

# Argo CD renders with the Helm that it ships, unless the application names another one.
DEFAULT_MAJOR: Final = 4
_MAJORS: Final = {"": DEFAULT_MAJOR, "v3": 3, "v4": 4}


class _Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class Parameter(_Wire, frozen=True, kw_only=True):
    """One `--set`, or `--set-string` when text is forced."""

    name: str = ""
    value: str = ""
    force_string: bool = False


class FileParameter(_Wire, frozen=True, kw_only=True):
    """One `--set-file`."""

    name: str = ""
    path: str = ""


class HelmOptions(_Wire, frozen=True, kw_only=True):
    """How a chart is rendered for an Application."""

    release_name: str = ""
    value_files: tuple[str, ...] = ()
    ignore_missing_value_files: bool = False
    values: str = ""
    values_object: dict[str, Any] | None = None
    parameters: tuple[Parameter, ...] = ()
    file_parameters: tuple[FileParameter, ...] = ()
    pass_credentials: bool = False
    skip_crds: bool = False
    skip_tests: bool = False
    skip_schema_validation: bool = False
    version: str = ""
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()
    namespace: str = ""

    @property
    def major(self) -> int:
        """Which Helm: 3 or 4."""
        return _MAJORS[self.version]


def helm_options(block: dict[str, Any]) -> HelmOptions:
    """Reads the block.

    Raises:
        InputError: A field is wrong.
    """
    options = decode(block, HelmOptions, at="spec.source.helm")
    if options.version not in _MAJORS:
        raise InputError(
            f"helm version {options.version!r} is not supported",
            field="spec.source.helm.version",
            hint="v3 or v4",
        )
    return options
