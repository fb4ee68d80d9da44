"""OCI edge: references, registry mirrors and aliases, registry client, the embedded registry."""

from towline.oci.client import RegistryClient
from towline.oci.mirrors import Location, Mirrors
from towline.oci.references import ImageReference, parse_reference, registry_host
from towline.oci.registry import EmbeddedRegistry

__all__ = [
    "EmbeddedRegistry",
    "ImageReference",
    "Location",
    "Mirrors",
    "RegistryClient",
    "parse_reference",
    "registry_host",
]
