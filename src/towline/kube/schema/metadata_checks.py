"""Labels and annotations of any object. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from towline.kube.names import label_key_problems
from towline.kube.schema.field_rules import Obj, labels
from towline.kube.schema.fielderror import FieldError, invalid, too_long

MAX_ANNOTATIONS = 262144


def check_metadata(metadata: Obj, path: str = "metadata") -> Iterator[FieldError]:
    """Labels and annotations of any object, custom resources included."""
    yield from labels(metadata.get("labels") or {}, f"{path}.labels")
    total = 0
    for key, value in (metadata.get("annotations") or {}).items():
        for problem in label_key_problems(key.lower()):
            yield invalid(f"{path}.annotations", key, problem)
        total += len(key.encode()) + len(str(value).encode())
    if total > MAX_ANNOTATIONS:
        yield too_long(f"{path}.annotations", MAX_ANNOTATIONS)
