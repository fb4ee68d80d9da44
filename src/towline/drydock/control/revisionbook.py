"""Keeps the ControllerRevisions of an owner: finds, adopts, creates, renumbers, deletes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from towline.drydock.cluster import Cluster, Obj
from towline.drydock.control import history
from towline.drydock.control.adoption import take_over
from towline.drydock.control.ownership import claim
from towline.drydock.control.resources import CONTROLLER_REVISIONS
from towline.drydock.control.writes import CONTROLLER_MANAGER, edit
from towline.kube.selectors import label_selector_of
from towline.kube.status import ApiError

_NAME_TRIES = 16


class Book(NamedTuple):
    """The history of an owner.

    Attributes:
        revisions: All, oldest first; `update` is among them.
        update: That of the present template.
        collisions: How often a name was taken by another template.
    """

    revisions: list[Obj]
    update: Obj
    collisions: int


async def keep(cluster: Cluster, owner: Obj, label: str) -> Book:
    """Makes sure that the present template has the newest revision.

    Args:
        cluster: Where revisions are.
        owner: A StatefulSet or DaemonSet.
        label: The label that tells a revision's hash.

    Raises:
        ApiError: A revision cannot be written.
    """
    collisions = int((owner.get("status") or {}).get("collisionCount") or 0)
    selector = label_selector_of(owner["spec"].get("selector"))
    present = cluster.objects(CONTROLLER_REVISIONS, owner["metadata"]["namespace"])
    claimed = claim(owner, selector, present)
    taken = await take_over(cluster, CONTROLLER_REVISIONS, owner, claimed)
    revisions = history.by_number(taken)
    found = history.find(owner, revisions)
    if found is not None:
        if found is revisions[-1]:
            return Book(revisions, found, collisions)
        found = await _renumber(cluster, found, history.next_number(revisions))
    if found is None:
        number = history.next_number(revisions)
        found, collisions = await _create(cluster, owner, number, collisions, label)
    uid = found["metadata"]["uid"]
    others = [one for one in revisions if one["metadata"]["uid"] != uid]
    return Book([*others, found], found, collisions)


async def _renumber(cluster: Cluster, revision: Obj, number: int) -> Obj | None:
    def write(copy: Obj) -> None:
        copy["revision"] = number

    return await edit(cluster, CONTROLLER_REVISIONS, revision, write)


async def _create(
    cluster: Cluster, owner: Obj, number: int, collisions: int, label: str
) -> tuple[Obj, int]:
    for count in range(collisions, collisions + _NAME_TRIES):
        body = history.new_revision(owner, number, count, label)
        try:
            made = await cluster.create(CONTROLLER_REVISIONS, body, manager=CONTROLLER_MANAGER)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
        else:
            return made, count
    raise ApiError("no free name for a revision", reason="AlreadyExists")


async def forget(cluster: Cluster, owner: Obj, book: Book, live: Iterable[str]) -> None:
    """Deletes old revisions beyond the owner's history limit."""
    for revision in history.superfluous(owner, book.revisions, live):
        meta = revision["metadata"]
        await cluster.delete(CONTROLLER_REVISIONS, meta["namespace"], meta["name"], uid=meta["uid"])
