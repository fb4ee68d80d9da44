"""Where image references really lead: mirrors and aliases of registries."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

import msgspec

from towline.errors import SettingsError
from towline.oci.references import ImageReference, parse_reference, registry_host

EMBEDDED = "embedded"


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """A place of an image.

    Attributes:
        location: `HOST[:PORT]/PATH[:TAG][@DIGEST]`, without scheme.
        insecure: Whether plain HTTP may be spoken (loopback only, unless it is the embedded one).
    """

    location: str
    insecure: bool = False

    @property
    def host(self) -> str:
        """Host and port."""
        return self.location.partition("/")[0]


class Mirrors:
    """Resolves references through the mirrors setting.

    Args:
        mapping: Registry host -> `HOST:PORT[/PREFIX]` or `embedded`.
        embedded: `HOST:PORT` of the embedded registry; empty when there is none.

    Raises:
        SettingsError: `embedded` is asked for and there is none.
    """

    def __init__(self, mapping: Mapping[str, str], embedded: str = "") -> None:
        if EMBEDDED in mapping.values() and not embedded:
            raise SettingsError(
                "registry.mirrors names `embedded`, but no embedded registry runs",
                hint="name a registry as HOST:PORT",
            )
        self._embedded = embedded
        self._places = {
            registry_host(host): embedded if place == EMBEDDED else _place(place)
            for host, place in mapping.items()
        }

    @property
    def places(self) -> dict[str, str]:
        """Registry host -> `HOST:PORT[/PREFIX]`, with the embedded registry's address filled in."""
        return dict(self._places)

    def canonical(self, reference: str) -> str:
        """The reference with every default filled in.

        Raises:
            InputError: It is not a reference.
        """
        return str(parse_reference(reference))

    def is_mapped(self, host: str) -> bool:
        """Whether a registry is mapped elsewhere."""
        return registry_host(host) in self._places

    def is_embedded(self, host: str) -> bool:
        """Whether a registry is the embedded one, by itself or by a mirror."""
        place = self._places.get(registry_host(host), host)
        return bool(self._embedded) and place.partition("/")[0] == self._embedded

    def resolve_push(self, reference: str) -> Location:
        """Where a push to the reference goes.

        Raises:
            InputError: It is not a reference.
        """
        parsed = parse_reference(reference)
        place = self._places.get(parsed.registry)
        return self._located(parsed, place or parsed.registry)

    def resolve_pull(self, reference: str) -> list[Location]:
        """Places to ask for the reference, best first: the mirror, then the registry itself.

        Raises:
            InputError: It is not a reference.
        """
        parsed = parse_reference(reference)
        places = [self._places[parsed.registry]] if parsed.registry in self._places else []
        return [self._located(parsed, place) for place in [*places, parsed.registry]]

    def registries_conf(self) -> str:
        """The setting as a registries.conf for buildah and podman."""
        lines = ['unqualified-search-registries = ["docker.io"]', ""]
        for host, place in sorted(self._places.items()):
            insecure = "true" if self._is_insecure(place) else "false"
            lines += [
                "[[registry]]",
                f'prefix = "{host}"',
                f'location = "{host}"',
                "[[registry.mirror]]",
                f'location = "{place}"',
                f"insecure = {insecure}",
                "",
            ]
        if self._embedded:
            lines += ["[[registry]]", f'location = "{self._embedded}"', "insecure = true", ""]
        return "\n".join(lines)

    def _located(self, reference: ImageReference, place: str) -> Location:
        return Location(
            location=f"{place}/{reference.repository}{reference.suffix}",
            insecure=self._is_insecure(place),
        )

    def _is_insecure(self, place: str) -> bool:
        host = place.partition("/")[0]
        return host == self._embedded or is_loopback(host)


def is_loopback(host: str) -> bool:
    """Whether `HOST[:PORT]` is this machine."""
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    name = name.strip("[]")
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _place(text: str) -> str:
    place = text.removeprefix("https://").removeprefix("http://").rstrip("/")
    host = place.partition("/")[0]
    if not host or any(char in place for char in " \t\n\"'\\@"):
        raise SettingsError(f"registry.mirrors: {text!r} is not HOST:PORT[/PREFIX]")
    return place
