from __future__ import annotations

from typing import Any

import pytest

from towline.kube.refs import GroupResource

EVENTS = GroupResource("", "events")
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "namespace": "default", "uid": "u"},
}


async def tell(registry: Any, clock: Any, message: str, reason: str = "Odd", **more: Any) -> None:
    clock.advance(0.01)  # events are named after their time: no two of them happen at once
    await registry.event(
        {**POD, **more}, type_="Warning", reason=reason, message=message, component="c"
    )


def told(registry: Any) -> list[tuple[str, int]]:
    return [(one["message"], one["count"]) for one in registry.objects(EVENTS)]


@pytest.mark.asyncio
async def test_repeats_are_counted(registry: Any, clock: Any) -> None:
    for _ in range(3):
        await tell(registry, clock, "same")
    assert told(registry) == [("same", 3)]


@pytest.mark.asyncio
async def test_the_tenth_message_of_a_kind_is_combined_with_those_after_it(
    registry: Any, clock: Any
) -> None:
    for number in range(13):
        await tell(registry, clock, f"number {number}")
    await tell(registry, clock, "other", reason="Even")
    found = told(registry)
    assert len(found) == 11
    assert ("(combined from similar events): number 12", 4) in found
    assert ("number 8", 1) in found
    assert ("other", 1) in found


@pytest.mark.asyncio
async def test_an_object_with_very_many_events_gets_no_more(registry: Any, clock: Any) -> None:
    for number in range(40):
        await tell(registry, clock, "x", reason=f"R{number}")
    assert len(told(registry)) == 25
    await tell(registry, clock, "x", metadata={**POD["metadata"], "name": "q", "uid": "v"})
    assert len(told(registry)) == 26
