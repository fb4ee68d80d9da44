"""ServiceAccount tokens in pods' volumes: kept while they are fresh, renewed in time."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple, Protocol

from towline.aio.clock import Clock
from towline.drydock.cluster import Obj
from towline.drydock.node.environment import ConfigError
from towline.kube.status import ApiError

# A token is replaced when this share of its life is over.
_RENEW_AT = 0.8
_LONGEST = dt.timedelta(hours=24)


class TokenSource(Protocol):
    """Issues tokens for pods."""

    def for_pod(self, pod: Obj, audience: str, seconds: int) -> tuple[str, dt.datetime]:
        """A token bound to the pod, and when it ends.

        Raises:
            ApiError: The pod's ServiceAccount is gone.
        """
        ...


class _Kept(NamedTuple):
    token: str
    renew: dt.datetime


class PodTokens:
    """The tokens of this node's pods.

    Args:
        source: Issues them; None when the node's cluster has none to give.
        clock: Time.
    """

    def __init__(self, source: TokenSource | None, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._kept: dict[tuple[str, str, int], _Kept] = {}

    def token(self, pod: Obj, projection: Obj) -> bytes:
        """The content of a projected token file.

        Raises:
            ConfigError: There is no token for the pod.
        """
        if self._source is None:
            raise ConfigError("projection of serviceAccountToken is not supported on this node")
        audience = str(projection.get("audience") or "")
        seconds = int(projection.get("expirationSeconds") or 3600)
        key = (pod["metadata"]["uid"], audience, seconds)
        now = self._clock.now()
        kept = self._kept.get(key)
        if kept is None or now >= kept.renew:
            try:
                token, end = self._source.for_pod(pod, audience, seconds)
            except ApiError as error:
                raise ConfigError(f"failed to fetch token: {error.message}") from error
            kept = self._kept[key] = _Kept(token, now + min((end - now) * _RENEW_AT, _LONGEST))
        return kept.token.encode()

    def due(self) -> set[str]:
        """Pods, by uid, with a token that should be renewed now."""
        now = self._clock.now()
        return {uid for (uid, _, _), kept in self._kept.items() if now >= kept.renew}

    def forget(self, uid: str) -> None:
        """The pod is gone."""
        for key in [key for key in self._kept if key[0] == uid]:
            del self._kept[key]
