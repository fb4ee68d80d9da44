"""`.Files`: the chart's other files, as templates read them."""

from __future__ import annotations

import base64
import posixpath
from typing import ClassVar

from towline.render.gotemplate.functions import BYTES, STRING, STRINGS, Function, object_type
from towline.render.gotemplate.kinds import GoMap, StringList
from towline.render.helm.globs import compile_glob
from towline.text.goyaml import dump


class Files(GoMap):
    """Names to contents. Templates may range over it, and call its methods."""

    __slots__ = ()
    go_type: ClassVar[str] = "engine.files"
    go_element = b""
    go_element_type = "[]uint8"

    def get_bytes(self, name: str) -> bytes:
        """`GetBytes`: a file's content; empty when it is not there."""
        content: bytes = dict.get(self, name, b"")
        return content

    def get_text(self, name: str) -> str:
        """`Get`: a file's content as text."""
        return self.get_bytes(name).decode("utf-8", "surrogateescape")

    def glob(self, pattern: str) -> Files:
        """`Glob`: the files whose names match; all of them when the pattern is malformed."""
        matches = compile_glob(pattern)
        return Files({name: data for name, data in self.items() if matches(name)})

    def lines(self, name: str) -> StringList:
        """`Lines`: a file's lines, without the line break at its end."""
        text = self.get_text(name)
        return StringList(text.removesuffix("\n").split("\n")) if text else StringList()

    def as_config(self) -> str:
        """`AsConfig`: base names and contents as the YAML of a ConfigMap's data."""
        return _yaml({posixpath.basename(name): self.get_text(name) for name in sorted(self)})

    def as_secrets(self) -> str:
        """`AsSecrets`: base names and encoded contents as the YAML of a Secret's data."""
        return _yaml(
            {
                posixpath.basename(name): base64.b64encode(self[name]).decode()
                for name in sorted(self)
            }
        )


Files.go_methods = {
    "Get": Function(Files.get_text, (STRING,), result=STRING),
    "GetBytes": Function(Files.get_bytes, (STRING,), result=BYTES),
    "Glob": Function(Files.glob, (STRING,), result=object_type(Files)),
    "Lines": Function(Files.lines, (STRING,), result=STRINGS),
    "AsConfig": Function(Files.as_config, result=STRING),
    "AsSecrets": Function(Files.as_secrets, result=STRING),
}


def _yaml(texts: dict[str, str]) -> str:
    return dump(texts).removesuffix("\n")
