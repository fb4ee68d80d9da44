"""ServiceAccount tokens: what they are good for, and when they stop being good."""

from __future__ import annotations

import base64
import datetime as dt
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from towline.drydock.auth.claims import EXTENDED_SECONDS, ISSUER, MOUNTED_SECONDS
from towline.drydock.auth.keys import SigningKey
from towline.drydock.auth.tokens import AccountTokens
from towline.errors import SettingsError
from towline.kube.refs import GroupResource

Obj = dict[str, Any]


class Time:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        self._made = 0

    def now(self) -> dt.datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.pass_(seconds)

    def uuid(self) -> str:
        self._made += 1
        return f"id-{self._made}"

    def pass_(self, seconds: float) -> None:
        self.moment += dt.timedelta(seconds=seconds)


class World:
    """Objects by plural, namespace and name."""

    def __init__(self, folder: Path) -> None:
        self.objects: dict[tuple[str, str, str], Obj] = {}
        self.time = Time()
        self.key = SigningKey(folder / "sa.key")
        self.tokens = AccountTokens(self.key, self.find, self.time)
        self.put("serviceaccounts", "robot")

    def find(self, resource: GroupResource, namespace: str, name: str) -> Obj | None:
        return self.objects.get((resource.resource, namespace, name))

    def put(self, plural: str, name: str, namespace: str = "n", **fields: Any) -> Obj:
        meta = {"name": name, "namespace": namespace, "uid": f"uid-{plural}-{name}"}
        obj = {"metadata": meta, **fields}
        self.objects[plural, namespace, name] = obj
        return obj

    def remove(self, plural: str, name: str, namespace: str = "n") -> None:
        del self.objects[plural, namespace, name]

    def issue(self, **spec: Any) -> str:
        token: str = self.tokens.request("n", "robot", {"spec": spec})["status"]["token"]
        return token


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def body_of(token: str) -> Obj:
    said: Obj = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return said


def forged(token: str, head: Obj | None = None, **claims: Any) -> str:
    def part(value: Obj) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    old_head, _, signature = token.split(".")
    first = old_head if head is None else part(head)
    return f"{first}.{part({**body_of(token), **claims})}.{signature}"


def test_a_token_stands_for_its_account(world: World) -> None:
    user = world.tokens.check(world.issue()).user
    assert user is not None
    assert (user.name, user.uid) == ("system:serviceaccount:n:robot", "uid-serviceaccounts-robot")
    assert user.groups == (
        "system:serviceaccounts",
        "system:serviceaccounts:n",
        "system:authenticated",
    )
    assert user.extra == {"authentication.kubernetes.io/credential-id": ("JTI=id-1",)}


@pytest.mark.parametrize(
    "change",
    [
        {"sub": "system:serviceaccount:kube-system:admin"},
        {"exp": 1 << 40},
        {"head": {"alg": "none"}},
        {"head": {"alg": "HS256", "typ": "JWT"}},
        {"head": {"alg": "RS256", "kid": "../../key"}},
    ],
)
def test_a_changed_token_is_nobody(world: World, change: Obj) -> None:
    assert world.tokens.check(forged(world.issue(), **change)).user is None


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "..", "a.b.c.d", "é.é.é", "x" * 20_000])
def test_what_is_no_token_is_nobody(world: World, token: str) -> None:
    assert world.tokens.check(token).user is None


def test_a_token_without_a_signature_is_nobody(world: World) -> None:
    head, body, _ = world.issue().split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    for token in (f"{head}.{body}.", f"{unsigned}.{body}."):
        assert world.tokens.check(token).user is None


def test_another_key_signs_for_nobody_here(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other")
    assert world.tokens.check(other.issue()).user is None


def test_a_token_ends(world: World) -> None:
    token = world.issue(expirationSeconds=600)
    world.time.pass_(650)
    assert world.tokens.check(token).user is not None
    world.time.pass_(11)
    assert world.tokens.check(token).error == "service account token has expired"


def test_a_token_ends_with_its_account(world: World) -> None:
    token = world.issue()
    assert world.tokens.check(token).user is not None
    world.remove("serviceaccounts", "robot")
    assert world.tokens.check(token).user is None
    world.put("serviceaccounts", "robot")["metadata"]["uid"] = "another"
    assert world.tokens.check(token).user is None


@pytest.mark.parametrize(("kind", "plural"), [("Pod", "pods"), ("Secret", "secrets")])
def test_a_bound_token_ends_with_what_it_is_bound_to(world: World, kind: str, plural: str) -> None:
    spec = {"serviceAccountName": "robot"}
    world.put(plural, "x", spec=spec)
    token = world.issue(boundObjectRef={"apiVersion": "v1", "kind": kind, "name": "x"})
    assert world.tokens.check(token).user is not None
    world.put(plural, "x", spec=spec)["metadata"]["uid"] = "another"
    assert world.tokens.check(token).user is None
    world.remove(plural, "x")
    assert world.tokens.check(token).error == "service account token has been invalidated"


def test_a_token_is_for_its_audience_only(world: World) -> None:
    token = world.issue(audiences=["vault", "other"])
    assert world.tokens.check(token).user is None
    verdict = world.tokens.check(token, ("vault", "x"))
    assert verdict.user is not None
    assert verdict.audiences == ("vault",)


def test_a_pods_token_outlives_what_it_says_and_names_the_node(world: World) -> None:
    spec = {"serviceAccountName": "robot", "nodeName": "node-1"}
    pod = world.put("pods", "p", spec=spec)
    world.put("nodes", "node-1", "")
    issued = world.tokens.for_pod(pod, "", MOUNTED_SECONDS)
    assert issued.expires - world.time.now() == dt.timedelta(seconds=MOUNTED_SECONDS)
    said = body_of(issued.token)
    assert said["exp"] - said["iat"] == EXTENDED_SECONDS
    assert said["aud"] == [ISSUER]
    assert said["kubernetes.io"]["node"] == {"name": "node-1", "uid": "uid-nodes-node-1"}
    user = world.tokens.check(issued.token).user
    assert user is not None
    assert user.extra["authentication.kubernetes.io/pod-name"] == ("p",)
    for_others = body_of(world.tokens.for_pod(pod, "vault", MOUNTED_SECONDS).token)
    assert for_others["exp"] - for_others["iat"] == MOUNTED_SECONDS


def test_a_secrets_token_lives_as_long_as_the_secret_holds_it(world: World) -> None:
    account = world.find(GroupResource("", "serviceaccounts"), "n", "robot")
    assert account is not None
    secret = world.put("secrets", "s")
    token = world.tokens.for_secret(account, secret)
    assert world.tokens.check(token).error == "Token does not match server's copy"
    secret["data"] = {"token": base64.b64encode(token.encode()).decode()}
    world.time.pass_(10 * EXTENDED_SECONDS)
    user = world.tokens.check(token).user
    assert user is not None
    assert user.name == "system:serviceaccount:n:robot"
    world.remove("secrets", "s")
    assert world.tokens.check(token).error == "Token has been invalidated"


def test_the_key_is_kept_for_its_owner_and_survives(world: World, tmp_path: Path) -> None:
    token = world.issue()
    path = tmp_path / "sa.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SigningKey(path).claims(token) == body_of(token)
    assert SigningKey(path).public_set() == world.key.public_set()


def test_a_wrong_key_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sa.key"
    path.write_text("no key")
    with pytest.raises(SettingsError, match="not a private key"):
        SigningKey(path).sign({})


def test_the_public_key_verifies_elsewhere(world: World) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    (key,) = world.key.public_set()["keys"]
    head, body, signature = world.issue().split(".")

    def number(text: str) -> int:
        return int.from_bytes(base64.urlsafe_b64decode(text + "=="), "big")

    raw = base64.urlsafe_b64decode(signature + "==")
    pair = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    numbers = ec.EllipticCurvePublicNumbers(number(key["x"]), number(key["y"]), ec.SECP256R1())
    encoded = utils.encode_dss_signature(*pair)
    signed = f"{head}.{body}".encode()
    numbers.public_key().verify(encoded, signed, ec.ECDSA(hashes.SHA256()))
    assert json.loads(base64.urlsafe_b64decode(head + "=="))["kid"] == key["kid"]
