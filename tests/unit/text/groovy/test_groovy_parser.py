"""What the parser refuses, and where it says so."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towline.errors import InputError
from towline.text.groovy import parse, tree

ERRORS = [
    ("echo 'a\n", 1, 6, "not closed"),
    ("echo 'a", 1, 6, "never closed"),
    ("echo '''a\n\n", 1, 6, "never closed"),
    ("def x = ", 1, 9, "unexpected end of file"),
    ("foo(1, 2", 1, 4, "never closed"),
    ("node {\n  echo 'x'\n", 1, 6, "'{' is never closed"),
    ("node {\n}\n}\n", 3, 1, "closes nothing"),
    ("node {\n  foo(]\n}", 2, 7, "still open"),
    ("x = '\\d'", 1, 6, "unknown escape"),
    ('x = "a $ b"', 1, 8, "'$' needs a name"),
    ("if (x { }", 1, 4, "never closed"),
    ("if (x y) { }", 1, 7, "expected ')'"),
    ("try { }", 1, 1, "'catch' or 'finally'"),
    ("1 = 2", 1, 3, "can be assigned"),
    ("def f() { def g() { } }", 1, 16, "cannot be defined here"),
    ("def f() {}\ndef f() {}", 2, 1, "twice"),
    ("foo = $/bar/$", 1, 7, "dollar-slashy"),
    ("def l = list.&add", 1, 13, "use a closure"),
    ("new int[3]", 1, 8, "use a list"),
    ("x = 'a' 'b'", 1, 9, "after the statement"),
    ("/* never", 1, 1, "comment is never closed"),
    ("[1, a: 2]", 1, 1, "mixed"),
    ("\x00", 1, 1, "unexpected character"),
    ("'\\ud800'", 1, 8, "surrogate"),
    ("switch (1) { foo }", 1, 14, "expected 'case'"),
    ("(" * 200 + ")" * 200, 1, 1, "nested too deeply"),
    ("x = " + "!" * 300 + "y", 1, 1, "nested too deeply"),
    ("x = " + "+".join("1" * 1 for _ in range(2000)), 1, 1, "too many parts"),
    ("9" * 100, 1, 1, "too long"),
]


@pytest.mark.parametrize(("source", "line", "column", "part"), ERRORS)
def test_error_says_where(source: str, line: int, column: int, part: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(source, "Jenkinsfile")
    error = caught.value
    assert error.file == "Jenkinsfile"
    assert error.line == line
    if len(source) < 100:
        assert error.column == column
    assert part in str(error)


def test_missing_brace_names_the_line_by_indentation() -> None:
    source = "node {\n  stage('a') {\n    sh 'x'\n  stage('b') {\n    sh 'y'\n  }\n}\n"
    with pytest.raises(InputError) as caught:
        parse(source, "Jenkinsfile")
    assert "'{' of line 2" in caught.value.hint
    assert "'}' of line 7" in caught.value.hint


def test_byte_order_mark_and_windows_lines_are_accepted() -> None:
    script = parse("\ufeffecho 'a'\r\necho 'b'\r\n", "f")
    assert len(script.body.statements) == 2


def test_classes_are_kept_as_unsupported_so_that_lint_goes_on() -> None:
    script = parse("class A { def x() { [1] } }\necho 'x'", "f")
    assert [type(node) for node in script.body.statements] == [
        tree.Unsupported,
        tree.ExpressionStatement,
    ]


SAMPLE = """
@Library('x') _
import java.util.List
def app = "a ${env.X} $y.z"
String f(Map m = [:], b) { return m?.a ?: b }
node('x') {
    stage('A') { checkout scm }
    parallel a: { sh '''x''' }, b: { retry(2) { sh "y" } }
    for (int i = 0; i < 3; i++) { if (i == 1) { continue } else break }
    try { x = [1, 2][0..1].collect { a, b -> a =~ /x/ } } catch (A | B e) { throw e } finally { }
    switch (x) { case ~/a/: break; default: echo 'd' }
    def (p, q) = [1, 2]
    sh script: 'ls', returnStdout: true
}
"""
PIECES = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "'",
    '"',
    "${",
    "$",
    "/",
    "\n",
    "def ",
    ",",
    ":",
    "->",
    "\\",
    " as ",
    " in ",
    "'''",
    "?",
    "..",
    "@",
    "new ",
    "try ",
    "\ud83d\ude00",
    "0x",
    "1e9",
]


@settings(max_examples=150, deadline=None)
@given(
    edits=st.lists(
        st.tuples(
            st.integers(0, len(SAMPLE)), st.integers(0, 12), st.sampled_from(PIECES) | st.text()
        ),
        max_size=6,
    )
)
def test_parser_only_raises_input_errors(edits: list[tuple[int, int, str]]) -> None:
    source = SAMPLE
    for start, size, text in edits:
        source = source[:start] + text + source[start + size :]
    try:
        parse(source, "f")
    except InputError:
        return


def test_sample_itself_parses() -> None:
    assert len(parse(SAMPLE, "f").body.statements) == 5
