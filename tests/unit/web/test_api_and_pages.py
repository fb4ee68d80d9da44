"""The API answers in its shapes; pages show what went wrong and escape what others wrote."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from towline.aio.broadcast import Broadcast
from towline.web.api.events import Events

pytestmark = pytest.mark.asyncio


async def test_overview_shows_deliveries_applications_and_runs(site: Any) -> None:
    admin = await site.as_admin()
    page = (await admin("GET", "/")).body.decode()
    for text in (
        "cccccccc",
        "Building-image #1",
        "demo&#x2f;app:1",
        "delivered",
        "ComparisonError",
    ):
        assert text in page
    assert "deployment.yaml:7: spec.replicas:" in page


async def test_s51_what_others_wrote_is_escaped_on_every_page(site: Any) -> None:
    admin = await site.as_admin()
    for path in ("/", "/runs/run-1", "/applications/app"):
        page = (await admin("GET", path)).body.decode()
        assert "<img src=x" not in page
        assert "<script>alert" not in page
        assert "<b>image</b>" not in page
        assert "<x>" not in page


async def test_s52_the_login_page_shows_codes_not_request_text(site: Any) -> None:
    page = (await site.call("GET", "/login?message=%3Cscript%3E")).body.decode()
    assert "script>" not in page
    assert "Wrong user name" in (await site.call("GET", "/login?message=wrong")).body.decode()


async def test_a_crashing_pod_is_shown_with_its_cause(site: Any) -> None:
    admin = await site.as_admin()
    page = (await admin("GET", "/applications/app")).body.decode()
    assert "CrashLoopBackOff" in page
    assert "cannot import name" in page


async def test_a_run_page_says_that_the_run_was_resumed_and_why_it_failed(site: Any) -> None:
    admin = await site.as_admin()
    page = (await admin("GET", "/runs/run-1")).body.decode()
    assert "attempt 2" in page
    assert "script returned exit code 1" in page
    assert "line one" in page


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/applications/none", 404),
        ("/runs/none", 404),
        ("/api/v1/applications/none", 404),
        ("/api/v1/applications/..%2f", 400),
        ("/api/v1/runs/none/log", 404),
        ("/api/v1/deliveries/dddddddd", 404),
        ("/api/v1/deliveries/xyz", 400),
        ("/api/v1/runs?limit=-1", 400),
        ("/api/v1/runs/run-1/log?offset=99999999999999999999", 400),
    ],
)
async def test_what_is_not_there_or_malformed(site: Any, path: str, status: int) -> None:
    admin = await site.as_admin()
    assert (await admin("GET", path)).status == status


async def test_login_form_sets_a_cookie_that_scripts_cannot_read(site: Any) -> None:
    body = b"username=admin&password=correct+horse+battery+staple"
    answer = await site.call("POST", "/login", body)
    assert answer.status == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    page = await site.call("GET", "/", headers={"cookie": cookie.split(";")[0]})
    assert page.status == 200


async def test_delivery_by_prefix_and_list(site: Any) -> None:
    admin = await site.as_admin()
    assert (await admin("GET", "/api/v1/deliveries/ccccccc")).json()["build_number"] == 1
    assert len((await admin("GET", "/api/v1/deliveries")).json()["items"]) == 1


async def test_starting_and_cancelling_a_run(site: Any) -> None:
    admin = await site.as_admin()
    body = b'{"parameters": {"DOCKERTAG": "7"}}'
    answer = await admin("POST", "/api/v1/pipelines/Updating-manifest/runs", body)
    assert answer.status == 201
    assert site.pipelines.started == [("Updating-manifest", {"DOCKERTAG": "7"}, "admin")]
    assert (await admin("DELETE", "/api/v1/runs/run-1")).status == 202
    assert site.pipelines.cancelled == ["run-1"]


async def test_sync_refused_while_another_is_in_progress(site: Any) -> None:
    admin = await site.as_admin()
    site.applications.apps["app"]["operation"] = {"sync": {}}
    assert (await admin("POST", "/api/v1/applications/app/sync", b"{}")).status == 409


async def test_log_goes_on_from_an_offset(site: Any) -> None:
    admin = await site.as_admin()
    answer = await admin("GET", "/api/v1/runs/run-1/log?offset=5")
    assert answer.body == site.pipelines.text[5:]
    assert answer.headers["x-next-offset"] == str(len(site.pipelines.text))
    assert answer.headers["content-type"].startswith("text/plain")


async def test_events_name_topics_and_end_so_that_rights_are_checked_again(site: Any) -> None:
    admin = await site.as_admin()
    text = (await admin("GET", "/api/events")).body.decode()
    assert "data: runs" in text
    assert "data: applications" in text


async def test_a_page_that_goes_away_leaves_no_reader_behind() -> None:
    topics: Broadcast[str] = Broadcast()
    lines = Events(topics)._lines()
    await anext(lines)
    waiting = asyncio.ensure_future(anext(lines))
    while not topics._readers:
        await asyncio.sleep(0)
    topics.publish("runs")
    assert b"runs" in await waiting
    await lines.aclose()
    assert not topics._readers


async def test_a_page_of_a_run_reads_only_the_end_of_its_log(site: Any) -> None:
    offsets: list[int] = []

    async def log(_: str, offset: int) -> tuple[bytes, int]:
        offsets.append(offset)
        return b"the end", 64 << 20

    site.pipelines.log = log
    page = await (await site.as_admin())("GET", "/runs/run-1")
    assert b"the end" in page.body
    assert offsets == [-65536]
