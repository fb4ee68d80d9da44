"""Finds the verdict on each live object: does it differ from its target? Remembers them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Final

from towline.argo.application import Application
from towline.argo.manifest import content_digest, located
from towline.argo.names import COMPARE_OPTIONS, FIELD_MANAGER
from towline.controllers.application.custom_schemas import CustomSchemas
from towline.controllers.application.memory import Memory
from towline.controllers.application.ports import ClusterApi, LiveCache, Obj
from towline.errors import InputError, TowlineError, TransientError
from towline.gitops.attribution import FieldDrift, attribute
from towline.gitops.compare import has_say
from towline.gitops.diff import (
    DiffRules,
    Prediction,
    Schemas,
    Strategy,
    conclude,
    prepare,
    strategy_of,
    submitted,
)
from towline.gitops.ignore import (
    PathRemover,
    Removal,
    needs_jq,
    without_managed,
    without_pointers,
)
from towline.gitops.ignore_settings import CompareSettings, parse_compare_settings
from towline.gitops.live import LiveObject
from towline.gitops.masking import Masked, mask
from towline.gitops.options import annotation_options
from towline.gitops.respect import respecting
from towline.gitops.targets import Target, TargetSet
from towline.kube.refs import GroupKind, GroupVersionKind, ObjectKey
from towline.kubeclient.objects import CachedObject

CONFIG_MAP: Final = "argocd-cm"

_log = logging.getLogger("towline.engine")

_SLICE_SECONDS: Final = 0.005
_SECRET: Final = GroupKind("", "Secret")


class Differ:
    """Compares single objects.

    Args:
        client: Answers dry runs.
        cache: Has the configuration.
        schemas: Schemas of built-in kinds.
        namespace: The control namespace.
        jq: Takes out what jq expressions name; without one such rules are an error.
        server_side: Whether server-side diff is on for everything.
    """

    def __init__(
        self,
        client: ClusterApi,
        cache: LiveCache,
        schemas: Schemas,
        namespace: str,
        *,
        jq: PathRemover | None = None,
        server_side: bool = False,
    ) -> None:
        self._client = client
        self._cache = cache
        self._schemas = schemas
        self._namespace = namespace
        self._custom = CustomSchemas(client, cache)
        self._jq = jq
        self._server_side = server_side
        self._settings: tuple[str, CompareSettings] = ("", CompareSettings())

    def settings(self) -> CompareSettings:
        """How objects are compared now; read anew when the configuration changes."""
        found = self._cache.get(ObjectKey("", "ConfigMap", self._namespace, CONFIG_MAP))
        version = found.resource_version if found is not None else ""
        if version != self._settings[0]:
            data = found.body().get("data") if found is not None else None
            texts = {name: text for name, text in (data or {}).items() if isinstance(text, str)}
            settings = parse_compare_settings(texts)
            for problem in settings.problems:
                _log.warning("setting left out configmap=%s error=%s", CONFIG_MAP, problem)
            self._settings = (version, settings)
        return self._settings[1]

    async def verdicts(
        self, app: Application, memory: Memory, targets: TargetSet, live: Iterable[CachedObject]
    ) -> dict[ObjectKey, bool]:
        """Whether each live object that has a target differs from it.

        What is known already is not computed again; other work happens in between.

        Raises:
            InputError: A manifest cannot be compared; the message names it.
            TransientError: The cluster does not answer a dry run.
        """
        settings = self.settings()
        tag = content_digest(
            [self._settings[0], app.raw["spec"].get("ignoreDifferences"), *_options(app)]
        )
        found: dict[ObjectKey, bool] = {}
        loop = asyncio.get_running_loop()
        since = loop.time()
        for obj in live:
            target = targets.objects.get(obj.key)
            if target is None or not has_say(target.annotations):
                continue
            stamp = (target.digest, obj.uid, obj.resource_version, tag)
            known = memory.diffs.get(target.key)
            if known is None or known[0] != stamp:
                verdict = (await self._located(app, target, obj, settings)).modified
                memory.diffs[target.key] = known = (stamp, verdict)
            found[target.key] = known[1]
            if loop.time() - since > _SLICE_SECONDS:
                await asyncio.sleep(0)
                since = loop.time()
        return found

    async def explained(
        self, app: Application, target: Target, live: LiveObject
    ) -> tuple[FieldDrift, ...]:
        """The fields in which a live object differs, with who wrote them; secrets masked.

        Raises:
            InputError: They cannot be compared.
            TransientError: The cluster does not answer a dry run.
        """
        prediction = await self._located(app, target, live, self.settings())
        managed = (live.body().get("metadata") or {}).get("managedFields")
        return attribute(prediction, managed, self._schemas(target.gvk) or self._custom(target.gvk))

    async def shown(
        self, app: Application, target: Target, live: LiveObject
    ) -> tuple[Masked, Masked]:
        """Desired and live object, and predicted and normalised live one, fit to be shown.

        Raises:
            InputError: They cannot be compared.
            TransientError: The cluster does not answer a dry run.
        """
        settings = self.settings()
        prediction = await self._located(app, target, live, settings)
        hidden = settings.secret_annotations
        return (
            mask(target.object, live.body(), hidden),
            mask(prediction.predicted, prediction.live, hidden),
        )

    async def _located(
        self, app: Application, target: Target, live: LiveObject, settings: CompareSettings
    ) -> Prediction:
        try:
            return await self._prediction(app, target, live, settings)
        except TransientError:
            raise
        except TowlineError as error:
            text = str(error)
        except Exception as error:  # noqa: BLE001  # manifests come from strangers
            _log.exception("comparison broke object=%s", target.key)
            text = f"a manifest cannot be compared: {type(error).__name__}: {error}"
        if target.gvk.group_kind == _SECRET:
            text = "the Secret cannot be compared"  # the text may quote values
        raise InputError(located(text, target.origin, target.key))

    async def _prediction(
        self, app: Application, target: Target, live: LiveObject, settings: CompareSettings
    ) -> Prediction:
        rules = self._rules(app, target, settings)
        answer = None
        if rules.strategy is Strategy.SERVER_SIDE:
            asked = submitted(target, rules, self._schemas)
            answer = await self._client.apply(asked, manager=FIELD_MANAGER, dry_run=True)
        sides = prepare(target, live.body(), rules, self._schemas, answer)
        documents = await self._without(app, sides.documents, sides.removals)
        return conclude(target, sides, documents, rules, self._schemas)

    async def respecting(
        self, app: Application, target: Obj, gvk: GroupVersionKind, live: LiveObject
    ) -> Obj:
        """The target with the live object's values where differences are ignored.

        Raises:
            InputError: A jq expression is none.
        """
        policy = self.settings().policy(app.spec.ignore_differences)
        removals, managers = policy.removals(live.key), policy.managers(live.key)
        body, schema = live.body(), self._schemas(gvk)
        wanted, present = await self._without(app, (target, body), removals)
        if managers:
            managed = body["metadata"].get("managedFields")
            wanted, present = without_managed(wanted, present, managed, managers, schema)
        return respecting(wanted, present, body, schema)

    async def _without(
        self, app: Application, documents: Sequence[Obj], removals: Sequence[Removal]
    ) -> list[Obj]:
        if not needs_jq(removals):
            return without_pointers(documents, removals)
        if self._jq is None:
            raise InputError("jqPathExpressions are not available in this process")
        return await self._jq.remove(documents, removals, app.qualified_name)

    def _rules(self, app: Application, target: Target, settings: CompareSettings) -> DiffRules:
        sync_options, compare_options = _options(app)
        strategy, webhooks = strategy_of(
            target,
            sync_options=sync_options,
            compare_options=compare_options,
            server_side=self._server_side,
        )
        return DiffRules(
            ignore=settings.policy(app.spec.ignore_differences),
            strategy=strategy,
            include_webhooks=webhooks,
            ignore_aggregated_roles=settings.options.ignore_aggregated_roles,
            known_types=settings.known_types,
            tracking=settings.tracking,
            custom=self._custom,
        )


def _options(app: Application) -> tuple[list[str], list[str]]:
    """What of the application decides how to compare: sync options, compare options."""
    return (
        sorted(app.spec.sync_policy.sync_options),
        sorted(annotation_options(app.annotations, COMPARE_OPTIONS)),
    )
