"""Compares an application and brings its status up to date."""

from __future__ import annotations

import logging

from towline.aio.clock import Clock, rfc3339
from towline.argo.application import Application
from towline.argo.names import REFRESH
from towline.argo.pinned import Pinned
from towline.argo.project import Project
from towline.argo.status import (
    Condition,
    ConditionType,
    HealthCode,
    Phase,
    SyncCode,
    merge_conditions,
)
from towline.controllers.application.comparing import EMPTY, Comparer
from towline.controllers.application.draft import Draft
from towline.controllers.application.memory import Level, Memory, Rendered
from towline.controllers.application.ports import Drift, EngineObserver, LiveCache
from towline.controllers.application.settings import EngineSettings
from towline.controllers.application.sources import (
    SourceReader,
    comparison_error,
    is_passing,
    target_error,
)
from towline.controllers.application.windows import SyncGate
from towline.errors import InputError, TowlineError, TransientError
from towline.gitops.automation import (
    AutoSync,
    NoSync,
    StartSync,
    SyncFacts,
    SyncLater,
    decide_auto_sync,
)
from towline.gitops.compare import Comparison, Pair
from towline.gitops.health import Health
from towline.gitops.hooks import with_delete_finalizers
from towline.gitops.projects import check_spec
from towline.gitops.status import (
    health_entry,
    images_of,
    resource_entries,
    summary_entry,
    sync_entry,
)
from towline.kube.status import ApiError

_EVALUATED = (
    ConditionType.INVALID_SPEC_ERROR,
    ConditionType.COMPARISON_ERROR,
    ConditionType.SYNC_ERROR,
    ConditionType.UNKNOWN_ERROR,
    ConditionType.SHARED_RESOURCE,
    ConditionType.REPEATED_RESOURCE,
    ConditionType.EXCLUDED_RESOURCE,
    ConditionType.ORPHANED_RESOURCE,
)

_COMMIT = 40  # hex digits

_log = logging.getLogger("towline.engine")


class Refresher:
    """Refreshes applications.

    Args:
        cache: Live objects.
        sources: Manifests.
        comparer: Comparison.
        observer: Is told of progress.
        clock: Time.
        settings: The engine's settings.
        namespace: The control namespace.
    """

    def __init__(
        self,
        *,
        cache: LiveCache,
        sources: SourceReader,
        comparer: Comparer,
        observer: EngineObserver,
        clock: Clock,
        settings: EngineSettings,
        namespace: str,
    ) -> None:
        self._cache = cache
        self._sources = sources
        self._comparer = comparer
        self._observer = observer
        self._clock = clock
        self._settings = settings
        self._namespace = namespace
        self._gate = SyncGate(clock)

    async def refresh(self, draft: Draft, memory: Memory, level: Level) -> AutoSync:
        """Compares and notes the outcome in the draft; says what automated sync should do.

        Raises:
            TransientError: The repository does not answer and the status is left as it is.
        """
        app = draft.app
        if level is Level.SUMMARY and app.status.get("sync"):
            self._summarize(draft)
            return NoSync()
        draft.refreshed = True
        try:
            project = self._comparer.project(app)
            problems = check_spec(app, project, control_namespace=self._namespace)
        except InputError as error:
            problems = [Condition(ConditionType.INVALID_SPEC_ERROR, str(error))]
            project = None
        if problems or project is None:
            self._invalid(draft, problems, level)
            return NoSync()
        return await self._compare(draft, memory, project, level)

    async def _compare(
        self, draft: Draft, memory: Memory, project: Project, level: Level
    ) -> AutoSync:
        app = draft.app
        try:
            pinned = await self._pinned(app, memory, level)
            hard = app.annotations.get(REFRESH) == "hard"
            rendered = await self._sources.render(app, memory, pinned, fresh=hard)
        except TowlineError as error:
            if self._tolerates(app, memory, error, level):
                raise
            message = target_error(error, len(app.sources))
            await self._unknown(draft, memory, project, message, level)
            return NoSync()
        try:
            targets = await self._comparer.targets(app, memory, rendered.result)
            comparison = await self._comparer.compare(app, memory, project, targets)
        except TransientError:
            raise  # the cluster answers another time
        except ApiError as error:
            await self._unknown(
                draft, memory, project, f"Failed to load live state: {error}", level
            )
            return NoSync()
        except TowlineError as error:
            await self._unknown(draft, memory, project, comparison_error(error), level)
            return NoSync()
        except Exception as error:  # noqa: BLE001  # manifests come from strangers
            _log.exception("comparison broke app=%s", app.qualified_name)
            problem = InputError(f"a manifest cannot be compared: {type(error).__name__}: {error}")
            await self._unknown(draft, memory, project, comparison_error(problem), level)
            return NoSync()
        memory.failing_since = None
        now = self._clock.now()
        if memory.told_revisions != pinned.revisions:
            memory.told_revisions = pinned.revisions
            for revision in dict.fromkeys(pinned.revisions):
                self._observer.refreshed(app.qualified_name, revision, now)
        problems = [*comparison.conditions]
        if not app.deleting:
            hooks = [hook.annotations for hook in targets.hooks]
            draft.finalizers = with_delete_finalizers(app.finalizers, hooks)
        self._note(draft, memory, comparison, pinned, level)
        _note_tools(draft, rendered)
        decision = self._held_back(app, project, comparison) or self._decide(
            draft, memory, comparison, pinned
        )
        if isinstance(decision, NoSync) and decision.condition is not None:
            problems.append(decision.condition)
        self._conditions(draft, problems)
        self._tell_health(draft, memory, pinned)
        return decision

    async def _pinned(self, app: Application, memory: Memory, level: Level) -> Pinned:
        known = _known_revisions(app)
        if level <= Level.RECENT and known is not None:
            return Pinned(app.raw_sources, known, several=app.several)
        expired = self._clock.monotonic() >= memory.poll_due
        fresh = level is Level.FORCE_RESOLVE or expired
        return await self._sources.pin(app, memory, fresh=fresh)

    def _tolerates(
        self, app: Application, memory: Memory, error: TowlineError, level: Level
    ) -> bool:
        """Whether an unreachable repository leaves the status as it is for now."""
        if not is_passing(error) or level is Level.FORCE_RESOLVE or not app.status.get("sync"):
            return False
        now = self._clock.monotonic()
        if memory.failing_since is None:
            memory.failing_since = now
        return now - memory.failing_since < self._settings.repo_error_grace

    def _note(
        self,
        draft: Draft,
        memory: Memory,
        comparison: Comparison,
        pinned: Pinned,
        level: Level,
    ) -> None:
        now = rfc3339(self._clock.now())
        status = draft.status
        status["sync"] = sync_entry(draft.app, comparison.sync, pinned.revisions)
        status["resources"] = resource_entries(comparison)
        status["resourceHealthSource"] = "appTree"
        health = self._comparer.overall_health(draft.app, memory, comparison)
        status["health"] = health_entry(status.get("health"), health, now)
        status["controllerNamespace"] = self._namespace
        if level >= Level.LATEST or "reconciledAt" not in status:
            status["reconciledAt"] = now
        self._summarize(draft)

    async def _unknown(
        self,
        draft: Draft,
        memory: Memory,
        project: Project,
        message: str,
        level: Level,
    ) -> None:
        """Desired objects are not known: nothing can be said, and nothing is changed."""
        app = draft.app
        now = rfc3339(self._clock.now())
        comparison = await self._comparer.compare(app, memory, project, EMPTY)
        status = draft.status
        wanted = tuple(source.target_revision for source in app.sources)
        status["sync"] = sync_entry(app, SyncCode.UNKNOWN, wanted)
        status["resources"] = resource_entries(comparison, unknown=True)
        health = self._comparer.overall_health(app, memory, comparison)
        status["health"] = health_entry(status.get("health"), health, now)
        if level >= Level.LATEST or "reconciledAt" not in status:
            status["reconciledAt"] = now
        status.pop("sourceType", None)
        status.pop("sourceTypes", None)
        memory.rendered = None
        self._conditions(draft, [Condition(ConditionType.COMPARISON_ERROR, message)])
        _log.warning("comparison failed app=%s error=%s", app.qualified_name, message)

    def _invalid(self, draft: Draft, problems: list[Condition], level: Level) -> None:
        now = rfc3339(self._clock.now())
        status = draft.status
        status["sync"] = sync_entry(draft.app, SyncCode.UNKNOWN)
        status["health"] = health_entry(status.get("health"), Health(HealthCode.UNKNOWN), now)
        status.pop("resources", None)
        if level >= Level.LATEST or "reconciledAt" not in status:
            status["reconciledAt"] = now
        self._conditions(draft, problems)

    def refuse(self, draft: Draft, error: InputError) -> None:
        """Notes that the specification cannot be read."""
        self._invalid(
            draft, [Condition(ConditionType.INVALID_SPEC_ERROR, str(error))], Level.RECENT
        )

    def broke(self, draft: Draft, error: BaseException) -> None:
        """Notes that the application cannot be worked on, through no fault that is known."""
        text = f"the application cannot be processed: {type(error).__name__}: {error}"
        self._conditions(draft, [Condition(ConditionType.UNKNOWN_ERROR, text)])

    def _conditions(self, draft: Draft, found: list[Condition]) -> None:
        now = rfc3339(self._clock.now())
        before = draft.status.get("conditions") or []
        after = merge_conditions(before, _EVALUATED, found, now)
        if after:
            draft.status["conditions"] = after
        else:
            draft.status.pop("conditions", None)

    def _decide(
        self, draft: Draft, memory: Memory, comparison: Comparison, pinned: Pinned
    ) -> AutoSync:
        if comparison.sync is SyncCode.SYNCED:
            memory.healed_well = True
        facts = SyncFacts(
            comparison=comparison,
            pinned=pinned,
            now=self._clock.now(),
            backoff=self._settings.self_heal,
            effective=memory.healed_well and self._calm(memory),
        )
        decision = decide_auto_sync(draft.preview(), facts)
        if isinstance(decision, StartSync):
            memory.healed_well = False
            for pair in decision.heal:
                self._drifted(draft.app, memory, pair)
            if decision.heal:
                memory.heals.append(self._clock.monotonic())
            if "summary" not in draft.status:
                draft.status["summary"] = {}
        return decision

    def _held_back(
        self, app: Application, project: Project, comparison: Comparison
    ) -> AutoSync | None:
        """What to do instead of an automated sync while windows forbid it; None when they don't."""
        if app.automated is None or comparison.sync is not SyncCode.OUT_OF_SYNC:
            return None
        try:
            closed = self._gate.closed_for(app, project, manual=False)
        except InputError as error:
            text = f"project {project.name}: {error}"
            return NoSync(Condition(ConditionType.SYNC_ERROR, text))
        return SyncLater(closed) if closed else None

    def _calm(self, memory: Memory) -> bool:
        """Whether so few repairs were needed lately that nothing seems to fight back."""
        since = self._clock.monotonic() - self._settings.heal_window
        return sum(at > since for at in memory.heals) < self._settings.heal_burst

    def _drifted(self, app: Application, memory: Memory, pair: Pair) -> None:
        kind = Drift.MODIFIED
        if pair.live is None:
            kind = Drift.DELETED
        elif pair.target is None:
            kind = Drift.EXTRA
        memory.drifts[pair.key] = kind
        self._observer.drift(app.qualified_name, pair.key, kind, self._clock.now())

    def _tell_health(self, draft: Draft, memory: Memory, pinned: Pinned) -> None:
        status = draft.status
        good = (
            status["sync"]["status"] == SyncCode.SYNCED.value
            and status["health"]["status"] == HealthCode.HEALTHY.value
            and draft.state.get("phase") != Phase.RUNNING.value
        )
        if good and memory.told_healthy != pinned.revisions:
            memory.told_healthy = pinned.revisions
            for revision in dict.fromkeys(pinned.revisions):
                self._observer.healthy(draft.app.qualified_name, revision, self._clock.now())

    def _summarize(self, draft: Draft) -> None:
        images: set[str] = set()
        seen: set[str] = set()
        todo = list(self._comparer.tracked(draft.app))
        while todo:
            obj = todo.pop()
            if obj.uid in seen:
                continue  # objects may own each other in circles
            seen.add(obj.uid)
            if obj.gvk.group_kind == ("", "Pod"):
                images.update(images_of(obj.body()))
            todo += self._cache.children(obj.uid)
        summary = summary_entry(images)
        if summary or "summary" in draft.status:
            draft.status["summary"] = summary


def _known_revisions(app: Application) -> tuple[str, ...] | None:
    """The revisions that the status was compared at; None unless all of them are resolved."""
    sync = app.status.get("sync") or {}
    found = tuple(
        map(str, sync.get("revisions") or ([sync["revision"]] if sync.get("revision") else ()))
    )
    if len(found) != len(app.sources):
        return None
    resolved = all(
        bool(revision) if source.chart else len(revision) == _COMMIT
        for source, revision in zip(app.sources, found, strict=True)
    )
    return found if resolved else None


def _note_tools(draft: Draft, rendered: Rendered) -> None:
    if draft.app.several:
        draft.status["sourceTypes"] = list(rendered.source_types)
        draft.status.pop("sourceType", None)
    else:
        draft.status["sourceType"] = rendered.result.source_type
        draft.status.pop("sourceTypes", None)
