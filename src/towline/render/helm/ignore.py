""".helmignore: which files of a chart folder are left out."""

from __future__ import annotations

import posixpath
from typing import Final

import msgspec

from towline.render.helm.errors import ChartError
from towline.render.helm.paths import PatternError, match_path

FILE_NAME: Final = ".helmignore"
_MAX_RULES: Final = 1000


class Rule(msgspec.Struct, frozen=True):
    """One line of the file.

    Attributes:
        pattern: The glob, without its marks.
        negated: It began with `!`: what does *not* match is ignored.
        only_folders: It ended with `/`.
        base_only: It has no `/`: only the last part of a path is compared.
    """

    pattern: str
    negated: bool = False
    only_folders: bool = False
    base_only: bool = False


class IgnoreRules(msgspec.Struct, frozen=True):
    """All rules in order."""

    rules: tuple[Rule, ...]

    def ignores(self, path: str, *, folder: bool) -> bool:
        """Whether a path within the chart is left out. The first rule that speaks decides."""
        for rule in self.rules:
            matched = match_path(rule.pattern, posixpath.basename(path) if rule.base_only else path)
            if rule.negated:
                if (rule.only_folders and not folder) or not matched:
                    return True
            elif matched and (folder or not rule.only_folders):
                return True
        return False


def parse_rules(text: str) -> IgnoreRules:
    """Reads a .helmignore; Helm's own rule for hidden files in `templates/` comes last.

    Raises:
        ChartError: A pattern is malformed.
    """
    lines = text.removeprefix("\ufeff").split("\n")
    if len(lines) > _MAX_RULES:
        raise ChartError(f"{FILE_NAME} has more than {_MAX_RULES} lines")
    rules = [rule for line in lines if (rule := _rule(line.strip())) is not None]
    return IgnoreRules((*rules, Rule("templates/.?*")))


def _rule(line: str) -> Rule | None:
    if not line or line.startswith("#"):
        return None
    if "**" in line:
        raise ChartError("double-star (**) syntax is not supported")
    try:
        match_path(line, "abc")
    except PatternError as error:
        raise ChartError(str(error)) from error
    negated = line.startswith("!")
    pattern = line.removeprefix("!")
    only_folders = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    rooted = pattern.startswith("/")
    return Rule(
        pattern=pattern.removeprefix("/"),
        negated=negated,
        only_folders=only_folders,
        base_only=not rooted and "/" not in pattern,
    )
