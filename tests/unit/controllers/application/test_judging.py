"""Health of live objects in the engine: scripts first, verdicts remembered, bad scripts named."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from towline.argo.status import HealthCode
from towline.controllers.application.judging import Judge
from towline.controllers.application.memory import Memory
from towline.gitops.health import Health
from towline.gitops.lua.script import Script, ScriptLimitError
from towline.kube.refs import gvk_of
from towline.kubeclient.objects import CachedObject, cached_object

GREAT = Health(HealthCode.HEALTHY, "great")


def cached(obj: dict[str, Any]) -> CachedObject:
    return cached_object(orjson.dumps(obj), gvk_of(obj))


def live(version: str = "1", kind: str = "Thing", api: str = "x.io/v1", **meta: Any) -> Any:
    names = {"name": "a", "namespace": "prod", "uid": "u", "resourceVersion": version, **meta}
    return cached({"apiVersion": api, "kind": kind, "metadata": names})


def deployment(version: str = "1") -> Any:
    return live(version, "Deployment", "apps/v1", uid="d")


class Cache:
    """Holds the configuration."""

    def __init__(self) -> None:
        self.config: CachedObject | None = None

    def configure(self, version: str, **data: str) -> None:
        names = {"name": "argocd-cm", "namespace": "argocd", "resourceVersion": version}
        settings = {f"resource.customizations.{key}": text for key, text in data.items()}
        self.config = cached(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": names, "data": settings}
        )

    def get(self, key: Any) -> CachedObject | None:
        return self.config if self.config is not None and key == self.config.key else None


class Scripts:
    """Answers what it is told to, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Health | ScriptLimitError | None = GREAT

    async def health(self, script: Script, obj: dict[str, Any]) -> Health | None:
        self.asked.append(f"{script.text} {obj['kind']} {obj['metadata']['resourceVersion']}")
        if isinstance(self.answer, ScriptLimitError):
            raise self.answer
        return self.answer


def judge_with(cache: Cache, scripts: Scripts | None) -> Judge:
    return Judge(cache, "argocd", scripts)  # type: ignore[arg-type]


THING = "health.x.io_Thing"


@pytest.mark.asyncio
async def test_a_script_decides_before_every_rule() -> None:
    cache, scripts, memory = Cache(), Scripts(), Memory()
    cache.configure("1", **{"health.apps_Deployment": "s"})
    judge = judge_with(cache, scripts)
    await judge.ask_scripts(memory, [deployment()])
    assert judge.health(memory, deployment()) == GREAT
    assert scripts.asked == ["s Deployment 1"]


@pytest.mark.asyncio
async def test_without_customisations_rules_decide_and_no_script_is_asked() -> None:
    scripts, memory = Scripts(), Memory()
    judge = judge_with(Cache(), scripts)
    await judge.ask_scripts(memory, [deployment(), live()])
    assert judge.health(memory, live()) is None
    found = judge.health(memory, deployment())
    assert found is not None
    assert scripts.asked == []


@pytest.mark.asyncio
async def test_a_verdict_holds_until_the_object_or_the_configuration_changes() -> None:
    cache, scripts, memory = Cache(), Scripts(), Memory()
    cache.configure("1", **{THING: "one"})
    judge = judge_with(cache, scripts)
    for version in ("1", "1", "2"):
        await judge.ask_scripts(memory, [live(version)])
    cache.configure("2", **{THING: "two"})
    assert judge.health(memory, live("2")) == Health(
        HealthCode.PROGRESSING, "Waiting for the health script"
    )
    await judge.ask_scripts(memory, [live("2")])
    assert judge.health(memory, live("2")) == GREAT
    assert scripts.asked == ["one Thing 1", "one Thing 2", "two Thing 2"]


@pytest.mark.asyncio
async def test_a_script_that_reads_the_clock_is_asked_every_time() -> None:
    cache, scripts, memory = Cache(), Scripts(), Memory()
    cache.configure("1", **{THING: "os.time()"})
    judge = judge_with(cache, scripts)
    for _ in range(2):
        await judge.ask_scripts(memory, [live()])
        assert judge.health(memory, live()) == GREAT
    assert len(scripts.asked) == 2


@pytest.mark.asyncio
async def test_a_script_beyond_its_limits_gives_unknown_with_its_message() -> None:
    cache, scripts, memory = Cache(), Scripts(), Memory()
    cache.configure("1", **{THING: "bad"})
    judge = judge_with(cache, scripts)
    scripts.answer = ScriptLimitError("health.lua: the script takes too long")
    await judge.ask_scripts(memory, [live()])
    found = judge.health(memory, live())
    assert found == Health(HealthCode.UNKNOWN, "health.lua: the script takes too long")
    scripts.answer = None  # it is asked again, and has no opinion now
    await judge.ask_scripts(memory, [live()])
    assert judge.health(memory, live()) is None


@pytest.mark.asyncio
async def test_an_object_that_is_being_deleted_needs_no_script() -> None:
    cache, scripts, memory = Cache(), Scripts(), Memory()
    cache.configure("1", **{THING: "s"})
    judge = judge_with(cache, scripts)
    gone = live(deletionTimestamp="2026-01-01T00:00:00Z")
    await judge.ask_scripts(memory, [gone])
    assert judge.health(memory, gone) == Health(HealthCode.PROGRESSING, "Pending deletion")
    assert scripts.asked == []


def test_a_process_without_scripts_says_so() -> None:
    cache = Cache()
    cache.configure("1", **{THING: "s"})
    found = judge_with(cache, None).health(Memory(), live())
    assert found is not None
    assert (found.status, found.message) == (
        HealthCode.UNKNOWN,
        "health scripts do not run in this process",
    )


def test_entries_that_cannot_be_read_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    cache = Cache()
    cache.configure("1", **{"actions.x.io_Thing": "["})
    judge = judge_with(cache, None)
    for _ in range(2):
        assert judge.health(Memory(), live()) is None
    assert [record.getMessage()[:50] for record in caplog.records] == [
        "left out entry=resource.customizations.actions.x.i"
    ]
