"""Validation rules of a definition: do they compile, and may they look at the old object. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from towline.kube.cel.rules import Rule, RuleNode
from towline.kube.schema.fielderror import INVALID, FieldError, invalid

Raw = Mapping[str, Any]


def check_expressions(schema: Raw, rules: RuleNode | None, path: str) -> Iterator[FieldError]:
    """What is wrong with the rules of a schema that is otherwise in order."""
    if rules is not None:
        yield from _node(schema, rules, path, "")


def _node(schema: Raw, rules: RuleNode, path: str, uncorrelated: str) -> Iterator[FieldError]:
    """One place.

    Args:
        schema: The schema there.
        rules: Compiled.
        path: Where it stands in the definition.
        uncorrelated: The place above from which on old and new values cannot be matched, or empty.
    """
    if rules.additional is not None:
        where = f"{path}.additionalProperties"
        yield from _node(schema["additionalProperties"], rules.additional, where, uncorrelated)
    for name, below in rules.properties.items():
        where = f"{path}.properties[{name}]"
        reached = uncorrelated if rules.correlates else uncorrelated or path
        yield from _node(schema["properties"][name], below, where, reached)
    if rules.items is not None:
        reached = uncorrelated if rules.list_keys else uncorrelated or path
        yield from _node(schema["items"], rules.items, f"{path}.items", reached)
    given = schema.get("x-kubernetes-validations") or ()
    for position, rule in enumerate(rules.rules):
        where = f"{path}.x-kubernetes-validations[{position}]"
        yield from _rule(given[position], rule, where, uncorrelated)


def _rule(given: Raw, rule: Rule, where: str, uncorrelated: str) -> Iterator[FieldError]:
    if rule.error:
        yield _refused(f"{where}.rule", given, rule.error)
    if rule.message_error:
        yield _refused(f"{where}.messageExpression", given, rule.message_error)
    if rule.uses_old and uncorrelated:
        text = (
            "oldSelf cannot be used on the uncorrelatable portion of the schema within"
            f" {uncorrelated}"
        )
        yield invalid(f"{where}.rule", given.get("rule"), text)
    elif not rule.uses_old and given.get("optionalOldSelf") is not None:
        text = "may not be set if oldSelf is not used in rule"
        yield invalid(f"{where}.optionalOldSelf", given["optionalOldSelf"], text)


def _refused(path: str, given: Raw, error: str) -> FieldError:
    shown = {
        "Rule": given.get("rule") or "",
        "Message": given.get("message") or "",
        "MessageExpression": given.get("messageExpression") or "",
        "Reason": given.get("reason"),
        "FieldPath": given.get("fieldPath") or "",
        "OptionalOldSelf": given.get("optionalOldSelf"),
    }
    text = msgspec.json.encode(shown).decode()
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return FieldError(path, INVALID, f"Invalid value: {text}: {error}")
