"""Nobody gets in without logging in, guessing is bounded, other sites can't act for a user."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from towline.web.auth.guard import COOKIE, MAX_BODY, is_public

pytestmark = pytest.mark.asyncio

PASSWORD = "correct horse battery staple"
PUBLIC_ROUTES = {
    ("POST", "/api/v1/session"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/static/{name}"),
    ("POST", "/hooks/github"),
    ("POST", "/hooks/gitea"),
    ("POST", "/hooks/gitlab"),
    ("POST", "/api/webhook"),
}


def log_in_body(password: str, name: str = "admin") -> bytes:
    return orjson.dumps({"username": name, "password": password})


async def test_s09_every_route_but_the_public_ones_asks_for_a_login(site: Any) -> None:
    asked = 0
    for method, path in site.paths:
        concrete = re.sub(r"\{[^}]+\}", "towline.css", path)
        answer = await site.call(method, concrete, b"{}" if method == "POST" else b"")
        if (method, path) == ("DELETE", "/api/v1/session"):
            continue  # ends a session that the caller must already hold: harmless without one
        if (method, path) in PUBLIC_ROUTES:
            continue
        assert answer.status in {401, 303}, (method, path, answer.status)
        asked += 1
    assert asked > 15


@pytest.mark.parametrize(
    "path", ["/nothing", "/api/v1/nothing", "/metrics", "/staticx", "/hooksx", "/healthz/x"]
)
async def test_s09_unknown_paths_are_not_told_apart_from_forbidden_ones(
    site: Any, path: str
) -> None:
    assert not is_public(path)
    assert (await site.call("GET", path)).status == 401


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer x",
        "Bearer " + "x" * 43,
        "Basic YWRtaW46YWRtaW4=",
        "Bearer " + "é" * 40,
    ],
)
async def test_s33_garbage_credentials_open_nothing(site: Any, header: str) -> None:
    for path in ("/api/v1/runs/run-1/log", "/api/v1/deliveries", "/api/events", "/"):
        answer = await site.call("GET", path, headers={"authorization": header} if header else {})
        assert answer.status == 401


async def test_login_gives_a_token_that_works_until_logout(site: Any) -> None:
    answer = await site.call("POST", "/api/v1/session", log_in_body(PASSWORD))
    assert answer.status == 200
    headers = {"authorization": f"Bearer {answer.json()['token']}"}
    assert (await site.call("GET", "/api/v1/runs", headers=headers)).status == 200
    assert (await site.call("DELETE", "/api/v1/session", headers=headers)).status == 200
    assert (await site.call("GET", "/api/v1/runs", headers=headers)).status == 401


async def test_s34_five_failures_lock_the_account_for_everybody_even_with_the_password(
    site: Any,
) -> None:
    for index in range(5):
        answer = await site.call(
            "POST", "/api/v1/session", log_in_body("wrong"), source=f"10.1.0.{index}"
        )
        assert answer.status == 401
    answer = await site.call("POST", "/api/v1/session", log_in_body(PASSWORD), source="10.1.1.1")
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) > 0


async def test_s34_a_source_is_limited_over_all_names(site: Any) -> None:
    for index in range(5):
        await site.call(
            "POST", "/api/v1/session", log_in_body("x", f"user{index}"), source="10.2.0.1"
        )
    body = log_in_body(PASSWORD)
    assert (await site.call("POST", "/api/v1/session", body, source="10.2.0.1")).status == 429
    assert (await site.call("POST", "/api/v1/session", body, source="10.2.0.2")).status == 200


async def test_s35_unknown_user_and_wrong_password_look_the_same(site: Any) -> None:
    wrong = await site.call("POST", "/api/v1/session", log_in_body("wrong"), source="10.3.0.1")
    unknown = await site.call(
        "POST", "/api/v1/session", log_in_body("wrong", "nobody"), source="10.3.0.2"
    )
    assert (wrong.status, wrong.body) == (unknown.status, unknown.body)


async def test_s37_a_disabled_account_is_out_at_once(site: Any) -> None:
    admin = await site.as_admin()
    assert (await admin("GET", "/api/v1/runs")).status == 200
    await site.store.accounts.disable("admin")
    assert (await admin("GET", "/api/v1/runs")).status == 401


async def test_sessions_are_stored_as_digests_only(site: Any) -> None:
    secret = await site.sessions.log_in("admin", PASSWORD, "10.0.0.9")
    stored = await site.store.accounts.sessions("admin")
    assert stored
    assert all(secret not in repr(session) for session in stored)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.test"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": "http://towline.test"},
    ],
)
async def test_s50_a_write_with_a_cookie_from_another_site_is_refused(
    site: Any, headers: dict[str, str]
) -> None:
    secret = await site.sessions.log_in("admin", PASSWORD, "10.0.0.1")
    cookie = {"cookie": f"{COOKIE}={secret}"}
    path = "/api/v1/applications/app/sync"
    refused = await site.call("POST", path, b"{}", headers=cookie | headers)
    assert refused.status == 403
    assert site.applications.synced == []
    own = await site.call("POST", path, b"{}", headers=cookie | {"origin": "http://towline.test"})
    assert own.status == 200
    assert site.applications.synced == [("app", "admin", "", False)]


async def test_a_browser_logs_in_by_the_form_with_the_headers_that_chromium_sends(
    site: Any,
) -> None:
    page = await site.call("GET", "/login")
    assert page.headers["referrer-policy"] == "no-referrer"
    headers = {"origin": "null", "sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}
    body = f"username=admin&password={PASSWORD.replace(' ', '+')}".encode()
    answer = await site.call("POST", "/login", body, headers=headers)
    assert answer.status == 303
    assert "set-cookie" in answer.headers
    cookie = {"cookie": answer.headers["set-cookie"].split(";")[0]}
    assert (await site.call("POST", "/logout", b"", headers=headers | cookie)).status == 303
    assert (await site.call("GET", "/", headers=cookie)).status == 401


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/api/v1/session", MAX_BODY),
        ("/login", MAX_BODY),
        ("/hooks/github", 2 << 20),
        ("/hooks/gitea", 2 << 20),
        ("/hooks/gitlab", 2 << 20),
        ("/api/webhook", 2 << 20),
    ],
)
async def test_s06_bodies_of_public_routes_are_bounded_declared_or_streamed(
    site: Any, path: str, limit: int
) -> None:
    signed = {"x-github-event": "push", "x-hub-signature-256": "sha256=" + "0" * 64}
    declared = await site.call("POST", path, headers=signed | {"content-length": str(limit + 1)})
    assert declared.status in {401, 413}
    streamed = await site.call("POST", path, b"x" * (limit + 1), headers=signed, chunked=True)
    assert streamed.status in {400, 401, 413}
    assert await site.store.deliveries.count() == 0


async def test_s06_the_table_of_public_posts_is_complete(site: Any) -> None:
    public = {path for method, path in site.paths if method == "POST" and is_public(path)}
    assert public == {path for method, path in PUBLIC_ROUTES if method == "POST"}


async def test_sd06_every_answer_carries_the_security_headers(site: Any) -> None:
    for path in ("/login", "/healthz", "/nothing", "/static/towline.css"):
        headers = (await site.call("GET", path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "name",
    ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "/etc/passwd", "towline.css\x00", "..\\x"],
)
async def test_s10_static_files_come_from_a_table(site: Any, name: str) -> None:
    answer = await site.call("GET", f"/static/{name}")
    assert answer.status in {401, 404}
    assert b"import" not in answer.body


async def test_s36_a_body_of_a_wrong_shape_is_a_400_that_names_the_field(site: Any) -> None:
    for body in (b"[]", b"{", b'{"username": 1, "password": "x"}', b"[" * 50_000):
        answer = await site.call("POST", "/api/v1/session", body)
        assert answer.status == 400
        assert "request body" in answer.json()["error"]
