"""What Go's YAML package says of a text that it refuses, with the line that it would name.

Go's package is a port of libyaml with differences that show in its errors: lines count from zero
except for what its scanner finds, a key without its colon is noticed only when the parser gets
there, and keys that are no texts are complained about after the whole document was parsed.
"""

from __future__ import annotations

import binascii
from typing import Final

import yaml
from yaml._yaml import CParser

from towline.errors import InputError
from towline.text.goyaml.keysyntax import key_problem
from towline.text.goyaml.lazyscanner import first_problem

_NO_JSON: Final = " has no JSON form"
_INFINITE: Final = {
    **{sign + word: "+Inf" for sign in ("", "+") for word in (".inf", ".Inf", ".INF")},
    **{f"-{word}": "-Inf" for word in (".inf", ".Inf", ".INF")},
}
_COLON: Final = "could not find expected ':'"
_KEYS: Final = ("a collection cannot be a key", "null cannot be a key")
# Pure Python scans slowly: longer texts keep libyaml's answer.
_LONGEST: Final = 256 * 1024


def yaml_problem(error: InputError, text: str) -> str:
    """Go's text for why a document could not be read.

    Args:
        error: What our loader said.
        text: What it read.
    """
    message = error.message
    cause = error.__cause__
    if isinstance(cause, yaml.reader.ReaderError):
        return "yaml: control characters are not allowed"
    if isinstance(cause, binascii.Error):
        return "yaml: !!binary value contains invalid base64 data"
    if isinstance(cause, yaml.MarkedYAMLError):
        return f"yaml: {_syntax_problem(cause, text)}"
    broken = _broken(text)
    if broken is not None:
        return f"yaml: {_syntax_problem(broken, text)}"
    if message.endswith(_NO_JSON):
        return f"json: unsupported value: {_INFINITE.get(message[: -len(_NO_JSON)], 'NaN')}"
    if message in _KEYS:
        return key_problem(text) or f"yaml: {message}"
    return f"yaml: {message}"


def _broken(text: str) -> yaml.MarkedYAMLError | None:
    """What is wrong with the syntax of the first document, wherever the loader stopped."""
    parser = CParser(text.removeprefix("\ufeff"))
    try:
        while not isinstance(parser.get_event(), yaml.DocumentEndEvent | yaml.StreamEndEvent):
            pass
    except yaml.MarkedYAMLError as error:
        return error
    except (yaml.YAMLError, UnicodeEncodeError):
        return None
    return None


def _syntax_problem(error: yaml.MarkedYAMLError, text: str) -> str:
    problem = error.problem or "unknown problem parsing YAML content"
    if problem == _COLON and len(text) <= _LONGEST:
        found = first_problem(text)
        if found is not None:
            return _placed(*found)
    line = error.problem_mark.line if error.problem_mark else 0
    if line and isinstance(error, yaml.scanner.ScannerError):
        line += 1
    elif not line and error.context_mark:
        line = error.context_mark.line
    return _placed(line, problem)


def _placed(line: int, problem: str) -> str:
    return f"line {line}: {problem}" if line else problem
