"""Conditions of `when { }`. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from towline.pipeline.jenkins.declarative.sections import (
    block_of,
    callee_name,
    first_value,
    named,
)
from towline.pipeline.jenkins.failures import abort
from towline.pipeline.jenkins.session import Session
from towline.pipeline.jenkins.surroundings import Surroundings
from towline.text.groovy import Limits, Meter, to_text, tree, truth
from towline.text.groovy.operators import equals
from towline.text.groovy.regex import find_from, full_match
from towline.text.groovy.tree import Call, Closure, Node

Evaluate = Callable[[Node], Awaitable[Any]]


class Conditions:
    """Evaluates conditions in the surroundings of one stage.

    Args:
        session: The run.
        state: Surroundings of the stage.
        evaluate: Value of an expression.
        run: Value of a block.
    """

    def __init__(
        self,
        session: Session,
        state: Surroundings,
        evaluate: Evaluate,
        run: Callable[[Closure], Awaitable[Any]],
    ) -> None:
        self._session = session
        self._state = state
        self._evaluate = evaluate
        self._run = run
        self._meter = Meter(Limits(steps=1_000_000))

    async def all(self, conditions: tuple[Call, ...]) -> bool:
        """Whether every condition holds."""
        for condition in conditions:
            if not await self.holds(condition):
                return False
        return True

    async def holds(self, condition: Call) -> bool:
        """Whether one condition holds."""
        name = callee_name(condition)
        if name in {"not", "allOf", "anyOf"}:
            return await self._combined(name, condition)
        if name == "expression":
            block = block_of(condition)
            return block is not None and truth(await self._run(block))
        values = await self._values(condition)
        simple = {
            "branch": self._branch,
            "tag": self._tag,
            "buildingTag": self._building_tag,
            "changeRequest": self._change_request,
            "changeset": self._changeset,
            "changelog": self._changelog,
            "environment": self._environment,
            "triggeredBy": self._triggered_by,
        }
        if name in simple:
            return simple[name](values)
        if name == "equals":
            return equals(values.get("expected"), values.get("actual"), self._meter)
        if name == "isRestartedRun":
            return False
        raise abort(f"unknown condition '{name}' in 'when'")

    async def _combined(self, name: str, condition: Call) -> bool:
        block = block_of(condition)
        inner = [] if block is None else [_as_call(node) for node in block.body.statements]
        results = [await self.holds(item) for item in inner if item is not None]
        if name == "not":
            return not any(results)
        return all(results) if name == "allOf" else any(results)

    async def _values(self, condition: Call) -> dict[str, Any]:
        """Arguments of a condition; the unnamed one under an empty name."""
        values = {name: await self._evaluate(node) for name, node in named(condition).items()}
        unnamed = first_value(condition)
        if unnamed is not None and not isinstance(unnamed, tree.MapLiteral):
            values[""] = await self._evaluate(unnamed)
        return values

    def _variable(self, name: str) -> str:
        return self._session.variable(name, self._state) or ""

    def _text(self, value: Any) -> str:
        return to_text(value, self._meter)

    # The conditions

    def _branch(self, values: dict[str, Any]) -> bool:
        branch = self._variable("BRANCH_NAME") or self._variable("GIT_LOCAL_BRANCH")
        return bool(branch) and self._matches(values, branch)

    def _tag(self, values: dict[str, Any]) -> bool:
        tag = self._variable("TAG_NAME")
        return bool(tag) and self._matches(values, tag)

    def _building_tag(self, values: dict[str, Any]) -> bool:
        return bool(self._variable("TAG_NAME"))

    def _matches(self, values: dict[str, Any], text: str) -> bool:
        pattern = self._text(values.get("pattern", values.get("", "")))
        match self._text(values.get("comparator", "GLOB")).upper():
            case "EQUALS":
                return pattern == text
            case "REGEXP":
                return full_match(pattern, text, self._meter) is not None
        return self._glob(pattern, text)

    def _glob(self, pattern: str, text: str, *, case: bool = False) -> bool:
        prefix = "" if case else "(?i)"
        return full_match(prefix + ant_regex(pattern), text, self._meter) is not None

    def _change_request(self, values: dict[str, Any]) -> bool:
        if not self._variable("CHANGE_ID"):
            return False
        names = {
            "id": "CHANGE_ID",
            "target": "CHANGE_TARGET",
            "branch": "CHANGE_BRANCH",
            "fork": "CHANGE_FORK",
            "url": "CHANGE_URL",
            "title": "CHANGE_TITLE",
            "author": "CHANGE_AUTHOR",
            "authorDisplayName": "CHANGE_AUTHOR_DISPLAY_NAME",
            "authorEmail": "CHANGE_AUTHOR_EMAIL",
        }
        comparator = values.get("comparator", "EQUALS")
        return all(
            self._matches({"": values[key], "comparator": comparator}, self._variable(variable))
            for key, variable in names.items()
            if key in values
        )

    def _changeset(self, values: dict[str, Any]) -> bool:
        pattern = self._text(values.get("pattern", values.get("", "")))
        case = truth(values.get("caseSensitive", False))
        regexp = str(values.get("comparator", "GLOB")).upper() == "REGEXP"
        paths = (path for change in self._session.context.changes for path in change.paths)
        if regexp:
            return any(full_match(pattern, path, self._meter) is not None for path in paths)
        return any(self._glob(pattern, path, case=case) for path in paths)

    def _changelog(self, values: dict[str, Any]) -> bool:
        pattern = self._text(values.get("pattern", values.get("", "")))
        lines = (
            line for change in self._session.context.changes for line in change.message.splitlines()
        )
        return any(full_match(pattern, line, self._meter) is not None for line in lines)

    def _environment(self, values: dict[str, Any]) -> bool:
        found = self._variable(self._text(values.get("name", "")))
        wanted = self._text(values.get("value", ""))
        if truth(values.get("ignoreCase", False)):
            return found.lower() == wanted.lower()
        return found == wanted

    def _triggered_by(self, values: dict[str, Any]) -> bool:
        wanted = self._text(values.get("cause", values.get("", "")))
        pattern = f".*{wanted.removesuffix('Cause')}.*" if wanted.isalnum() else wanted
        causes = self._session.context.causes
        return any(find_from(pattern, cause, 0, self._meter) is not None for cause in causes)


def _as_call(statement: Node) -> Call | None:
    node = statement.expression if isinstance(statement, tree.ExpressionStatement) else None
    if isinstance(node, Call):
        return node
    return Call(node.at, node, ()) if isinstance(node, tree.Name) else None


def ant_regex(glob: str) -> str:
    """The regular expression of an Ant path glob: `*` within a segment, `**` across segments."""
    pieces: list[str] = []
    index = 0
    while index < len(glob):
        if glob.startswith("**/", index):
            pieces.append("(?:.*/)?")
            index += 3
        elif glob.startswith("**", index):
            pieces.append(".*")
            index += 2
        else:
            char = glob[index]
            special = {"*": "[^/]*", "?": "[^/]"}.get(char)
            plain = char if char.isalnum() or char in "_- /" else f"\\{char}"
            pieces.append(special or plain)
            index += 1
    return "".join(pieces)
