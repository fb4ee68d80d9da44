"""Writes values as YAML the way Kubernetes tools do: sorted keys, block style, no line folding."""

from __future__ import annotations

from typing import Any

import yaml
from yaml._yaml import CEmitter
from yaml.representer import SafeRepresenter
from yaml.resolver import Resolver

from towline.text.yaml.scalars import NotJsonError, resolve_plain

_ENDLESS = 2**31 - 1


def dump(value: Any) -> str:
    """The value as one YAML document without a `---` line.

    Strings that would read back as something else are quoted; text with line breaks is a literal
    block.

    Args:
        value: What JSON can hold.
    """
    return yaml.dump(
        value,
        Dumper=_Dumper,
        default_flow_style=False,
        allow_unicode=True,
        width=_ENDLESS,
        sort_keys=True,
    )


class _Dumper(CEmitter, SafeRepresenter, Resolver):
    def __init__(
        self,
        stream: Any,
        *,
        default_style: str | None = None,
        default_flow_style: bool = False,
        sort_keys: bool = True,
        **layout: Any,
    ) -> None:
        CEmitter.__init__(self, stream, **layout)
        SafeRepresenter.__init__(
            self,
            default_style=default_style,
            default_flow_style=default_flow_style,
            sort_keys=sort_keys,
        )
        Resolver.__init__(self)

    def ignore_aliases(self, data: Any) -> bool:
        """Shared values are written out; anchors have no place in manifests."""
        return True


def _represent_text(dumper: SafeRepresenter, text: str) -> yaml.ScalarNode:
    style = None
    if "\n" in text:
        style = "|"
    elif not _reads_back(text):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _reads_back(text: str) -> bool:
    try:
        return resolve_plain(text) == text
    except NotJsonError:
        return False


_Dumper.add_representer(str, _represent_text)
