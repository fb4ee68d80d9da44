"""Tokens in pods' volumes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from towline.drydock.node.environment import ConfigError, Sources
from towline.drydock.node.pod_tokens import PodTokens
from towline.drydock.node.volumes import files_of
from towline.kube.status import ApiError

POD: dict[str, Any] = {"metadata": {"uid": "u", "name": "p", "namespace": "n"}, "spec": {}}


class Time:
    def __init__(self) -> None:
        self.moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    def now(self) -> dt.datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.moment += dt.timedelta(seconds=seconds)

    def uuid(self) -> str:
        return "id"


class Issuer:
    def __init__(self, time: Time) -> None:
        self._time = time
        self.asked: list[tuple[str, int]] = []

    def for_pod(self, pod: Any, audience: str, seconds: int) -> tuple[str, dt.datetime]:
        if audience == "refused":
            raise ApiError('serviceaccounts "x" not found', reason="NotFound")
        self.asked.append((audience, seconds))
        return f"token-{len(self.asked)}", self._time.now() + dt.timedelta(seconds=seconds)


def volume(**projection: Any) -> dict[str, Any]:
    source = {"serviceAccountToken": {"path": "token", **projection}}
    return {"name": "v", "projected": {"defaultMode": 0o600, "sources": [source]}}


def sources(tokens: PodTokens) -> Sources:
    return Sources(lambda *_: None, lambda *_: None, tokens.token)


def test_a_token_is_written_and_kept_while_it_is_fresh() -> None:
    time = Time()
    issuer = Issuer(time)
    tokens = PodTokens(issuer, time)
    for _ in range(2):
        files = files_of(POD, volume(expirationSeconds=1000, audience="a"), sources(tokens), {})
        assert files is not None
        assert (files["token"].data, files["token"].mode) == (b"token-1", 0o600)
    assert issuer.asked == [("a", 1000)]
    assert tokens.due() == set()


def test_a_token_is_renewed_when_most_of_its_life_is_over() -> None:
    time = Time()
    tokens = PodTokens(Issuer(time), time)
    assert tokens.token(POD, {"expirationSeconds": 1000}) == b"token-1"
    time.moment += dt.timedelta(seconds=799)
    assert tokens.due() == set()
    time.moment += dt.timedelta(seconds=1)
    assert tokens.due() == {"u"}
    assert tokens.token(POD, {"expirationSeconds": 1000}) == b"token-2"
    assert tokens.due() == set()
    time.moment += dt.timedelta(days=1)
    tokens.forget("u")
    assert tokens.due() == set()


def test_what_cannot_be_had_is_told_as_the_volumes_error() -> None:
    tokens = PodTokens(Issuer(Time()), Time())
    with pytest.raises(ConfigError, match=r'volume "v" : failed to fetch token: .*"x" not found'):
        files_of(POD, volume(audience="refused"), sources(tokens), {})
    with pytest.raises(ConfigError, match="not supported on this node"):
        files_of(POD, volume(), sources(PodTokens(None, Time())), {})


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../b"])
def test_a_token_stays_within_its_volume(path: str) -> None:
    tokens = PodTokens(Issuer(Time()), Time())
    with pytest.raises(ConfigError, match="must stay within the volume"):
        files_of(POD, volume(path=path), sources(tokens), {})
