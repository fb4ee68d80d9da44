"""The order of kinds within a wave."""

from __future__ import annotations

from typing import Any, Final

from towline.argo.names import HELM_HOOK_WEIGHT, SYNC_WAVE
from towline.kube.install_order import INSTALL_ORDER

_RANK: Final = {kind: rank for rank, kind in enumerate(INSTALL_ORDER)}


def kind_rank(kind: str) -> int:
    """Position of a kind; kinds without one come last."""
    return _RANK.get(kind, len(_RANK))


def wave_of(annotations: dict[str, Any]) -> int:
    """The sync wave of an object; anything that is not an integer is 0."""
    for name in (SYNC_WAVE, HELM_HOOK_WEIGHT):
        text = annotations.get(name)
        if text is None:
            continue
        try:
            return int(str(text))
        except ValueError:
            return 0
    return 0
