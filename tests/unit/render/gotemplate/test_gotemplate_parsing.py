"""Lexer and parser: they take any text and fail by their own error only."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towline.render.gotemplate import ParseError, TemplateSet
from towline.render.gotemplate.lexer import describe, tokenize
from towline.render.gotemplate.nodes import Text, show_list
from towline.render.gotemplate.parser import parse

FUNCTIONS = frozenset({"print", "printf", "upper", "eq"})
PIECES = st.sampled_from(
    [
        "{{",
        "}}",
        "{{-",
        "-}}",
        "{{- ",
        " -}}",
        "{{/*",
        "*/}}",
        "if",
        "else",
        "end",
        "range",
        "with",
        "define",
        "block",
        "template",
        "break",
        "continue",
        "nil",
        "true",
        ".",
        ".a",
        "$",
        "$x",
        ":=",
        "=",
        ",",
        "|",
        "(",
        ")",
        '"',
        '"s"',
        "`",
        "`r`",
        "'",
        "'c'",
        "\\",
        "1",
        "-1",
        "0x",
        "1e",
        "2i",
        "print",
        "nope",
        " ",
        "\n",
        "\t",
        "é",
        "☃",
        "\0",
        "#",
        "text",
    ]
)
TEXTS = st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=60)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_any_text_parses_or_fails_by_a_parse_error(text: str) -> None:
    message = ""
    try:
        assert "" in parse("t", text, FUNCTIONS)
    except ParseError as error:
        message = error.message
    assert message.startswith("template: t:") or not message


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_tokens_are_in_order_and_end_once(text: str) -> None:
    tokens = tokenize(text)
    positions = [position for _, position, _, _ in tokens]
    assert positions == sorted(positions)
    assert [token[0] in {"eof", "error"} for token in tokens].count(True) == 1
    assert tokens[-1][0] in {"eof", "error"}
    assert all(describe(token) for token in tokens)


@given(st.text(max_size=80).filter(lambda text: "{{" not in text))
def test_text_without_actions_is_kept(text: str) -> None:
    trees = parse("t", text, FUNCTIONS)
    assert "".join(node.value for node in trees[""] if isinstance(node, Text)) == text


@given(
    st.text("ab \t\r\n", max_size=12),
    st.text("ab \t\r\n", max_size=12),
    st.booleans(),
    st.booleans(),
)
def test_trim_markers_trim_spaces_of_their_side(
    before: str, after: str, left: bool, right: bool
) -> None:
    action = f"{{{{{'- ' if left else ''}1{' -' if right else ''}}}}}"
    templates = TemplateSet({})
    templates.parse("t", before + action + after)
    spaces = " \t\r\n"
    head = before.rstrip(spaces) if left else before
    tail = after.lstrip(spaces) if right else after
    assert templates.execute("t", None) == f"{head}1{tail}"


@pytest.mark.parametrize(
    "source",
    [
        "{{.a.b | upper}}",
        '{{if eq .a "x" 1}}y{{else}}z{{end}}',
        "{{range $i, $e := .l}}{{$i}}{{break}}{{end}}",
        "{{with $x := (print .a).b}}{{$x.c}}{{continue}}{{end}}",
        '{{template "a" .}}',
        "{{$x = print nil true 1.5 'c' `r`}}",
    ],
)
def test_a_tree_shows_its_source(source: str) -> None:
    text = source if "continue" not in source else "{{range .}}" + source + "{{end}}"
    assert show_list(parse("t", text, FUNCTIONS)[""]) == text


@pytest.mark.parametrize(
    "text",
    [
        "{{" + "(" * 5000 + "1" + ")" * 5000 + "}}",
        "{{if 1}}" * 5000 + "{{end}}" * 5000,
        "{{if 1}}{{else if 2}}" + "{{else if 2}}" * 5000 + "{{end}}",
    ],
    ids=["parentheses", "blocks", "else-if"],
)
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(ParseError, match=r"max (expression|block) depth exceeded"):
        parse("t", text, FUNCTIONS)


def test_a_number_of_many_digits_is_refused() -> None:
    with pytest.raises(ParseError, match="illegal number syntax"):
        parse("t", "{{" + "9" * 5000 + "}}", FUNCTIONS)


def test_functions_named_break_are_not_needed(world: Callable[..., TemplateSet]) -> None:
    templates = world({"t": "{{range 3}}{{if eq . 1}}{{break}}{{end}}{{.}}{{end}}"})
    assert templates.execute("t", None) == "0"
