"""Where base images are looked for: the mirrors and registries of the settings."""

from __future__ import annotations

from collections.abc import Sequence

from towline.oci import Location, Mirrors, RegistryClient
from towline.sandbox import Candidate


class RegistrySource:
    """Implements `towline.sandbox.ImageSource`.

    Args:
        mirrors: Where references really lead.
        client: Asks registries.
    """

    def __init__(self, mirrors: Mirrors, client: RegistryClient) -> None:
        self._mirrors = mirrors
        self._client = client

    def canonical(self, reference: str) -> str:
        """The reference with every default filled in."""
        return self._mirrors.canonical(reference)

    def candidates(self, reference: str) -> Sequence[Candidate]:
        """The mirror, then the registry itself."""
        return [
            Candidate(location=place.location, insecure=place.insecure)
            for place in self._mirrors.resolve_pull(reference)
        ]

    async def may_have(self, candidate: Candidate, timeout: float) -> bool:
        """Whether the registry answers and does not say that it lacks the image."""
        place = Location(location=candidate.location, insecure=candidate.insecure)
        return await self._client.may_have(place, timeout)
