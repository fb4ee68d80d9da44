"""Events about objects: repeats are merged, old ones forgotten."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, TypeVar

from towline.aio.clock import Clock, parse_rfc3339, rfc3339

Obj = dict[str, Any]
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MAX_REMEMBERED = 4096
KEEP_SECONDS = 3600
_MERGE_SECONDS = 600
# Of events that differ in their message only, this many are told apart.
_MAX_SIMILAR = 10
_COMBINED = "(combined from similar events): "
# How many events an object may have at once, and how fast one more is allowed after that.
_BURST = 25
_REFILL_SECONDS = 300.0
_MAX_MESSAGE = 1024


class Happening(NamedTuple):
    """What is to be told about an object.

    Attributes:
        type: `Normal` or `Warning`.
        reason: One word in CamelCase.
        message: A sentence for people.
        component: Who tells it.
        field_path: The part of the object that it is about, or empty.
    """

    type: str
    reason: str
    message: str
    component: str
    field_path: str = ""


class Repeat(NamedTuple):
    """Where an earlier event of the same content is."""

    namespace: str
    name: str
    at: float


class _Similar:
    """Messages of one kind of event about one object."""

    def __init__(self, at: float) -> None:
        self.at = at
        self.messages: set[str] = set()


class _Allowance:
    """How many more events an object may have."""

    def __init__(self, at: float) -> None:
        self.at = at
        self.left = float(_BURST)

    def take(self, now: float) -> bool:
        self.left = min(float(_BURST), self.left + (now - self.at) / _REFILL_SECONDS)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Recorder:
    """Makes Event objects and remembers which ones a repeat belongs to.

    Events that differ only in their message become one after a while, and an object that has very
    many gets a few every now and then.

    Args:
        clock: For the time stamps.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[tuple[str, ...], Repeat] = OrderedDict()
        self._similar: OrderedDict[tuple[str, ...], _Similar] = OrderedDict()
        self._allowances: OrderedDict[tuple[str, str], _Allowance] = OrderedDict()

    def admit(self, obj: Obj, what: Happening) -> tuple[tuple[str, ...], Happening] | None:
        """What to tell of an event, and what makes it the same as an earlier one.

        Returns:
            None when the object has had too many.
        """
        now = self._clock.monotonic()
        uid = str(obj["metadata"].get("uid", ""))
        allowance = _remembered(self._allowances, (uid, what.component), lambda: _Allowance(now))
        if not allowance.take(now):
            return None
        kind = (uid, what.type, what.reason, what.component)
        similar = _remembered(self._similar, kind, lambda: _Similar(now))
        if now - similar.at > _MERGE_SECONDS:
            similar.messages.clear()
        similar.at = now
        similar.messages.add(what.message)
        if len(similar.messages) < _MAX_SIMILAR:
            return self.signature(obj, what), what
        similar.messages.pop()
        return kind, what._replace(message=_COMBINED + what.message)

    def signature(self, obj: Obj, what: Happening) -> tuple[str, ...]:
        """What makes two events the same."""
        uid = str(obj["metadata"].get("uid", ""))
        return (uid, *what)

    def repeat(self, signature: tuple[str, ...]) -> Repeat | None:
        """The recent event that this one repeats."""
        found = self._known.get(signature)
        if found is None or self._clock.monotonic() - found.at > _MERGE_SECONDS:
            return None
        self._known.move_to_end(signature)
        return found

    def remember(self, signature: tuple[str, ...], namespace: str, name: str) -> None:
        """Notes where a new event was stored."""
        self._known[signature] = Repeat(namespace, name, self._clock.monotonic())
        while len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)

    def new(self, obj: Obj, what: Happening) -> Obj:
        """A first event about an object."""
        meta = obj["metadata"]
        now = self._clock.now()
        stamp = rfc3339(now)
        involved = {
            "apiVersion": obj.get("apiVersion", ""),
            "kind": obj.get("kind", ""),
            "name": meta.get("name", ""),
            "namespace": meta.get("namespace", ""),
            "uid": meta.get("uid", ""),
            "resourceVersion": meta.get("resourceVersion", ""),
            "fieldPath": what.field_path,
        }
        serial = f"{int(now.timestamp() * 1e9):x}"
        suffix = self._clock.uuid()[:4]
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{meta.get('name', 'object')[:220]}.{serial[:12]}{suffix}",
                "namespace": meta.get("namespace") or "default",
            },
            "involvedObject": {name: value for name, value in involved.items() if value},
            "reason": what.reason,
            "message": what.message[:_MAX_MESSAGE],
            "source": {"component": what.component},
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
            "type": what.type,
            "reportingComponent": what.component,
            "reportingInstance": "",
        }

    def again(self, event: Obj, message: str) -> None:
        """Counts a repeat, in place; a combined event tells the last message."""
        event["message"] = message[:_MAX_MESSAGE]
        event["count"] = int(event.get("count") or 1) + 1
        event["lastTimestamp"] = rfc3339(self._clock.now())

    def expired(self, event: Obj) -> bool:
        """Whether an event is too old to keep."""
        stamp = (
            event.get("lastTimestamp")
            or event.get("eventTime")
            or event["metadata"].get("creationTimestamp")
        )
        try:
            age = self._clock.now() - parse_rfc3339(str(stamp))
        except ValueError:
            return False
        return age.total_seconds() > KEEP_SECONDS


def _remembered(known: OrderedDict[K, V], key: K, make: Callable[[], V]) -> V:
    """The entry of a key, made when it is new; the oldest entries are forgotten."""
    found = known.get(key)
    if found is None:
        found = known[key] = make()
        if len(known) > MAX_REMEMBERED:
            known.popitem(last=False)
    known.move_to_end(key)
    return found
