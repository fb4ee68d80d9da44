"""What clients rely on when several of them work at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest
from peers.client import Client
from peers.recording import MERGE_PATCH, Talk

A = {"metadata": {"name": "a"}}
# Controllers put a map of their own into every namespace.
ONLY_A = "fieldSelector=metadata.name%3Da"


@pytest.fixture
def talk(api: Client, request: pytest.FixtureRequest) -> Talk:
    name = request.node.originalname.replace("_", "-")[:50]
    made = Talk(api, name)
    assert made.quiet("POST", "/api/v1/namespaces", {"metadata": {"name": name}}).status == 201
    return made


def test_of_writers_with_one_version_a_single_one_wins(talk: Talk) -> None:
    maps = talk.path("configmaps")
    made = talk.quiet("POST", maps, A).body

    def write(number: int) -> int:
        client = Client(talk.client.url, talk.client.token)
        try:
            mine = Talk(client, talk.namespace)
            body = {**made, "data": {"by": str(number)}}
            return mine.quiet("PUT", f"{maps}/a", body).status
        finally:
            client.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(write, range(8)))
    assert statuses == [200, *[409] * 7]


def test_a_watch_goes_on_where_another_one_ended(talk: Talk) -> None:
    maps = talk.path("configmaps")
    talk.quiet("POST", maps, A)
    first = next(talk.events(f"{maps}?{ONLY_A}&resourceVersion=0"))
    version = first["object"]["metadata"]["resourceVersion"]
    for number in range(3):
        patch = {"data": {"n": str(number)}}
        talk.quiet("PATCH", f"{maps}/a", patch, content_type=MERGE_PATCH)
    later = list(islice(talk.events(f"{maps}?{ONLY_A}&resourceVersion={version}"), 3))
    assert [each["object"]["data"]["n"] for each in later] == ["0", "1", "2"]


def test_a_write_that_changes_nothing_keeps_the_version(talk: Talk) -> None:
    maps = talk.path("configmaps")
    made = talk.quiet("POST", maps, A).body
    again = talk.quiet("PUT", f"{maps}/a", made).body
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
