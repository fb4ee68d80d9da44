"""Takes secrets out of text before it is stored or shown. Pure.

A secret is looked for as it is and in the forms in which tools print it: base64 (at each of its
three alignments, both alphabets), URL-quoted, shell-quoted and JSON-escaped. The longest form is
replaced first. Text comes in chunks; a form that is split between chunks is still found, because
text is held back until its line is complete.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

MASK = "****"
MIN_LENGTH = 3
MAX_HELD = 64 * 1024
_MIN_BASE64 = 6


class Masker:
    """Replaces the forms of some secrets in a stream of text.

    Attributes:
        held: Characters that wait for the rest of their line.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._multi_line: tuple[str, ...] = ()
        self._longest = 0
        self._tail = ""
        self.add(secrets)

    @property
    def held(self) -> int:
        """Number of characters that wait for the rest of their line."""
        return len(self._tail)

    def add(self, secrets: Iterable[str]) -> None:
        """Masks further secrets from now on; those shorter than three characters are left out."""
        new = {secret for secret in secrets if len(secret) >= MIN_LENGTH} - self._secrets
        if not new:
            return
        self._secrets |= new
        forms = sorted({form for secret in self._secrets for form in _forms(secret)}, key=_order)
        self._longest = max(len(form) for form in forms)
        self._multi_line = tuple(form for form in forms if "\n" in form)
        self._pattern = re.compile("|".join(map(re.escape, forms)))

    def mask(self, text: str) -> str:
        """The whole text with every form of every secret replaced."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def feed(self, chunk: str) -> str:
        """Takes the next chunk of a stream.

        Returns:
            Masked text that is complete: up to the last line end, or further when a line is
            longer than 64 KiB.
        """
        text = self._tail + chunk
        if self._pattern is None:
            self._tail = ""
            return text
        cut = self._cut(text)
        ready, self._tail = text[:cut], text[cut:]
        return self.mask(ready)

    def flush(self) -> str:
        """The masked rest of the stream."""
        text, self._tail = self._tail, ""
        return self.mask(text)

    def _cut(self, text: str) -> int:
        """Where text may be cut: after a line end, and never inside a form of a secret."""
        cut = text.rfind("\n") + 1
        if len(text) - cut > MAX_HELD:
            cut = len(text) - self._longest
        cut = min(max(0, cut), self._first_beginning(text))
        if self._pattern is not None:
            for match in self._pattern.finditer(text):
                if match.start() < cut < match.end():
                    return match.start()
        return cut

    def _first_beginning(self, text: str) -> int:
        """Where the end of the text first begins a form of several lines; its length if nowhere."""
        for start in range(max(0, len(text) - self._longest), len(text)):
            end = text[start:]
            if any(form.startswith(end) for form in self._multi_line):
                return start
        return len(text)


def _order(form: str) -> tuple[int, str]:
    return (-len(form), form)


def _forms(secret: str) -> set[str]:
    """Every text under which the secret may show up."""
    quoted = quote(secret, safe="")
    forms = {
        secret,
        quoted,
        re.sub("%[0-9A-F]{2}", lambda match: match.group().lower(), quoted),
        quote(secret),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        shlex.quote(secret),
        secret.replace("'", "'\\''"),
        secret.replace("$", "$$"),
        "".join(f"\\{char}" if char in _SHELL_SPECIAL else char for char in secret),
    }
    forms |= {line for line in secret.splitlines() if len(line) >= 8}
    forms |= set(_base64_forms(secret.encode("utf-8", "surrogatepass")))
    forms.add(secret.strip())
    return {form for form in forms if len(form) >= MIN_LENGTH}


_SHELL_SPECIAL = frozenset(" \t\"'\\$`!*?[](){}<>|&;#~")


def _base64_forms(raw: bytes) -> Iterator[str]:
    """Base64 texts of the secret at the three alignments, without the characters it shares."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(raw).decode("ascii")
        for candidate in (whole, whole.rstrip("=")):
            if len(candidate) >= MIN_LENGTH:
                yield candidate
        for offset in range(3):
            text = encode(b"\0" * offset + raw).decode("ascii")
            first = (0, 2, 3)[offset]
            spare = (offset + len(raw)) % 3
            inner = text.rstrip("=")[first:]
            if spare:
                inner = inner[:-1]
            if len(inner) >= _MIN_BASE64:
                yield inner
