"""Rules between the fields of nodes. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from towline.kube.names import label_value_problems
from towline.kube.schema.field_rules import Obj, network, one_of, qualified
from towline.kube.schema.fielderror import DUPLICATE, FieldError, forbidden, invalid, show

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def node_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a Node."""
    spec = obj.get("spec") or {}
    seen: set[tuple[str, str]] = set()
    for position, taint in enumerate(spec.get("taints") or ()):
        # The path is spelled as the real server spells it.
        path = f"metadata.taints[{position}]"
        key, effect = taint.get("key") or "", taint.get("effect") or ""
        yield from qualified(key, f"{path}.key")
        for problem in label_value_problems(str(taint.get("value") or "")):
            yield invalid(f"{path}.value", taint["value"], problem)
        yield from one_of(effect, f"{path}.effect", _EFFECTS)
        if (key, effect) in seen:
            shown = {
                "Key": key,
                "Value": taint.get("value") or "",
                "Effect": effect,
                "TimeAdded": taint.get("timeAdded"),
            }
            why = f"Duplicate value: {show(shown)}: taints must be unique by key and effect pair"
            yield FieldError(path, DUPLICATE, why)
        seen.add((key, effect))
    for position, text in enumerate(spec.get("podCIDRs") or ()):
        yield from network(text, f"spec.podCIDRs[{position}]")


def node_changes(old: Obj, new: Obj) -> Iterator[FieldError]:
    """What an update of a Node must leave."""
    before, after = old.get("spec") or {}, new.get("spec") or {}
    had = before.get("podCIDRs") or []
    if had and had != (after.get("podCIDRs") or []):
        why = 'node updates may not change podCIDR except from "" to valid'
        yield forbidden("spec.podCIDRs", why)
    if before.get("providerID") and before["providerID"] != after.get("providerID"):
        why = 'node updates may not change providerID except from "" to valid'
        yield forbidden("spec.providerID", why)
