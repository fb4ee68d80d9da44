"""Jobs: the selector and labels that tie a new job to its pods."""

from __future__ import annotations

from typing import Any

_UID_LABEL = "batch.kubernetes.io/controller-uid"
_NAME_LABEL = "batch.kubernetes.io/job-name"


def prepare(job: dict[str, Any]) -> dict[str, Any]:
    """A new job with generated selector and template labels, unless it selects by hand."""
    spec = dict(job.get("spec") or {})
    if spec.get("manualSelector"):
        return job
    meta = job["metadata"]
    uid, name = meta["uid"], meta.get("name", "")
    template = dict(spec.get("template") or {})
    template_meta = dict(template.get("metadata") or {})
    template_meta["labels"] = {
        **(template_meta.get("labels") or {}),
        _UID_LABEL: uid,
        _NAME_LABEL: name,
        "controller-uid": uid,
        "job-name": name,
    }
    template["metadata"] = template_meta
    spec["template"] = template
    if not spec.get("selector"):
        spec["selector"] = {"matchLabels": {_UID_LABEL: uid}}
    return {**job, "spec": spec}
