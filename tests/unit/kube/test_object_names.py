# ruff: noqa: E501  # one case per line reads best
from random import Random
from typing import Any

import pytest

from towline.kube import names


@pytest.mark.parametrize("name", ["a", "a-b", "a.b", "0", "x" * 253])
def test_subdomains_are_accepted(name: Any) -> None:
    assert names.subdomain_problems(name) == []


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a..b", "a/b", "ä", "a\n"])
def test_other_names_are_refused_with_the_usual_text(name: Any) -> None:
    (problem,) = names.subdomain_problems(name)
    assert problem == (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
        "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
        "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    )


def test_long_names_are_refused() -> None:
    assert names.subdomain_problems("x" * 254) == ["must be no more than 253 characters"]
    assert names.label_problems("x" * 64) == ["must be no more than 63 characters"]
    assert names.label_value_problems("x" * 64) == ["must be no more than 63 characters"]


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (names.label_problems, "a-1", "a.b"),
        (names.dns1035_problems, "a-1", "1-a"),
        (names.label_value_problems, "", "-a"),
        (names.label_value_problems, "A_b.c", "a b"),
        (names.label_key_problems, "app.kubernetes.io/name", "a/b/c"),
        (names.label_key_problems, "a", ""),
        (names.label_key_problems, "example.com/x", "/x"),
        (names.label_key_problems, "example.com/x", "Example.com/x"),
        (names.path_segment_problems, "system:node", "a/b"),
        (names.path_segment_problems, "a", ".."),
        (names.config_key_problems, ".hidden", "a/b"),
        (names.config_key_problems, "a_b", "..a"),
    ],
)
def test_each_kind_of_name_has_its_rule(check: Any, good: Any, bad: Any) -> None:
    assert check(good) == []
    assert check(bad)


def test_generated_names_keep_the_prefix_and_fit_a_label() -> None:
    name = names.generated_name("x" * 80 + "-", Random(1))
    assert len(name) == 63
    assert set(name[-5:]) <= set(names.SUFFIX_ALPHABET)
    assert names.generated_name("web-", Random(2)).startswith("web-")
    assert names.random_suffix(Random(3)) == names.random_suffix(Random(3))
