"""Cutting what templates wrote into documents, reading their heads, sorting them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.render.helm.decoding import load_struct
from towline.render.helm.errors import ChartError, RenderError
from towline.render.helm.heads import Head, decisive_pieces, decode_head, head_of
from towline.render.helm.manifests import sort_manifests, split_documents


@pytest.mark.parametrize(
    ("text", "three", "four"),
    [
        ("a: 1\n---\nb: 2\n", ["a: 1", "b: 2"], ["a: 1\n", "b: 2\n"]),
        ("---\na: 1\n", ["a: 1"], ["a: 1\n"]),
        ("a: 1\n  \n---  \n\n b: 2", ["a: 1", "b: 2"], ["a: 1\n  \n", "b: 2"]),
        ("a: 1\n--- # note\nb: 2", ["a: 1", "# note\nb: 2"], ["a: 1\n", "# note\nb: 2"]),
        ("a: 1\n---kind: X", ["a: 1", "kind: X"], ["a: 1\n", "kind: X"]),
        ("a: |\n  ---\n  x", ["a: |\n  ---\n  x"], ["a: |\n  ---\n  x"]),
        ("a: 1\n---\n---\nb: 2", ["a: 1", "---\nb: 2"], ["a: 1\n", "b: 2"]),
        ("a: --- b", ["a: --- b"], ["a: --- b"]),
        ("\ufeffa: 1", ["\ufeffa: 1"], ["\ufeffa: 1"]),
    ],
)
def test_documents_are_split_as_each_helm_does(
    text: str, three: list[str], four: list[str]
) -> None:
    assert split_documents(text, major=3) == three
    assert split_documents(text, major=4) == four


def test_splitting_takes_linear_time() -> None:
    assert split_documents("a: 1" + " \n" * 300_000 + "b: 2", major=3)


DOCUMENT = "kind: {kind}\nmetadata: {{name: {name}}}\n"


def test_manifests_come_in_the_order_of_installation() -> None:
    kinds = ["Zebra", "Service", "Deployment", "Ant", "Namespace", "ConfigMap"]
    files = {
        f"web/templates/{number}.yaml": DOCUMENT.format(kind=kind, name=number)
        for number, kind in enumerate(kinds)
    }
    result = sort_manifests(files, major=3)
    assert [manifest.head.kind for manifest in result.generic] == [
        *("Namespace", "ConfigMap", "Service", "Deployment"),
        *("Ant", "Zebra"),
    ]


def test_webhooks_come_last_of_the_known_kinds_in_helm_4_only() -> None:
    files = {
        "a.yaml": "kind: MutatingWebhookConfiguration",
        "b.yaml": "kind: Ant",
        "c.yaml": "kind: APIService",
    }
    orders = {
        major: [one.head.kind for one in sort_manifests(files, major=major).generic]
        for major in (3, 4)
    }
    assert orders[3] == ["APIService", "Ant", "MutatingWebhookConfiguration"]
    assert orders[4] == ["APIService", "MutatingWebhookConfiguration", "Ant"]


def test_equal_kinds_keep_the_order_of_paths_and_documents() -> None:
    two = "kind: Pod\nn: 1\n---\nkind: Pod\nn: 2"
    result = sort_manifests({"b.yaml": "kind: Pod\nn: 3", "a.yaml": two}, major=3)
    assert [manifest.text[-1] for manifest in result.generic] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("annotation", "events"),
    [
        ("pre-install", ("pre-install",)),
        ("post-install, POST-UPGRADE", ("post-install", "post-upgrade")),
        ("test-success", ("test",)),
        ("nothing", None),
        ("pre-install,nothing", None),
        ("''", None),
    ],
)
def test_hooks_stand_apart_and_unknown_ones_are_dropped(
    annotation: str, events: tuple[str, ...] | None
) -> None:
    text = f"kind: Job\nmetadata: {{annotations: {{helm.sh/hook: {annotation!r}}}}}".replace(
        "\"''\"", "''"
    )
    result = sort_manifests({"a.yaml": text}, major=3)
    assert result.generic == ()
    assert [hook.events for hook in result.hooks] == ([] if events is None else [events])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: b: c",
            "error converting YAML to JSON: yaml: mapping values are not allowed in this context",
        ),
        (
            "- a",
            (
                "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array "
                "into Go value of type releaseutil.SimpleHead"
            ),
        ),
        (
            "kind: [a]",
            (
                "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array "
                "into Go struct field SimpleHead.kind of type string"
            ),
        ),
    ],
)
def test_what_is_no_manifest_is_named_with_its_template(text: str, message: str) -> None:
    with pytest.raises(RenderError) as caught:
        sort_manifests({"web/templates/a.yaml": text}, major=3)
    assert caught.value.message == f"YAML parse error on web/templates/a.yaml: {message}"


def test_partials_and_blank_files_are_no_manifests() -> None:
    assert sort_manifests({"a/_x.yaml": "{", "a/b.yaml": " \n"}, major=3).generic == ()


SMALL = [
    *("kind: A", "apiVersion: v1", "metadata:", "  name: x", "  annotations:", "    a: b"),
    *("    'q: 1", "    c: d'", "spec:", "- a", "  - b", "x: |", "  kind: B", "y: 'one"),
    *("kind: C", "two'", "z: {a: b,", "kind: D}", "# kind: E", "", "w: &x 1", "v: *x", "KIND: F"),
    *(
        't: "',
        "kind: G",
        '"',
        "u: [1,",
        "kind: H]",
        "? q",
        ": r",
        "metadata: {name: 5}",
        "  name: 7",
    ),
    *("s: !!str 3", "<<: {kind: I}", "n: .inf", "{a: b}: c", "null: x", "~: y", "%TAG", "...", "-"),
]


@given(st.lists(st.sampled_from(SMALL), max_size=9))
def test_the_short_way_to_a_head_agrees_with_the_long_one(lines: list[str]) -> None:
    text = "\n".join(lines)
    pieces = decisive_pieces(text)
    if pieces is not None:
        assert decode_head_of(pieces) == decode_head_of(text)


def decode_head_of(text: str) -> Head | str:
    try:
        return decode_head(load_struct(text, "releaseutil.SimpleHead"))
    except ChartError as error:
        return error.message


def test_plain_documents_take_the_short_way() -> None:
    text = (
        "# Source: x\napiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  b: |\n    - c: {\n"
    )
    assert decisive_pieces(text) == "apiVersion: v1\n\nkind: Pod\n\nmetadata:\n  name: a\n"
    assert head_of(text) == Head("v1", "Pod", "a", {})
