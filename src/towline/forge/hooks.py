"""What every forge's webhooks have in common: a secret, a delivery id, an event.

Pure, apart from the ports: protocols that the store implements.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Protocol, TypeVar

import msgspec

from towline.errors import InputError
from towline.forge.events import PushEvent
from towline.forge.forms import begins_form, escaped

_HEX_DIGEST = re.compile(r"\A[0-9a-f]{64}\Z")
_DELIVERY = re.compile(r"\A[A-Za-z0-9._:-]{1,128}\Z")
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|\Z)|[/.]\Z")

ObjectId = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{40}\Z")]
RefName = Annotated[str, msgspec.Meta(pattern=r"\Arefs/[^/]", max_length=1024)]
Url = Annotated[str, msgspec.Meta(max_length=2048)]
FullName = Annotated[str, msgspec.Meta(pattern=r"\A[^/\s]+(?:/[^/\s]+)+\Z", max_length=512)]
Name = Annotated[str, msgspec.Meta(max_length=512)]
Path = Annotated[str, msgspec.Meta(max_length=4096)]

S = TypeVar("S", bound=msgspec.Struct)


class Hook(Protocol):
    """A configured hook, as a store keeps it."""

    @property
    def hook_id(self) -> str:
        """Its name in the store."""
        ...

    @property
    def full_name(self) -> str:
        """The repository that it is for, `OWNER/NAME`; empty for any repository."""
        ...

    @property
    def url(self) -> str:
        """Clone URL of the repository, or an empty string."""
        ...

    @property
    def secret(self) -> bytes:
        """The shared secret."""
        ...


class HookSecret(msgspec.Struct, frozen=True):
    """A `Hook` as a value; the representation does not show its secret.

    Attributes:
        hook_id: Its name in the store.
        full_name: The repository that it is for, `OWNER/NAME`; empty for any repository.
        url: Clone URL of the repository, or an empty string.
        secret: The shared secret.
    """

    hook_id: str
    full_name: str
    url: str
    secret: bytes

    def __repr__(self) -> str:
        return f"HookSecret({self.hook_id!r}, {self.full_name!r}, ***)"


class HookSecrets(Protocol):
    """The configured hooks."""

    async def secrets(self, provider: str, /) -> Sequence[Hook]:
        """All hooks of the provider; none means that its endpoint is off."""
        ...


class HookRegistry(HookSecrets, Protocol):
    """The configured hooks, with the right to add one."""

    async def put(self, full_name: str, url: str, secret: bytes, /) -> str:
        """Stores the hook of a repository, replacing an earlier one; gives its id."""
        ...


class Ignored(msgspec.Struct):
    """The body of an event that is only checked for being a JSON object."""


class HookDialect(Protocol):
    """One forge's way to send webhooks."""

    @property
    def name(self) -> str:
        """Name of the provider: `github`, `gitlab`, `gitea`."""
        ...

    def claims(self, headers: Mapping[str, str]) -> bool:
        """Whether the request looks as if it came from such a forge."""
        ...

    def signed(self, headers: Mapping[str, str]) -> bool:
        """Whether the request carries a well-formed proof, right or wrong."""
        ...

    def verify(
        self, secrets: Sequence[Hook], headers: Mapping[str, str], body: bytes
    ) -> Hook | None:
        """The hook whose secret proves the body, or None."""
        ...

    def delivery_id(self, headers: Mapping[str, str]) -> str:
        """The id under which a redelivery is recognised.

        Raises:
            InputError: It is missing or malformed.
        """
        ...

    def parse_push(self, headers: Mapping[str, str], body: bytes) -> PushEvent | None:
        """The push, or None for an event that nothing needs to be done for.

        Raises:
            InputError: The body is not what the provider sends.
        """
        ...


def hmac_match(secrets: Sequence[Hook], digest: str, body: bytes) -> Hook | None:
    """The hook whose secret gives that HMAC-SHA256 of the body.

    Only hooks whose repository is named somewhere in the body are tried, so that one request costs
    one or two computations however many hooks there are.

    Args:
        secrets: The configured hooks.
        digest: 64 hexadecimal digits, as sent.
        body: The raw bytes.
    """
    if not _HEX_DIGEST.match(digest):
        return None
    lowered = body.lower()
    found: Hook | None = None
    for hook in secrets:
        if not hook.secret or not _mentions(lowered, hook.full_name):
            continue
        expected = hmac.new(hook.secret, body, hashlib.sha256).hexdigest()
        if hmac.compare_digest(expected, digest) and found is None:
            found = hook
    return found


def is_digest(text: str) -> bool:
    """Whether the text is a SHA-256 in lower-case hexadecimal."""
    return _HEX_DIGEST.match(text) is not None


def checked_delivery_id(text: str) -> str:
    """The id itself.

    Raises:
        InputError: It is missing or malformed.
    """
    if not _DELIVERY.match(text):
        raise InputError("the delivery id is missing or malformed")
    return text


def checked_ref(ref: str) -> str:
    """The full ref name itself.

    Raises:
        InputError: Git would not accept it.
    """
    if _BAD_REF.search(ref) or not ref.startswith("refs/"):
        raise InputError("not a valid ref name", field="ref")
    return ref


def decode(body: bytes, kind: type[S]) -> S:
    """Decodes and validates a body.

    Raises:
        InputError: It is not JSON, or not of that shape; names the field.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `")
        raise InputError(message, field=place.removesuffix("`").removeprefix("$.")) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise InputError("the body is nested too deeply") from None


def belongs(hook: Hook, event: PushEvent) -> bool:
    """Whether the event is about the repository that the hook is for."""
    return not hook.full_name or hook.full_name.lower() == event.full_name.lower()


def first_line(message: str | None, limit: int = 200) -> str:
    """The first line of a commit message, cut to the limit."""
    lines = (message or "").strip().splitlines()
    return lines[0][:limit] if lines else ""


def _mentions(lowered: bytes, full_name: str) -> bool:
    if not full_name:
        return True
    name = full_name.lower()
    spellings = [name.encode(), name.replace("/", "\\/").encode()]
    if begins_form(lowered):
        spellings += [escaped(spelling) for spelling in spellings]
    return any(spelling in lowered for spelling in spellings)
