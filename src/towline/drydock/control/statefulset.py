"""The StatefulSet controller: pods with numbers and storage of their own, in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from towline.aio.clock import Clock
from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control import revisionbook
from towline.drydock.control.adoption import take_over
from towline.drydock.control.controller import Key, key_of, namespace_terminating, together
from towline.drydock.control.history import HASH_LABEL
from towline.drydock.control.ownership import claim, controller_of
from towline.drydock.control.podcontrol import owners_of_change
from towline.drydock.control.resources import CLAIMS, CONTROLLER_REVISIONS, PODS, STATEFUL_SETS
from towline.drydock.control.revisionbook import Book
from towline.drydock.control.statefulclaims import (
    claims_of,
    identified,
    is_stale,
    wanted_owners,
)
from towline.drydock.control.statefulplan import StatefulPlan, ordinal_of, plan, revision_of
from towline.drydock.control.writes import CONTROLLER_MANAGER, edit, report
from towline.kube.refs import GroupResource
from towline.kube.selectors import LabelSelector, label_selector_of
from towline.kube.status import ApiError


def _selector_of(owner: Obj) -> LabelSelector:
    return label_selector_of(owner["spec"].get("selector"))


class StatefulSetController:
    """Runs StatefulSets.

    Args:
        cluster: What it works on.
        clock: For availability.
    """

    name = "statefulset-controller"
    watches: frozenset[GroupResource] | None = frozenset(
        {STATEFUL_SETS, PODS, CLAIMS, CONTROLLER_REVISIONS}
    )

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Key]:
        """The set itself, or the one that owns a pod or revision; all that wait for a claim."""
        if resource == STATEFUL_SETS:
            return [key_of(event.object)]
        if resource == PODS:
            return owners_of_change(
                self._cluster, event, STATEFUL_SETS, "StatefulSet", _selector_of
            )
        if event.type != "DELETED":
            return ()
        if resource == CONTROLLER_REVISIONS:
            owner = controller_of(event.object)
            if owner is None or owner["kind"] != "StatefulSet":
                return ()
            return [Key(event.object["metadata"]["namespace"], owner["name"])]
        namespace = event.object["metadata"]["namespace"]
        return [
            key_of(owner)
            for owner in self._cluster.objects(STATEFUL_SETS, namespace)
            if owner["spec"].get("volumeClaimTemplates")
        ]

    async def reconcile(self, key: Key) -> float | None:
        """Takes the next step."""
        found = self._cluster.get(STATEFUL_SETS, key.namespace, key.name)
        if found is None:
            return None
        pods = await self._pods(found)
        book = await revisionbook.keep(self._cluster, found, HASH_LABEL)
        current = _named(book, (found.get("status") or {}).get("currentRevision"))
        step = plan(
            found,
            pods,
            current,
            book.update,
            collisions=book.collisions,
            now=self._clock.now(),
        )
        await report(self._cluster, STATEFUL_SETS, found, step.status)
        if not found["metadata"].get("deletionTimestamp"):
            await self._carry_out(found, step)
            live = {one["metadata"]["name"] for one in (current, book.update)}
            live |= {step.status["currentRevision"], *(revision_of(pod) for pod in pods)}
            await revisionbook.forget(self._cluster, found, book, live)
        return step.again

    async def _pods(self, owner: Obj) -> list[Obj]:
        meta = owner["metadata"]
        members = [
            pod
            for pod in self._cluster.objects(PODS, meta["namespace"])
            if ordinal_of(meta["name"], pod["metadata"]["name"]) is not None
        ]
        claimed = claim(owner, _selector_of(owner), members)
        return await take_over(self._cluster, PODS, owner, claimed)

    async def _carry_out(self, owner: Obj, step: StatefulPlan) -> None:
        for pod in step.claims:
            await self._ensure_claims(owner, pod)
        for pod in step.keep:
            await self._identify(owner, pod)
            await self._own_claims(owner, pod, condemned=False)
        for pod in step.condemned:
            await self._own_claims(owner, pod, condemned=True)
        await together(
            [
                *(self._create(owner, pod) for pod in step.create),
                *(self._delete(owner, pod) for pod in step.delete),
            ]
        )

    async def _create(self, owner: Obj, pod: Obj) -> None:
        if any(is_stale(present, pod) for present in self._claims(owner, pod)):
            return  # its deletion brings the set back here
        await self._ensure_claims(owner, pod)
        try:
            await self._cluster.create(PODS, pod, manager=CONTROLLER_MANAGER)
        except ApiError as error:
            if error.reason == "AlreadyExists":
                text = f"Pod {pod['metadata']['name']} exists and is not controlled by this set"
                await self._event(owner, "Warning", "ConflictingController", text)
                raise
            await self._tell(owner, "Create", pod, error)
            return
        await self._tell(owner, "Create", pod, None)

    async def _delete(self, owner: Obj, pod: Obj) -> None:
        meta = pod["metadata"]
        try:
            await self._cluster.delete(PODS, meta["namespace"], meta["name"], uid=meta["uid"])
        except ApiError as error:
            if error.reason != "Conflict":
                await self._tell(owner, "Delete", pod, error)
            return
        await self._tell(owner, "Delete", pod, None)

    async def _identify(self, owner: Obj, pod: Obj) -> None:
        """Gives a pod its labels back when somebody took them."""
        number = _number(owner, pod)
        labels = identified(pod["metadata"]["name"], number)
        if labels.items() <= (pod["metadata"].get("labels") or {}).items():
            return

        def write(copy: Obj) -> None:
            copy["metadata"]["labels"] = {**(copy["metadata"].get("labels") or {}), **labels}

        await edit(self._cluster, PODS, pod, write)

    def _claims(self, owner: Obj, pod: Obj) -> Sequence[Obj]:
        found = (
            self._cluster.get(CLAIMS, owner["metadata"]["namespace"], body["metadata"]["name"])
            for _, body in claims_of(owner, _number(owner, pod))
        )
        return [one for one in found if one is not None]

    async def _ensure_claims(self, owner: Obj, pod: Obj) -> None:
        namespace = owner["metadata"]["namespace"]
        for _, body in claims_of(owner, _number(owner, pod)):
            name = body["metadata"]["name"]
            present = self._cluster.get(CLAIMS, namespace, name)
            if present is not None:
                if present["metadata"].get("deletionTimestamp"):
                    raise ApiError(f"pvc {name} is being deleted", reason="Conflict")
                continue
            where = f"Claim {name} Pod {pod['metadata']['name']}"
            try:
                await self._cluster.create(CLAIMS, body, manager=CONTROLLER_MANAGER)
            except ApiError as error:
                text = (
                    f"Create Claim {name} for Pod {pod['metadata']['name']} in StatefulSet "
                    f"{owner['metadata']['name']} failed error: {error.message}"
                )
                await self._event(owner, "Warning", "FailedCreate", text)
                raise
            text = f"Create {where} in StatefulSet {owner['metadata']['name']} success"
            await self._event(owner, "Normal", "SuccessfulCreate", text)
        if "uid" in pod["metadata"]:
            await self._own_claims(owner, pod, condemned=False)

    async def _own_claims(self, owner: Obj, pod: Obj, *, condemned: bool) -> None:
        for present in self._claims(owner, pod):
            references = wanted_owners(owner, pod, present, condemned=condemned)
            if references is None:
                continue

            def write(copy: Obj, references: list[Obj] = references) -> None:
                copy["metadata"]["ownerReferences"] = references

            await edit(self._cluster, CLAIMS, present, write)

    async def _tell(self, owner: Obj, verb: str, pod: Obj, error: ApiError | None) -> None:
        """Records what came of a write to a pod; a refusal is raised to be tried again."""
        about = f"{verb} Pod {pod['metadata']['name']} in StatefulSet {owner['metadata']['name']}"
        if error is None:
            await self._event(owner, "Normal", f"Successful{verb}", f"{about} successful")
        elif not namespace_terminating(error):
            text = f"{about} failed error: {error.message}"
            await self._event(owner, "Warning", f"Failed{verb}", text)
            raise error

    async def _event(self, owner: Obj, type_: str, reason: str, message: str) -> None:
        await self._cluster.event(
            owner, type_=type_, reason=reason, message=message, component=self.name
        )


def _named(book: Book, name: str | None) -> Obj:
    return next((one for one in book.revisions if one["metadata"]["name"] == name), book.update)


def _number(owner: Obj, pod: Obj) -> int:
    return ordinal_of(owner["metadata"]["name"], pod["metadata"]["name"]) or 0
