"""Opens the data keys of files that were encrypted for age recipients."""

from __future__ import annotations

from collections.abc import Sequence

import pyrage

from towline.errors import SettingsError
from towline.render.sops.metadata import Unwrap


def age_unwrapper(keys: Sequence[str]) -> Unwrap:
    """Opens age messages with identities of the form `AGE-SECRET-KEY-1...`.

    Raises:
        SettingsError: One of them is malformed; the text is not shown.
    """
    try:
        identities = [pyrage.x25519.Identity.from_str(key) for key in keys]
    except pyrage.IdentityError as error:
        raise SettingsError("an age key is malformed", hint="it begins AGE-SECRET-KEY-1") from error

    def unwrap(armored: str) -> bytes | None:
        try:
            return bytes(pyrage.decrypt(armored.encode(), identities)) if identities else None
        except pyrage.DecryptError:
            return None

    return unwrap
