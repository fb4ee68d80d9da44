"""What scripts mean: one line in, one value out."""

from __future__ import annotations

import pytest
from groovy_runner import exception_of, execute, printed, value_of

EXPRESSIONS = [
    # numbers
    ("1 + 2 * 3", "7"),
    ("(1 + 2) * 3", "9"),
    ("2 ** 10", "1024"),
    ("-2 ** 2", "-4"),
    ("7 % 3", "1"),
    ("-7 % 3", "-1"),
    ("1 / 2", "0.5"),
    ("10 / 3", "3.3333333333"),
    ("6 / 2", "3"),
    ("0.1 + 0.2", "0.3"),
    ("0x1F + 1_000", "1031"),
    ("7.intdiv(2)", "3"),
    ("1 == 1.0", "true"),
    ("1 <=> 2", "-1"),
    ("5 as String", "5"),
    ("'42' as int", "42"),
    ("'42'.toInteger() + 1", "43"),
    ("Math.max(3, 9)", "9"),
    ("Integer.parseInt('12') * 2", "24"),
    ("3.7 as int", "3"),
    ("(2 | 4) & 6", "6"),
    # strings
    ("'a' + 1", "a1"),
    ("'abc' * 2", "abcabc"),
    ("'a-b-c' - '-b'", "a-c"),
    ("'  x '.trim()", "x"),
    ("'a,b,,'.split(',').size()", "2"),
    ("'a.b.c'.split('\\\\.').join('/')", "a/b/c"),
    ("'a b  c'.tokenize()", "[a, b, c]"),
    ("'v1.2'.replaceAll(/v(\\d)/, '$1x')", "1x.2"),
    ("'abc'[0]", "a"),
    ("'abcdef'[1..3]", "bcd"),
    ("'abcdef'[-3..-1]", "def"),
    ("'abcdefg'[0..6]", "abcdefg"),
    ("'abc'.substring(1)", "bc"),
    ("'abc'.take(2) + 'abc'.reverse()", "abcba"),
    ("'abc'.capitalize()", "Abc"),
    ("'7'.padLeft(3, '0')", "007"),
    ("'a\\nb'.readLines()", "[a, b]"),
    ("String.format('%03d-%s-%.2f', 7, 'x', 1.5)", "007-x-1.50"),
    ("'x'.isInteger() || '12'.isInteger()", "true"),
    ("'''a\n  b'''.stripIndent()", "a\n  b"),
    ("'abc' ==~ /a.c/", "true"),
    ("('abc' =~ /b/) ? 'yes' : 'no'", "yes"),
    ("def m = 'v1.22' =~ /v(\\d+)\\.(\\d+)/; m[0][2]", "22"),
    ("'Foo'.equalsIgnoreCase('foO')", "true"),
    ('"${1 + 1} and ${[1, 2].size()}"', "2 and 2"),
    ('def a = [b: [c: 5]]; "$a.b.c!"', "5!"),
    ('"cost \\$5"', "cost $5"),
    ("'$x ${y}'", "$x ${y}"),
    ('"""a ${"in ${1}"} b"""', "a in 1 b"),
    ("'\\u0041\\t|'", "A\t|"),
    ("'\\ud83d\\ude00'.length()", "1"),
    # null and truth
    ("null ?: 'other'", "other"),
    ("'' ?: 'empty'", "empty"),
    ("def x = null; x?.foo?.bar()", "null"),
    ("!0 && ![] && ![:] && !'' && !null", "true"),
    ("'a' in ['a', 'b']", "true"),
    ("3 in 1..5", "true"),
    ("'x' !in ['a']", "true"),
    ("'s' instanceof String", "true"),
    ("[1] instanceof Map", "false"),
    # lists
    ("[1, 2, 3].collect { it * 2 }", "[2, 4, 6]"),
    ("[1, [2, [3]]].flatten()", "[1, 2, 3]"),
    ("[3, 1, 2].sort()", "[1, 2, 3]"),
    ("[3, 1, 2].sort { a, b -> b <=> a }", "[3, 2, 1]"),
    ("['bb', 'a'].sort { it.size() }", "[a, bb]"),
    ("[1, 2, 2, 3, 1].unique()", "[1, 2, 3]"),
    ("[1, 2] + [3] - [1]", "[2, 3]"),
    ("[1, 2, 3][-1]", "3"),
    ("[1, 2, 3, 4][1..2]", "[2, 3]"),
    ("[1, 2][5]", "null"),
    ("(1..<4).sum()", "6"),
    ("[1, 2, 3].inject(10) { a, b -> a + b }", "16"),
    ("[1, 2, 3, 4].findAll { it % 2 == 0 }.max()", "4"),
    ("[a: 1, b: 2].collect { k, v -> \"$k=$v\" }.join('&')", "a=1&b=2"),
    ("['x', 'yy'].collectEntries { [(it): it.size()] }", "[x:1, yy:2]"),
    ("[1, 2, 3].groupBy { it % 2 == 0 ? 'even' : 'odd' }", "[odd:[1, 3], even:[2]]"),
    ("[[name: 'a'], [name: 'b']]*.name", "[a, b]"),
    ("[[name: 'a'], [name: 'b']].name", "[a, b]"),
    ("['a', 'b']*.toUpperCase()", "[A, B]"),
    ("[[1, 2], [3, 4]].collect { a, b -> a * b }", "[2, 12]"),
    ("[[1, 2], ['a', 'b']].combinations().size()", "4"),
    ('def r = []; [5, 6].eachWithIndex { x, i -> r << "$i:$x" }; r', "[0:5, 1:6]"),
    ("[1, 2, 3].any { it > 2 } && [1].every { it == 1 }", "true"),
    ("def l = []; 3.times { l << it }; l", "[0, 1, 2]"),
    ("[*[1, 2], 3]", "[1, 2, 3]"),
    ("['b', 'a'] as Set", "[b, a]"),
    # maps
    ("[:]", "[:]"),
    ("def k = 'x'; [(k): 1, 'a-b': 2, c: 3]", "[x:1, a-b:2, c:3]"),
    ("[a: 1] + [b: 2]", "[a:1, b:2]"),
    ("def m = [:]; m.a = 1; m['b'] = 2; m.put('c', 3); m.keySet()", "[a, b, c]"),
    ("[a: 1].getOrDefault('z', 9)", "9"),
    ("[a: 1].containsKey('a')", "true"),
    ("[b: 1, a: 2].sort().keySet().first()", "a"),
    ("[a: 1].find { k, v -> v == 1 }.key", "a"),
    ("def m = [f: { x -> x + 1 }]; m.f(2)", "3"),
    ("def m = [a: 1]; m.each { it.value }; m.size()", "1"),
    # precedence and choices
    ("true || false && false", "true"),
    ("1 + 1 == 2 ? 'a' : 'b'", "a"),
    ("false ? 1 : true ? 2 : 3", "2"),
    ("1..3 == [1, 2, 3]", "true"),
]


@pytest.mark.parametrize(("source", "text"), EXPRESSIONS)
def test_expression_prints(source: str, text: str) -> None:
    assert printed(source) == text


SCRIPTS = [
    ("if without braces", "if (1 > 2) 'a'\nelse if (2 > 1) 'b'\nelse 'c'", "b"),
    ("c-style loop", "def s = 0\nfor (int i = 0; i < 5; i++) { s += i }\ns", 10),
    ("loop over map", "def s = ''\nfor (e in [a: 1, b: 2]) { s += e.key + e.value }\ns", "a1b2"),
    (
        "break and continue",
        "def r = []\nfor (x in 1..9) { if (x == 2) continue\n if (x == 5) break\n r << x }\nr",
        [1, 3, 4],
    ),
    ("while", "def n = 3, s = 0\nwhile (n > 0) { s += n; n-- }\ns", 6),
    ("do while", "def n = 0\ndo { n++ } while (n < 3)\nn", 3),
    ("function with default", "def f(a, b = 2) { a + b }\nf(1) + f(1, 1)", 5),
    ("function with named arguments", "def f(Map m, x) { m.a + x }\nf(a: 1, 2)", 3),
    ("typed function", "String f(String a) { return a + '!' }\nf('x')", "x!"),
    ("recursion", "def f(n) { n < 2 ? n : f(n - 1) + f(n - 2) }\nf(10)", 55),
    ("closure captures", "def n = 1\ndef add = { x -> n += x }\nadd(2)\nadd.call(3)\nn", 6),
    ("closure default it", "def c = { it ?: 'none' }\nc() + c('x')", "nonex"),
    ("multi-assignment", "def (a, b) = [1, 2]\na + b", 3),
    ("undeclared is global", "x = 1\ndef f() { x + 1 }\nf()", 2),
    ("field is global", "@groovy.transform.Field def x = 1\ndef f() { x + 1 }\nf()", 2),
    ("NonCPS is ignored", "@NonCPS\ndef f(x) { x * 2 }\nf(4)", 8),
    ("return ends the script", "return 5\n6", 5),
    ("return from closure only", "def r = [1, 2].collect { return it + 1 }\nr", [2, 3]),
    (
        "switch falls through",
        "def r = ''\nswitch (1) { case 1: r += 'a'\n case 2: r += 'b'; break\n default: 0 }\nr",
        "ab",
    ),
    (
        "switch on list and type",
        "switch ('q') { case [1, 2]: return 'l'\n case String: return 's' }",
        "s",
    ),
    ("switch on pattern", "switch ('release-1') { case ~/release-.*/: return 'r' }", "r"),
    (
        "finally runs",
        "def r\ntry { throw new Exception('x') } catch (e) { r = 'x' } finally { r += 'f' }\nr",
        "xf",
    ),
    (
        "catch by type",
        (
            "try { throw new IllegalStateException() } catch (IOException | Error e) { 1 }\n"
            "catch (RuntimeException e) { 2 }"
        ),
        2,
    ),
    (
        "catch of a run-time error",
        "try { null.foo() } catch (NullPointerException e) { 'npe' }",
        "npe",
    ),
    ("assert passes", "assert 1 == 1\n'ok'", "ok"),
    ("chain on the next line", "[1, 2]\n  .collect { it + 1 }\n  .join('-')", "2-3"),
    ("block on the next line", "block\n{\n  7\n}", 7),
    ("operator at line end", "def a = 1 +\n  2\na", 3),
    ("ternary over lines", "true\n  ? 'a'\n  : 'b'", "a"),
    ("command with named arguments", "def r = named a: 1, b: [2,\n 3]\nr.named.b", [2, 3]),
    ("command on the right side", "def r = named 'x', k: 1\nr.positional", ["x"]),
    ("named map to parenthesised call", "named([a: 1]).positional", [{"a": 1}]),
    ("comment and shebang", "#!groovy\n// a\n/* b */ 5 // c", 5),
    ("compound assignment", "def m = [n: 1]\nm.n += 4\nm['n'] *= 2\nm.n", 10),
    ("increment returns the old value", "def i = 1\ndef a = i++\n[a, i, ++i]", [1, 2, 3]),
    ("host variable", "HOST_VARIABLE", "from the host"),
    ("this.function", "def f() { 3 }\nthis.f()", 3),
    ("line continuation", "def a = 1 \\\n + 2\na", 3),
    ("slashy string keeps backslashes", "def p = /a\\d+\\/b/\np", "a\\d+/b"),
    ("division after a name", "def a = 6\ndef b = a / 2 / 3\nb == 1", True),
    ("statement labels by semicolon", "def a = 1; def b = 2; a + b", 3),
    ("closure as last argument in a chain", "[1, 2].inject(0) { a, b -> a + b } + 1", 4),
    (
        "while find",
        "def m = 'a1b2' =~ /\\d/\ndef r = []\nwhile (m.find()) { r << m.group() }\nr",
        ["1", "2"],
    ),
    ("generics and final", "final Map<String, List<String>> m = [a: ['x']]\nm.a[0]", "x"),
]


@pytest.mark.parametrize(("source", "value"), [row[1:] for row in SCRIPTS], ids=lambda row: None)
def test_script_gives(source: str, value: object) -> None:
    assert value_of(source) == value


EXCEPTIONS = [
    ("\nnull.foo()", "NullPointerException", "foo()", 2),
    ("foo", "MissingPropertyException", "foo", 1),
    ("foo(1)", "NoSuchMethodError", "foo", 1),
    ("1 / 0", "ArithmeticException", "zero", 1),
    ("9223372036854775807 + 1", "ArithmeticException", "overflow", 1),
    ("'abc'.toInteger()", "NumberFormatException", "abc", 1),
    ("'abc'.frobnicate()", "MissingMethodException", "frobnicate", 1),
    ("'abc'.substring(9)", "StringIndexOutOfBoundsException", "9", 1),
    ("[].first()", "NoSuchElementException", "empty", 1),
    ("def f(a) { }\nf(1, 2)", "MissingMethodException", "2 were given", 2),
    ("throw new RuntimeException('x')", "RuntimeException", "x", 1),
    ("assert 1 == 2 : 'why'", "PowerAssertionError", "why", 1),
    ("'5' > 3", "IllegalArgumentException", "compare", 1),
    ("break", "IllegalStateException", "loop", 0),
    ("'a' =~ /(/ ? 1 : 2", "PatternSyntaxException", "unclosed", 1),
]


@pytest.mark.parametrize(("source", "kind", "part", "line"), EXCEPTIONS)
def test_error_names_kind_and_line(source: str, kind: str, part: str, line: int) -> None:
    found = exception_of(source)
    assert found[0] == kind
    assert part in found[1]
    assert found[2] == line


def test_local_of_the_script_body_is_explained_in_functions() -> None:
    kind, message, line = exception_of("def tag = '1'\ndef f() {\n  tag\n}\nf()")
    assert (kind, line) == ("MissingPropertyException", 3)
    assert "@Field def tag" in message


def test_steps_run_in_order_with_host_blocks() -> None:
    _, lines = execute("echo 'a'\nblock { echo 'b'; block { echo 'c' } }\necho \"d ${1}\"")
    assert lines == ["a", "b", "c", "d 1"]


def test_cyclic_collections_print_and_compare() -> None:
    assert len(printed("def l = []; l << l; l << 1; l")) < 2000
    assert value_of("def a = []; a << a; def b = []; b << b; a == b") in {True, False}
