"""The report of the demonstration: data, a table for people, JSON for scripts."""

from __future__ import annotations

import msgspec

STAGES = ("push", "webhook", "build", "image", "manifest", "refresh", "sync", "ready", "response")


class Stage(msgspec.Struct, kw_only=True):
    """A stage was reached `seconds` after the push."""

    name: str
    at: str
    seconds: float


class Image(msgspec.Struct, kw_only=True):
    """What was built and pushed."""

    reference: str
    digest: str


class Pod(msgspec.Struct, kw_only=True):
    """A pod that runs the commit."""

    name: str
    uid: str
    container_id: str


class Push(msgspec.Struct, kw_only=True):
    """One push, from the commit to the answer of the page."""

    commit: str
    stages: list[Stage]
    build_number: int
    image: Image
    manifest_commit: str
    pods: list[Pod]
    response: str
    requests: int = 0
    failed_requests: int = 0


class Heal(msgspec.Struct, kw_only=True):
    """A drift and the seconds until it was repaired."""

    drift: str
    seconds: float


class PushModel(msgspec.Struct, kw_only=True):
    """What became of the same drift without an engine."""

    healed: bool
    waited_seconds: float


class Report(msgspec.Struct, kw_only=True):
    """Everything that the demonstration found out."""

    ok: bool = False
    setup_seconds: float = 0.0
    pushes: list[Push] = []
    heals: list[Heal] = []
    push_model: PushModel | None = None
    memory_mb: dict[str, float] = {}
    error: str = ""

    def judge(self) -> list[str]:
        """What did not happen as the story wants it; empty when all is well."""
        problems = [self.error] if self.error else []
        if len(self.pushes) != 2:
            problems.append(f"{len(self.pushes)} of 2 pushes reached the cluster")
        for number, push in enumerate(self.pushes, 1):
            reached = {stage.name for stage in push.stages}
            problems += [
                f"push {number}: stage {name} is missing" for name in STAGES if name not in reached
            ]
            if len(push.pods) != 3:
                problems.append(f"push {number}: {len(push.pods)} pods instead of 3")
            if push.failed_requests:
                problems.append(f"push {number}: {push.failed_requests} requests failed")
        if len(self.heals) != 3:
            problems.append(f"{len(self.heals)} of 3 drifts were healed")
        if self.push_model is None:
            problems.append("the push model was not compared")
        elif self.push_model.healed:
            problems.append("the push model healed by itself: the comparison proves nothing")
        return problems

    def json(self) -> bytes:
        """The report for scripts; `error` is there only when there is one."""
        content = msgspec.to_builtins(self)
        if not self.error:
            del content["error"]
        return msgspec.json.format(msgspec.json.encode(content), indent=2)

    def table(self) -> str:
        """The stages of both pushes side by side."""
        lines = [f"{'stage':<10}" + "".join(f"{f'push {n}':>34}" for n in (1, 2))]
        for name in STAGES:
            cells = [f"{name:<10}"]
            for push in self.pushes:
                stage = next((item for item in push.stages if item.name == name), None)
                cells.append(f"{stage.at[11:23]:>22}{stage.seconds:>10.2f} s" if stage else "")
            lines.append("".join(cells))
        return "\n".join(lines)
