"""Names that have to be IP addresses."""

from __future__ import annotations

import pytest

from towline.kube.names import address_problems


@pytest.mark.parametrize("name", ["10.9.8.7", "fe80::1", "::"])
def test_addresses_in_their_usual_form_are_names(name: str) -> None:
    assert address_problems(name) == []


@pytest.mark.parametrize("name", ["", "web", "10.9.8", "10.9.8.07", "fe80::1%eth0"])
def test_other_texts_are_no_addresses(name: str) -> None:
    assert address_problems(name) == [
        "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
    ]


def test_the_usual_form_is_told() -> None:
    assert address_problems("FE80::0:1") == ['must be in canonical form ("fe80::1")']
