"""Where resources come from and what changed them: the text of kustomize's tracking annotations."""

from __future__ import annotations

import posixpath

import msgspec

from towline.text.goyaml import dump


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """A file, or the configuration of a generator or transformer.

    Attributes:
        path: File of a resource, relative to the target.
        repo: Repository of a remote base.
        ref: Its revision.
        configured_in: Kustomization file or configuration that made or changed the resource.
        configured_by: Fields of the configuration: apiVersion, kind, name, namespace.
    """

    path: str = ""
    repo: str = ""
    ref: str = ""
    configured_in: str = ""
    configured_by: tuple[tuple[str, str], ...] = ()

    def below(self, path: str) -> Origin:
        """The origin of a file or folder that this one names."""
        return msgspec.structs.replace(
            self, path=posixpath.normpath(posixpath.join(self.path, path))
        )

    def at(self, path: str, repo: str, ref: str) -> Origin:
        """The origin of a folder of a repository."""
        return msgspec.structs.replace(self, path=path, repo=repo, ref=ref)

    def configured(self, in_file: str, by: tuple[tuple[str, str], ...]) -> Origin:
        """The origin of what a configuration makes or changes."""
        return Origin(repo=self.repo, ref=self.ref, configured_in=in_file, configured_by=by)

    def lines(self) -> list[str]:
        """The fields as YAML lines, in their fixed order."""
        lines = [
            _line(name, value)
            for name, value in (
                ("path", self.path),
                ("repo", self.repo),
                ("ref", self.ref),
                ("configuredIn", self.configured_in),
            )
            if value
        ]
        given = [(name, value) for name, value in self.configured_by if value]
        if given:
            lines.append("configuredBy:")
            lines.extend(f"  {_line(name, value)}" for name, value in given)
        return lines

    def text(self) -> str:
        """Value of the annotation."""
        lines = self.lines()
        return "".join(f"{line}\n" for line in lines) if lines else "{}\n"


def listed(origins: tuple[Origin, ...]) -> str:
    """Value of the annotation that lists transformers."""
    parts = []
    for origin in origins:
        lines = origin.lines() or ["{}"]
        parts.append("- " + "\n  ".join(lines) + "\n")
    return "".join(parts)


def _line(name: str, value: str) -> str:
    return dump({name: value}).rstrip("\n")
