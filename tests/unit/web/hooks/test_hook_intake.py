"""The intake's order of defences, without a network."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from towline.errors import TransientError
from towline.forge.events import PushEvent
from towline.forge.hooks import HookSecret
from towline.web.hooks import HookIntake, IntakeLimits
from towline.web.hooks.ratelimit import Rate

A, B = "aa" * 20, "bb" * 20
SECRET = b"k" * 32
OTHER = b"o" * 32


def push(full_name: str = "team/app", **changes: Any) -> dict[str, Any]:
    commit = {
        "id": B,
        "message": "subject\n\nbody",
        "timestamp": "2025-01-02T03:04:05+01:00",
        "added": ["new"],
        "modified": ["old", "new"],
        "removed": [],
    }
    return {
        "ref": "refs/heads/main",
        "before": A,
        "after": B,
        "created": False,
        "deleted": False,
        "forced": False,
        "commits": [commit],
        "head_commit": commit,
        "pusher": {"name": "ann"},
        "repository": {
            "full_name": full_name,
            "clone_url": f"https://github.com/{full_name}.git",
            "html_url": f"https://github.com/{full_name}",
            "default_branch": "main",
            "pushed_at": "2026-01-02T03:04:05+01:00",
        },
        **changes,
    }


class FakeClock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> dt.datetime:
        return dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def uuid(self) -> str:
        return "id"


class Bench:
    """An intake with its ports in memory, called as an ASGI application."""

    def __init__(self, limits: IntakeLimits | None = None) -> None:
        self.hooks: dict[str, list[HookSecret]] = {
            "github": [
                HookSecret("h1", "team/app", "", SECRET),
                HookSecret("h2", "team/other", "", OTHER),
            ]
        }
        self.rows: dict[tuple[str, str, str], PushEvent] = {}
        self.woken = 0
        self.broken = False
        self.clock = FakeClock()
        self.read_bytes = 0
        intake = HookIntake(self, self, self._wake, self.clock, limits)
        self.app = Starlette(routes=intake.routes())

    def _wake(self) -> None:
        self.woken += 1

    async def secrets(self, provider: str) -> Sequence[HookSecret]:
        return self.hooks.get(provider, [])

    async def accept(
        self, provider: str, hook: str, delivery: str, _sha: str, event: PushEvent, _at: Any
    ) -> bool:
        if self.broken:
            raise TransientError("disk full")
        key = (provider, hook, delivery)
        new = key not in self.rows
        self.rows[key] = event
        return new

    async def send(
        self,
        body: bytes | Sequence[bytes],
        headers: Mapping[str, str] | None = None,
        *,
        path: str = "/hooks/github",
        method: str = "POST",
        client: str = "203.0.113.5",
    ) -> tuple[int, dict[str, str], dict[str, Any]]:
        chunks = [body] if isinstance(body, bytes) else list(body)
        fields = dict(headers or {})
        if isinstance(body, bytes):
            fields.setdefault("Content-Length", str(len(body)))
        index = 0

        async def receive() -> dict[str, Any]:
            nonlocal index
            if index >= len(chunks):
                return {"type": "http.disconnect"}
            chunk = chunks[index]
            index += 1
            self.read_bytes += len(chunk)
            return {"type": "http.request", "body": chunk, "more_body": index < len(chunks)}

        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in fields.items()],
            "client": (client, 1),
        }
        await self.app(scope, receive, send)
        answer_headers = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
        text = b"".join(message.get("body", b"") for message in sent[1:])
        answer = json.loads(text) if text.startswith(b"{") else {}
        return sent[0]["status"], answer_headers, answer


def signed(
    body: bytes, secret: bytes = SECRET, delivery: str = "d-1", event: str = "push"
) -> dict[str, str]:
    return {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest(),
    }


def encoded(payload: Any) -> bytes:
    return json.dumps(payload).encode()


@pytest.mark.asyncio
async def test_a_signed_push_is_stored_before_it_is_answered() -> None:
    bench = Bench()
    body = encoded(push())
    status, _, answer = await bench.send(body, signed(body))
    assert (status, answer) == (202, {"accepted": True, "duplicate": False})
    assert bench.woken == 1
    (event,) = bench.rows.values()
    assert event == PushEvent(
        repository=("https://github.com/team/app.git", "https://github.com/team/app"),
        full_name="team/app",
        ref="refs/heads/main",
        before=A,
        after=B,
        default_branch="main",
        pusher="ann",
        message="subject",
        changed_files=("new", "old"),
        pushed_at="2026-01-02T02:04:05.000Z",
    )


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.asyncio
@pytest.mark.parametrize("type_", [*FORM.values(), "Application/X-WWW-Form-Urlencoded ; x=y"])
async def test_a_push_may_come_as_a_form(type_: str) -> None:
    bench = Bench()
    subject = "100 % = a+b & \u00e4\u2713 \\/"
    commit = {**push()["commits"][0], "message": subject}
    body = urlencode({"payload": json.dumps(push(head_commit=commit), ensure_ascii=False)}).encode()
    status, _, answer = await bench.send(body, signed(body) | {"Content-Type": type_})
    assert (status, answer) == (202, {"accepted": True, "duplicate": False})
    (event,) = bench.rows.values()
    assert (event.full_name, event.message) == ("team/app", subject)
    ping = urlencode({"payload": '{"zen": "x", "in": "team\\/app"}'}).encode()
    status, _, answer = await bench.send(ping, signed(ping, event="ping") | FORM)
    assert (status, answer["accepted"]) == (200, False)


@pytest.mark.asyncio
async def test_gitea_may_send_a_form_too() -> None:
    bench = Bench()
    bench.hooks = {"gitea": bench.hooks["github"]}
    body = urlencode({"payload": json.dumps(push())}).encode()
    headers = {
        "X-Gitea-Event": "push",
        "X-Gitea-Delivery": "d-1",
        "X-Gitea-Signature": hmac.new(SECRET, body, hashlib.sha256).hexdigest(),
    }
    assert (await bench.send(body, headers | FORM, path="/hooks/gitea"))[0] == 202


@pytest.mark.asyncio
async def test_s03_the_signature_of_a_form_is_over_the_raw_body() -> None:
    bench = Bench()
    inner = encoded(push())
    body = urlencode({"payload": inner}).encode()
    for proof in (signed(inner), signed(body + b"&"), signed(body, OTHER)):
        assert (await bench.send(body, proof | FORM))[0] == 401
    assert not bench.rows


_INNER = quote_plus(encoded(push())).encode()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "exactly one field"),
        (b"payload", "exactly one field"),
        (b"payload=", "not JSON"),
        (b"payload=" + _INNER + b"&payload=" + _INNER, "exactly one field"),
        (b"payload=" + _INNER + b"&", "exactly one field"),
        (b"&payload=" + _INNER, "exactly one field"),
        (b"other=1&payload=" + _INNER, "exactly one field"),
        (b"Payload=" + _INNER, "exactly one field"),
        (b"payload[]=" + _INNER, "exactly one field"),
        (b"&" * 100_000, "exactly one field"),
        (b"payload=%7B%", "percent sign"),
        (b"payload=%7B%2", "percent sign"),
        (b"payload=%7B%u0022", "percent sign"),
        (b"payload=%FF%FE", "not JSON"),
        (b"payload=" + b"%5B" * 100_000, ""),
        (b"payload=" + quote_plus(_INNER).encode(), "not JSON"),
        (encoded(push()), "exactly one field"),
        (b"payload=" + quote_plus(encoded(push(ref="main"))).encode(), "ref"),
    ],
)
async def test_s02_malformed_forms_are_a_400(body: bytes, words: str) -> None:
    bench = Bench()
    bench.hooks["github"].append(HookSecret("any", "", "", SECRET))
    status, _, answer = await bench.send(body, signed(body) | FORM)
    assert status == 400, answer
    assert words in answer["error"]
    assert not bench.rows


@pytest.mark.asyncio
async def test_s01_a_form_beyond_the_limit_is_refused_unread() -> None:
    bench = Bench()
    body = b"payload=" + b"%20" * (1 << 20)
    assert (await bench.send(body, signed(body) | FORM))[0] == 413
    assert bench.read_bytes == 0


@pytest.mark.asyncio
async def test_s05_a_replay_is_answered_and_starts_nothing() -> None:
    bench = Bench()
    body = encoded(push())
    await bench.send(body, signed(body))
    for _ in range(20):
        status, _, answer = await bench.send(body, signed(body))
        assert (status, answer) == (200, {"accepted": True, "duplicate": True})
    assert len(bench.rows) == 1


@pytest.mark.asyncio
async def test_s03_only_the_right_signature_of_the_right_repository_counts() -> None:
    bench = Bench()
    body = encoded(push())
    right = signed(body)["X-Hub-Signature-256"]
    other_repository = encoded(push("team/other"))
    sha1 = "sha1=" + hmac.new(SECRET, body, hashlib.sha1).hexdigest()
    table: list[tuple[bytes, dict[str, str]]] = [
        (body, {}),
        (body, {"X-Hub-Signature-256": ""}),
        (body, {"X-Hub-Signature-256": "sha256="}),
        (body, {"X-Hub-Signature": sha1}),
        (body, {"X-Hub-Signature-256": sha1}),
        (body, {"X-Hub-Signature-256": right[:-1]}),
        (body, {"X-Hub-Signature-256": right + "0"}),
        (body, {"X-Hub-Signature-256": right.upper()}),
        (body, {"X-Hub-Signature-256": right.removeprefix("sha256=")}),
        (body, {"X-Hub-Signature-256": signed(body, b"wrong")["X-Hub-Signature-256"]}),
        (body, {"X-Hub-Signature-256": signed(body, b"")["X-Hub-Signature-256"]}),
        (body, {"X-Hub-Signature-256": signed(body + b" ")["X-Hub-Signature-256"]}),
        # signed by its own secret, but about another repository:
        (body, {"X-Hub-Signature-256": signed(body, OTHER)["X-Hub-Signature-256"]}),
        (other_repository, signed(other_repository, SECRET)),
        # ... even when the own name is hidden somewhere in the body
        *_smuggled(),
    ]
    for number, (sent, headers) in enumerate(table):
        base = {"X-GitHub-Event": "push", "X-GitHub-Delivery": f"d-{number}"}
        status, _, answer = await bench.send(sent, base | headers, client=f"203.0.113.{number}")
        assert status == 401, (number, answer)
    assert not bench.rows
    assert not bench.woken


def _smuggled() -> list[tuple[bytes, dict[str, str]]]:
    body = encoded(push("team/other", pusher={"name": "team/app"}))
    return [(body, {"X-Hub-Signature-256": signed(body, SECRET)["X-Hub-Signature-256"]})]


@pytest.mark.asyncio
async def test_s03_without_a_secret_the_endpoint_is_off() -> None:
    bench = Bench()
    body = encoded(push())
    bench.hooks = {}
    status, _, _ = await bench.send(body, signed(body))
    assert status == 401
    bench.hooks = {"github": [HookSecret("h", "team/app", "", b"")]}
    status, _, _ = await bench.send(body, signed(body, b""))
    assert status == 401
    assert not bench.rows


@pytest.mark.asyncio
async def test_s04_a_success_is_only_what_was_stored() -> None:
    bench = Bench()
    body = encoded(push())
    bench.broken = True
    status, headers, _ = await bench.send(body, signed(body))
    assert status == 503
    assert int(headers["retry-after"]) >= 1
    assert not bench.woken
    bench.broken = False
    table = [
        ({"X-GitHub-Delivery": "x"}, 400),
        ({"X-GitHub-Event": "push"}, 400),
        ({"X-GitHub-Event": "push", "X-GitHub-Delivery": "a b"}, 400),
        ({"X-GitHub-Event": "push", "X-GitHub-Delivery": "x" * 200}, 400),
    ]
    for headers_sent, expected in table[1:]:
        proof = {"X-Hub-Signature-256": signed(body)["X-Hub-Signature-256"]}
        status, _, _ = await bench.send(body, headers_sent | proof)
        assert status == expected
    assert not bench.rows


@pytest.mark.asyncio
async def test_other_events_are_answered_and_ignored() -> None:
    bench = Bench()
    body = encoded({"zen": "x", "repository": {"full_name": "team/app"}})
    for event in ("ping", "issues"):
        status, _, answer = await bench.send(body, signed(body, event=event))
        assert (status, answer["accepted"]) == (200, False)
    assert not bench.rows


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
async def test_only_post_is_taken(method: str) -> None:
    status, headers, _ = await Bench().send(b"", method=method)
    assert status == 405
    assert headers["allow"] == "POST"


@pytest.mark.asyncio
async def test_unknown_providers_are_not_found() -> None:
    assert (await Bench().send(b"{}", path="/hooks/sourceforge"))[0] == 404
    assert (await Bench().send(b"{}", path="/hooks/github/../x"))[0] == 404
    status, _, answer = await Bench().send(b"{}", path="/api/webhook")
    assert (status, answer) == (400, {"error": "Unknown webhook event"})


@pytest.mark.asyncio
async def test_the_argo_cd_path_tells_providers_by_header() -> None:
    bench = Bench()
    body = encoded(push())
    assert (await bench.send(body, signed(body), path="/api/webhook"))[0] == 202
    bench.hooks["gitea"] = [HookSecret("g", "team/app", "", SECRET)]
    digest = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    headers = {"X-Gitea-Event": "push", "X-Gitea-Delivery": "1", "X-Gitea-Signature": digest}
    # Gitea sends GitHub's headers as well
    for path in ("/api/webhook", "/hooks/gitea"):
        status, _, _ = await bench.send(body, headers | {"X-GitHub-Event": "push"}, path=path)
        assert status in {200, 202}
    assert {key[0] for key in bench.rows} == {"github", "gitea"}


@pytest.mark.asyncio
async def test_gitlab_proves_itself_by_its_token() -> None:
    bench = Bench()
    bench.hooks["gitlab"] = [HookSecret("l", "group/sub/app", "", b"tok")]
    payload = {
        "ref": "refs/heads/main",
        "before": A,
        "after": B,
        "user_username": "ann",
        "total_commits_count": 1,
        "project": {
            "path_with_namespace": "group/sub/app",
            "git_http_url": "https://gitlab.com/group/sub/app.git",
            "default_branch": "main",
        },
        "commits": [{"id": B, "message": "m", "added": ["x"], "modified": [], "removed": []}],
    }
    body = encoded(payload)
    headers = {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Event-UUID": "u1"}
    good = headers | {"X-Gitlab-Token": "tok"}
    assert (await bench.send(body, headers, path="/hooks/gitlab"))[0] == 401
    wrong = headers | {"X-Gitlab-Token": "toK"}
    assert (await bench.send(body, wrong, path="/hooks/gitlab"))[0] == 401
    assert (await bench.send(body, good, path="/hooks/gitlab"))[0] == 202
    (event,) = bench.rows.values()
    assert (event.full_name, event.changed_files) == ("group/sub/app", ("x",))
    other = encoded(payload | {"project": payload["project"] | {"path_with_namespace": "x/y"}})  # type: ignore[operator]
    assert (await bench.send(other, good, path="/hooks/gitlab"))[0] == 401


@pytest.mark.asyncio
async def test_s01_too_large_bodies_are_refused_without_reading_them() -> None:
    bench = Bench()
    body = encoded(push())
    headers = signed(body) | {"Content-Length": str(3 << 20)}
    status, answer, _ = await bench.send(body, headers)
    assert (status, answer["connection"]) == (413, "close")
    assert bench.read_bytes == 0
    status, answer, _ = await bench.send([b"x" * 65536] * 1000, signed(body))
    assert (status, answer["connection"]) == (413, "close")
    assert bench.read_bytes < (2 << 20) + 2 * 65536
    assert not bench.rows


@pytest.mark.asyncio
async def test_s07_a_source_over_its_limit_is_refused_and_signed_hooks_are_not() -> None:
    bench = Bench(IntakeLimits(source=Rate(1.0, 10.0)))
    statuses = [(await bench.send(b"{}"))[0] for _ in range(200)]
    assert statuses == [401] * 10 + [429] * 190
    _, headers, _ = await bench.send(b"{}")
    assert int(headers["retry-after"]) >= 1
    body = encoded(push())
    for number in range(20):  # from the same address, in the middle of the flood
        assert (await bench.send(b"{}"))[0] == 429
        forged = {"X-Hub-Signature-256": "sha256=" + "0" * 64, "X-GitHub-Event": "push"}
        assert (await bench.send(b"{}", forged))[0] == 429
        status, _, _ = await bench.send(body, signed(body, delivery=f"d{number}"))
        assert status == 202
    assert (await bench.send(b"{}", client="198.51.100.1"))[0] == 401  # others are not affected


@pytest.mark.asyncio
async def test_s07_the_reserved_share_itself_is_bounded() -> None:
    bench = Bench(IntakeLimits(source=Rate(1.0, 1.0), reserved=Rate(1000.0, 100_000.0)))
    await bench.send(b"{}")
    forged = {"X-Hub-Signature-256": "sha256=" + "0" * 64, "X-GitHub-Event": "push"}
    bench.read_bytes = 0
    for _ in range(100):
        assert (await bench.send(b"x" * 10_000, forged))[0] == 429
    assert bench.read_bytes <= 100_000
    assert (await bench.send([b"{}"], forged))[0] == 429  # no length, no reserve


@pytest.mark.asyncio
async def test_one_hook_that_sends_too_much_is_slowed_down() -> None:
    bench = Bench(IntakeLimits(hook=Rate(1.0, 3.0)))
    body = encoded(push())
    statuses = [(await bench.send(body, signed(body, delivery=f"{n}")))[0] for n in range(5)]
    assert statuses == [202, 202, 202, 429, 429]
    bench.clock.seconds = 2.0
    assert (await bench.send(body, signed(body, delivery="4")))[0] == 202


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [prefix] if prefix else []
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, child in items:
        found += paths(child, (*prefix, key))
    return found


@pytest.mark.asyncio
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
async def test_s02_no_field_of_the_payload_can_do_harm(data: st.DataObject) -> None:
    payload = push()
    path = data.draw(st.sampled_from(paths(payload)))
    holder: Any = payload
    for key in path[:-1]:
        holder = holder[key]
    if data.draw(st.booleans()) and isinstance(holder, dict):
        del holder[path[-1]]
    else:
        holder[path[-1]] = data.draw(VALUES)
    bench = Bench()
    body = encoded(payload)
    status, _, answer = await bench.send(body, signed(body))
    assert status in {202, 400, 401}
    assert (len(bench.rows) == 1) is (status == 202)
    assert "Traceback" not in json.dumps(answer)
    good = encoded(push())
    assert (await bench.send(good, signed(good, delivery="after")))[0] == 202


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 50_000 + b"team/app",
        b'{"ref":"refs/heads/\\ud800"}',
        encoded(push(ref="refs/heads/../../x")),
        encoded(push(ref="refs/heads/a b")),
        encoded(push(ref="main")),
        encoded(push(ref="refs/heads/-x\n")),
        encoded(push(after=B + "\n")),
        encoded(push(after="HEAD")),
        encoded(push(after=B.upper())),
        encoded(push(ref="refs/heads/" + "x" * 5000)),
    ],
)
async def test_s02_malformed_bodies_are_a_400(body: bytes) -> None:
    bench = Bench()
    bench.hooks["github"].append(HookSecret("any", "", "", SECRET))
    status, _, answer = await bench.send(body, signed(body))
    assert status == 400, answer
    assert not bench.rows
