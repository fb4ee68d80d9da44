"""Go's words, and its line, for YAML that is not well formed."""

from __future__ import annotations

import pytest

from towline.errors import InputError
from towline.text.goyaml.problems import yaml_problem
from towline.text.yaml import Limits, load_first


def problem_of(text: str) -> str:
    with pytest.raises(InputError) as caught:
        load_first(text, limits=Limits(unique_keys=False))
    return yaml_problem(caught.value, text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        # What the parser finds counts lines from zero, at the problem and not where it began.
        ("list:\n  - a\n  - b\n  next: c\n", "line 3: did not find expected '-' indicator"),
        ("a:\n  x: 1\n   y: 2\n", "line 3: mapping values are not allowed in this context"),
        ("a: [1, 2\nb: 3\n", "line 1: did not find expected ',' or ']'"),
        ("a: 1\n\tb: 2\n", "line 2: found a tab character that violates indentation"),
        # A key without a colon is noticed late.
        ("a: 1\nfoo\nb: 2\n", "line 3: could not find expected ':'"),
        ("a: |\n x\n  y\nz", "line 5: could not find expected ':'"),
        ("a:\n  - x\n  foo\n b: 1\n", "line 4: could not find expected ':'"),
        ('c: [d]\n    "q"\nfoo\n', "line 1: did not find expected key"),
        # Syntax comes before keys that are no texts, wherever it is broken.
        ("a: {[b]: 1}\nc: [\n", "line 2: did not find expected node content"),
        ("a: {{ x }}\n", 'invalid map key: map[interface {}]interface {}{"x":interface {}(nil)}'),
        ("[1, {}]: x\n", "invalid map key: []interface {}{1, map[interface {}]interface {}{}}"),
        (
            "? {z: 1e3, 1: yes}\n: v\n",
            'invalid map key: map[interface {}]interface {}{"z":1000, 1:true}',
        ),
        ("a: *b\n", "unknown anchor 'b' referenced"),
    ],
)
def test_problems_read_as_in_go(text: str, problem: str) -> None:
    assert problem_of(text) == f"yaml: {problem}"


@pytest.mark.parametrize(
    ("text", "value"), [("~: x\n", '"x"'), ("a: {~: 1}\n", "1"), ("~:\n", "<nil>")]
)
def test_null_keys_are_refused_as_go_refuses_them(text: str, value: str) -> None:
    assert problem_of(text) == (
        f"unsupported map key of type: %!s(<nil>), key: <nil>, value: {value}"
    )


def test_infinite_numbers_have_no_json() -> None:
    assert problem_of("a: -.inf\n") == "json: unsupported value: -Inf"
