"""The same conversation with Drydock and with kube-apiserver gets the same answers."""

from __future__ import annotations

import pytest
from known_differences import KNOWN, OPEN
from peers.client import Client
from peers.difference import differences, unknown
from peers.recording import Talk
from scenarios import SCENARIOS, Scenario

pytestmark = pytest.mark.timeout(300)


def _hold(scenario: Scenario, client: Client) -> Talk:
    name = scenario.__name__.replace("_", "-")
    talk = Talk(client, name)
    body = {"metadata": {"name": name}}
    assert talk.quiet("POST", "/api/v1/namespaces", body).status == 201
    # Pods need the account that a controller of its own makes, which neither peer runs here.
    account = {"metadata": {"name": "default"}}
    assert talk.quiet("POST", talk.path("serviceaccounts"), account).status == 201
    scenario(talk)
    return talk


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_same_answers(scenario: Scenario, drydock_server: Client, real_server: Client) -> None:
    found = differences(_hold(scenario, drydock_server).steps, _hold(scenario, real_server).steps)
    left, unused = unknown(scenario.__name__, found, (*KNOWN, *OPEN))
    assert not left, f"{len(left)} differences\n" + "\n".join(map(str, left))
    assert not unused, f"no longer different, remove from the list: {unused}"
