from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from towline.argo.application import parse_application
from towline.argo.project import parse_project
from towline.errors import InputError
from towline.gitops.windows import may_sync, next_change, windows_of

NOON = dt.datetime(2026, 3, 2, 12, 0, 30, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def zones(name: str) -> dt.tzinfo | None:
    return None if name == "Nowhere" else ZoneInfo(name)


def windows(*specs: dict[str, Any], **destination: str) -> Any:
    base = {"duration": "1h", "schedule": "0 12 * * *", "applications": ["*"]}
    spec = {"syncWindows": [{**base, **one} for one in specs]}
    project = parse_project({"metadata": {"name": "p"}, "spec": spec})
    place = {"server": "https://kubernetes.default.svc", "namespace": "prod", **destination}
    app = parse_application(
        {
            "metadata": {"name": "web", "namespace": "argocd"},
            "spec": {"destination": place, "source": {"repoURL": "r", "path": "."}},
        }
    )
    return windows_of(project, app, zones)


OPEN = {"kind": "allow"}
SHUT = {"kind": "allow", "schedule": "0 20 * * *"}
DENY = {"kind": "deny"}
IDLE = {"kind": "deny", "schedule": "0 20 * * *"}
BY_HAND = {"manualSync": True}


@pytest.mark.parametrize(
    ("specs", "automatic", "manual"),
    [
        ([], True, True),
        ([OPEN], True, True),
        ([SHUT], False, False),
        ([SHUT | BY_HAND], False, True),
        ([SHUT | BY_HAND, SHUT], False, False),
        ([SHUT, OPEN], True, True),
        ([DENY], False, False),
        ([DENY | BY_HAND], False, True),
        ([DENY | BY_HAND, DENY], False, False),
        ([IDLE], True, True),
        ([OPEN, DENY], False, False),
        ([SHUT, IDLE], False, False),
        ([SHUT, DENY | BY_HAND], False, True),
    ],
)
def test_who_may_sync_when(specs: Any, automatic: bool, manual: bool) -> None:
    found = windows(*specs)
    assert may_sync(found, NOON, manual=False) is automatic
    assert may_sync(found, NOON, manual=True) is manual


@pytest.mark.parametrize(
    ("specs", "started", "goes_on"),
    [
        ([DENY], -2, False),
        ([DENY | {"syncOverrun": True}], -2, True),
        ([DENY | {"syncOverrun": True}], -0.001, False),
        ([DENY | {"syncOverrun": True}, DENY], -2, False),
        ([{"kind": "allow", "schedule": "0 10 * * *", "syncOverrun": True}], -1.5, True),
        ([{"kind": "allow", "schedule": "0 10 * * *"}], -1.5, False),
        ([{"kind": "allow", "schedule": "0 10 * * *", "syncOverrun": True}], -4, False),
    ],
)
def test_what_was_allowed_to_begin_may_overrun(specs: Any, started: float, goes_on: bool) -> None:
    begun = NOON + started * HOUR
    assert may_sync(windows(*specs), NOON, manual=False, started=begun) is goes_on


@pytest.mark.parametrize(
    ("spec", "concerned"),
    [
        ({"applications": ["we?"]}, True),
        ({"applications": ["api"]}, False),
        ({"applications": ["api"], "namespaces": ["prod"]}, True),
        ({"applications": ["api"], "namespaces": ["prod"], "andOperator": True}, False),
        ({"applications": ["web"], "namespaces": ["pr*"], "andOperator": True}, True),
        ({"applications": [], "clusters": ["in-cluster"]}, True),
        ({"applications": [], "clusters": ["https://kubernetes.default.svc"]}, True),
        ({"applications": [], "clusters": ["other"]}, False),
        ({"applications": []}, False),
    ],
)
def test_a_window_concerns_what_its_lists_name(spec: Any, concerned: bool) -> None:
    assert bool(windows({**DENY, **spec})) is concerned


def test_a_schedule_is_read_in_the_windows_own_zone() -> None:
    there = {"kind": "allow", "timeZone": "Asia/Tokyo", "schedule": "0 21 * * *"}
    assert may_sync(windows(there), NOON, manual=False)  # nine hours ahead
    assert not may_sync(windows({**there, "timeZone": "UTC"}), NOON, manual=False)
    # The clock goes forward at one in London: three o'clock comes an hour earlier in UTC.
    london = {"kind": "allow", "timeZone": "Europe/London", "schedule": "0 3 * * *"}
    summer = dt.datetime(2026, 3, 29, 2, 30, tzinfo=dt.UTC)
    assert may_sync(windows(london), summer, manual=False)
    assert not may_sync(windows(london), summer - dt.timedelta(days=1), manual=False)


def test_the_next_change_is_an_end_or_a_beginning() -> None:
    assert next_change(windows(OPEN), NOON) == 3570
    assert next_change(windows(SHUT), NOON) == 8 * 3600 - 30
    assert next_change(windows(SHUT, DENY), NOON) == 3570
    assert next_change(windows({**OPEN, "schedule": "0 0 31 2 *"}), NOON) is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "perhaps"}, "kind"),
        ({"schedule": "* * *"}, "schedule"),
        ({"duration": "long"}, "duration"),
        ({"timeZone": "Nowhere"}, "timeZone"),
    ],
)
def test_a_window_that_cannot_be_read_names_its_field(change: Any, field: str) -> None:
    with pytest.raises(InputError) as error:
        windows({**OPEN, **change})
    assert error.value.field == f"spec.syncWindows[0].{field}"
