"""Which form of answer a client wants: JSON or YAML; whole objects, tables or metadata. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from towline.kube.status import ApiError

OBJECT = ""
TABLE = "Table"
PARTIAL = "PartialObjectMetadata"

_CONVERSIONS = {
    "Table": TABLE,
    "PartialObjectMetadata": PARTIAL,
    "PartialObjectMetadataList": PARTIAL,
}
_JSON = "application/json"
_YAML = "application/yaml"
_MEDIA = {
    "": _JSON,
    "*/*": _JSON,
    "application/*": _JSON,
    "application/json": _JSON,
    "application/yaml": _YAML,
}


class Clause(NamedTuple):
    """One part of an Accept header."""

    media: str
    params: dict[str, str]


class Form(NamedTuple):
    """The form of an answer.

    Attributes:
        media: `application/json` or `application/yaml`.
        convert: `OBJECT`, `TABLE` or `PARTIAL`.
        version: Version of meta.k8s.io for a conversion.
        plural: Whether `PARTIAL` was asked for as a list.
    """

    media: str = _JSON
    convert: str = OBJECT
    version: str = "v1"
    plural: bool = False


JSON = Form()


@lru_cache(maxsize=256)
def clauses(accept: str) -> tuple[Clause, ...]:
    """The parts of an Accept header, the most wanted first."""
    found: list[tuple[float, int, Clause]] = []
    for order, text in enumerate(accept.split(",")[:32]):
        media, *rest = (part.strip() for part in text.split(";"))
        params = {}
        for pair in rest:
            name, _, value = pair.partition("=")
            params[name.strip()] = value.strip()
        found.append((-_quality(params.get("q", "1")), order, Clause(media.lower(), params)))
    return tuple(clause for _, _, clause in sorted(found, key=lambda each: each[:2]))


def _quality(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0


@lru_cache(maxsize=256)
def negotiate(accept: str) -> Form:
    """Picks the first form that the server can make.

    Raises:
        ApiError: NotAcceptable.
    """
    for media, params in clauses(accept):
        offered = _MEDIA.get(media)
        if offered is None:
            continue
        asked = params.get("as", "")
        if not asked:
            return Form(offered)
        version = params.get("v", "")
        convert = _CONVERSIONS.get(asked)
        if convert and params.get("g") == "meta.k8s.io" and version in ("v1", "v1beta1"):
            return Form(offered, convert, version, plural=asked.endswith("List"))
    raise ApiError(
        "only the following media types are accepted: application/json, application/yaml",
        reason="NotAcceptable",
    )


def error_media(accept: str) -> str:
    """The media type of a refusal, which is given whatever the client accepts."""
    return next((_MEDIA[media] for media, _ in clauses(accept) if media in _MEDIA), _JSON)


def wants_aggregated(accept: str) -> str:
    """The version of aggregated discovery that is wanted more than plain JSON, or nothing."""
    for media, params in clauses(accept):
        if media not in _MEDIA:
            continue
        if not params.get("as"):
            return ""
        if params.get("as") == "APIGroupDiscoveryList" and (
            params.get("g") == "apidiscovery.k8s.io" and params.get("v") in ("v2", "v2beta1")
        ):
            return params["v"]
    return ""
