"""The `sops` block of an encrypted file: who can open it, what is encrypted, the checksum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from towline.argo.application import decode
from towline.errors import DeniedError, InputError
from towline.text.re2 import RegexError, compile_pattern

Unwrap = Callable[[str], bytes | None]
"""Opens an age message with the keys at hand; None when none of them fits."""

_OTHER_KEYS: Final = ("kms", "gcp_kms", "azure_kv", "hc_vault", "pgp")


class _Age(msgspec.Struct, frozen=True, kw_only=True):
    recipient: str = ""
    enc: str = ""


class _Group(msgspec.Struct, frozen=True, kw_only=True):
    age: tuple[_Age, ...] = ()


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says about its encryption."""

    age: tuple[_Age, ...] = ()
    key_groups: tuple[_Group, ...] = ()
    lastmodified: str = ""
    mac: str = ""
    mac_only_encrypted: bool = False
    unencrypted_suffix: str = ""
    encrypted_suffix: str = ""
    unencrypted_regex: str = ""
    encrypted_regex: str = ""

    def encrypts(self, path: tuple[str, ...]) -> bool:
        """Whether the value at a path should be encrypted."""
        if self.encrypted_suffix:
            return any(name.endswith(self.encrypted_suffix) for name in path)
        if self.unencrypted_regex:
            return not any(_found(self.unencrypted_regex, name) for name in path)
        if self.encrypted_regex:
            return any(_found(self.encrypted_regex, name) for name in path)
        suffix = self.unencrypted_suffix
        return not (suffix and any(name.endswith(suffix) for name in path))


def read_metadata(raw: Any, *, file: str) -> Metadata:
    """Reads the block.

    Raises:
        InputError: It is malformed.
    """
    if not isinstance(raw, dict):
        raise InputError("the sops block is not a mapping", file=file, field="sops")
    try:
        return decode(raw, Metadata, at="sops")
    except InputError as error:
        error.file = file
        raise


def data_key(metadata: Metadata, unwrap: Unwrap, *, file: str) -> bytes:
    """The key of the file's values.

    Raises:
        DeniedError: No key at hand opens it.
        InputError: It needs several keys together, or has a wrong size.
    """
    if len(metadata.key_groups) > 1:
        raise InputError("a file with several key groups is not supported", file=file, field="sops")
    recipients = metadata.age or tuple(age for g in metadata.key_groups for age in g.age)
    for recipient in recipients:
        key = unwrap(recipient.enc)
        if key is not None:
            if len(key) != 32:
                raise InputError("the data key has a wrong size", file=file, field="sops.age")
            return key
    names = ", ".join(age.recipient for age in recipients) or "none with age"
    raise DeniedError(
        f"{file}: encrypted with SOPS, and no key at hand opens it (recipients: {names})",
        hint="add the age key to the project's decryption keys",
    )


def _found(pattern: str, name: str) -> bool:
    try:
        return compile_pattern(pattern).matches(name)
    except RegexError as error:
        raise InputError(f"not a regular expression: {pattern}", field="sops") from error
