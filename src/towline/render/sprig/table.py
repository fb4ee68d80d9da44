"""All functions together."""

from __future__ import annotations

from typing import Literal

from towline.render.gotemplate.functions import STRING, Function
from towline.render.sprig import (
    arithmetic,
    baseencoding,
    certificates,
    chance,
    choices,
    dates,
    dicts,
    expressions,
    lists,
    passwords,
    paths,
    serialization,
    strings,
    urls,
    versions,
)
from towline.render.sprig.environment import Environment
from towline.text.semver import Generation


def functions(environment: Environment, *, helm: Literal["v3", "v4"] = "v3") -> dict[str, Function]:
    """What templates of Helm may call, but for `include`, `tpl` and `lookup`.

    Args:
        environment: The world as templates see it.
        helm: The generation of Helm; v4 knows more functions and newer rules for versions.
    """
    table: dict[str, Function] = {}
    for plain in (
        *(arithmetic, baseencoding, choices, dicts, expressions),
        *(lists, paths, serialization, strings, urls),
    ):
        table.update(plain.functions())
    for worldly in (certificates, chance, dates, passwords):
        table.update(worldly.functions(environment))
    table.update(versions.functions(Generation.V3_3 if helm == "v3" else Generation.V3_5))
    table["getHostByName"] = Function(environment.resolve_host, (STRING,), result=STRING)
    if helm == "v4":
        table.update(serialization.helm4_functions())
        table.update(dates.helm4_functions())
    return table
