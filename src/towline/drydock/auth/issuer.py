"""What others need to verify ServiceAccount tokens: the issuer's metadata and keys."""

from __future__ import annotations

import orjson

from towline.drydock.api.messages import Response
from towline.drydock.auth.claims import ISSUER
from towline.drydock.auth.keys import ALGORITHM, SigningKey

CONFIGURATION = (".well-known", "openid-configuration")
KEYS = ("openid", "v1", "jwks")
_CACHED = {"cache-control": "public, max-age=3600"}


def document(path: tuple[str, ...], key: SigningKey, address: str) -> Response | None:
    """The document behind a path, or None.

    Args:
        path: Path segments.
        key: Signs the tokens.
        address: `host:port` of the server.
    """
    if path == CONFIGURATION:
        body = {
            "issuer": ISSUER,
            "jwks_uri": f"https://{address}/openid/v1/jwks",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
        }
        return Response(orjson.dumps(body), headers=_CACHED)
    if path == KEYS:
        body_type = "application/jwk-set+json"
        return Response(orjson.dumps(key.public_set()), content_type=body_type, headers=_CACHED)
    return None
