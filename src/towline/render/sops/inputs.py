"""The inputs of a render, with encrypted files opened as far as there are keys."""

from __future__ import annotations

import msgspec

from towline.render.inputs import Inputs
from towline.render.sops.metadata import Unwrap
from towline.render.sops.tree import DecryptingTree


class Opened:
    """Inputs whose own trees read encrypted files as plain ones.

    Without keys such files are read as they are: they may be meant for somebody else.

    Args:
        given: The inputs.

    Attributes:
        inputs: The same, with trees that decrypt.
    """

    def __init__(self, given: Inputs) -> None:
        unwrap = _lazily(given.age_keys) if given.age_keys else None
        tree = DecryptingTree(given.tree, unwrap)
        refs = {name: DecryptingTree(other, unwrap) for name, other in given.refs.items()}
        self._trees = [tree, *refs.values()]
        self.inputs = msgspec.structs.replace(given, tree=tree, refs=refs)

    @property
    def met(self) -> bool:
        """Whether an encrypted file was read."""
        return any(tree.met for tree in self._trees)

    @property
    def used(self) -> bool:
        """Whether anything was decrypted."""
        return any(tree.used for tree in self._trees)


def _lazily(keys: tuple[str, ...]) -> Unwrap:
    """Reads the keys when the first file needs them."""
    made: list[Unwrap] = []

    def unwrap(armored: str) -> bytes | None:
        if not made:
            # The age library is loaded only where something is encrypted.
            from towline.render.sops.age import age_unwrapper  # noqa: PLC0415

            made.append(age_unwrapper(keys))
        return made[0](armored)

    return unwrap
