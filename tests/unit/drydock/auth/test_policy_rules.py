"""Rules: the compiled index answers as a plain reading of every rule does."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from towline.drydock.auth.attributes import Attributes, of_request, refusal
from towline.drydock.auth.covers import EVERYTHING, atoms, compact, described, uncovered
from towline.drydock.auth.rules import Rule, RuleIndex
from towline.drydock.auth.user import User

# A busy machine is no reason to fail.
SLOW = [HealthCheck.too_slow]
VERBS = ("get", "list", "create", "*")
GROUPS = ("", "apps", "*")
RESOURCES = ("pods", "pods/log", "nodes", "nodes/log", "*/log", "*", "*/*")
NAMES = ("a", "b", "")
URLS = ("/x", "/x/*", "/x/y", "*", "/*", "/x**", "")


def some(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=3).map(tuple)


rules = st.lists(
    st.builds(Rule, some(VERBS), some(GROUPS), some(RESOURCES), some(NAMES), some(URLS)), max_size=6
)
requests = st.one_of(
    st.builds(
        Attributes,
        st.sampled_from(VERBS),
        st.sampled_from(GROUPS),
        st.just("v1"),
        st.sampled_from(("pods", "nodes", "*")),
        st.sampled_from(("", "log", "status", "*")),
        st.sampled_from(NAMES),
    ),
    st.builds(Attributes, st.sampled_from(VERBS), path=st.sampled_from(("/x", "/x/y", "/", "/z"))),
)


def plainly_stands_for(url: str, path: str) -> bool:
    return url in ("*", path) or (url.endswith("*") and path.startswith(url.rstrip("*")))


def plainly_allows(rule: Rule, asked: Attributes) -> bool:
    """The definition, read aloud."""
    if "*" not in rule.verbs and asked.verb not in rule.verbs:
        return False
    if asked.path is not None:
        return any(plainly_stands_for(url, asked.path) for url in rule.urls)
    if "*" not in rule.groups and asked.group not in rule.groups:
        return False
    if rule.names and asked.name not in rule.names:
        return False
    whole = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
    for resource in rule.resources:
        if resource in ("*", whole):
            return True
        if asked.subresource and resource == f"*/{asked.subresource}":
            return True
    return False


@settings(max_examples=400, deadline=None, suppress_health_check=SLOW)
@given(rules, requests)
def test_the_index_finds_the_first_rule_that_allows(many: list[Rule], asked: Attributes) -> None:
    expected = next((i for i, rule in enumerate(many) if plainly_allows(rule, asked)), None)
    assert RuleIndex(many).find(asked) == expected


@settings(max_examples=300, deadline=None, suppress_health_check=SLOW)
@given(rules, rules, requests)
def test_covered_rules_allow_nothing_more(
    owned: list[Rule], wanted: list[Rule], asked: Attributes
) -> None:
    wanted = [rule._replace(names=tuple(name for name in rule.names if name)) for rule in wanted]
    owned = [rule._replace(names=tuple(name for name in rule.names if name)) for rule in owned]
    if uncovered(owned, wanted):
        return
    index = RuleIndex(owned)
    for rule in wanted:
        if plainly_allows(rule, asked):
            assert index.find(asked) is not None


@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
@given(rules)
def test_everything_covers_all_and_each_covers_itself(many: list[Rule]) -> None:
    assert not uncovered(EVERYTHING, many)
    assert not uncovered(many, many)


@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
@given(rules, requests)
def test_the_atoms_of_a_rule_allow_what_it_allows(many: list[Rule], asked: Attributes) -> None:
    for rule in many:
        index = RuleIndex(atoms(rule))
        assert (index.find(asked) is not None) is plainly_allows(rule, asked)


def test_what_is_missing_is_told_by_resource_and_name() -> None:
    rule = Rule(("get", "list"), ("", "apps"), ("pods",))
    named = Rule(("get",), ("",), ("secrets",), ("a", "b"))
    url = Rule(("get", "put"), urls=("/x",))
    missing = uncovered([Rule(("get",), ("",), ("pods",))], [rule, named, url])
    assert described(compact(missing)).split("\n") == [
        '{APIGroups:[""], Resources:["pods"], Verbs:["list"]}',
        '{APIGroups:[""], Resources:["secrets"], ResourceNames:["a"], Verbs:["get"]}',
        '{APIGroups:[""], Resources:["secrets"], ResourceNames:["b"], Verbs:["get"]}',
        '{APIGroups:["apps"], Resources:["pods"], Verbs:["get" "list"]}',
        '{NonResourceURLs:["/x"], Verbs:["get"]}',
        '{NonResourceURLs:["/x"], Verbs:["put"]}',
    ]


@pytest.mark.parametrize(
    ("method", "path", "query", "expected"),
    [
        ("GET", "api/v1/pods", {}, ("list", "", "v1", "pods", "", "", "")),
        ("GET", "api/v1/namespaces/n/pods", {"watch": "1"}, "watch   pods n"),
        ("GET", "api/v1/namespaces/n/pods", {"watch": "false"}, "list   pods n"),
        ("GET", "api/v1/namespaces/n/pods", {"fieldSelector": "metadata.name=x"}, "list  x pods n"),
        ("HEAD", "api/v1/namespaces/n/pods/p", {}, "get  p pods n"),
        ("GET", "api/v1/namespaces/n/pods/p/log", {}, "get log p pods n"),
        ("POST", "api/v1/namespaces/n/pods/p/proxy/a/b", {}, "create proxy p pods n"),
        ("DELETE", "api/v1/namespaces/n/pods", {}, "deletecollection   pods n"),
        ("GET", "api/v1/namespaces/n", {}, "get  n namespaces n"),
        ("PUT", "api/v1/namespaces/n/finalize", {}, "update finalize n namespaces n"),
        ("GET", "api/v1/namespaces", {}, "list   namespaces "),
    ],
)
def test_requests_are_read_as_authorization_reads_them(
    method: str, path: str, query: dict[str, str], expected: object
) -> None:
    asked = of_request(method, tuple(path.split("/")), f"/{path}", query.get)
    if isinstance(expected, tuple):
        assert asked == Attributes(*expected)
        return
    said = f"{asked.verb} {asked.subresource} {asked.name} {asked.resource} {asked.namespace}"
    assert said == expected


@pytest.mark.parametrize(
    "path", ["", "api", "api/v1", "apis", "apis/apps", "apis/apps/v1", "x/y/z"]
)
def test_other_paths_are_no_resources(path: str) -> None:
    asked = of_request("GET", tuple(path.split("/")), f"/{path}", {}.get)
    assert asked == Attributes("get", path=f"/{path}")


def test_a_refusal_does_not_echo_markup() -> None:
    error = refusal(User("<script>"), Attributes("get", path="/<b>&"))
    assert error.message == 'forbidden: User "&lt;script&gt;" cannot get path "/&lt;b&gt;&amp;"'
