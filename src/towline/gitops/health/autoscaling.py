"""Health of HorizontalPodAutoscalers."""

from __future__ import annotations

from typing import Any, Final

import orjson

from towline.gitops.health.verdict import (
    Health,
    conditions,
    degraded,
    healthy,
    part,
    progressing,
    unknown,
)

_V1_CONDITIONS: Final = "autoscaling.alpha.kubernetes.io/conditions"
_FAILURES: Final = {
    "AbleToScale": {"FailedGetScale", "FailedUpdateScale"},
    "ScalingActive": {
        "FailedGetResourceMetric",
        "FailedGetObjectMetric",
        "FailedGetPodsMetric",
        "FailedGetExternalMetric",
        "FailedComputeMetricsReplicas",
        "InvalidSelector",
    },
}


def horizontal_pod_autoscaler(obj: dict[str, Any]) -> Health:
    """Able to scale, or why not."""
    version = str(obj.get("apiVersion") or "")
    if version == "autoscaling/v1":
        try:
            found = _v1(obj)
        except orjson.JSONDecodeError as error:
            return unknown(f"the annotation {_V1_CONDITIONS} is not JSON: {error.msg}")
    elif version == "autoscaling/v2":
        found = conditions(part(obj, "status"))
    else:
        return unknown(f"unsupported HPA GVK: {version}, Kind=HorizontalPodAutoscaler")
    if not found:
        return progressing("Waiting to Autoscale")
    for one in found:
        if one.get("reason") in _FAILURES.get(str(one.get("type")), set()):
            return degraded(str(one.get("message") or ""))
    for one in found:
        if one.get("type") in {"AbleToScale", "ScalingLimited"} and one.get("status") == "True":
            return healthy(str(one.get("message") or ""))
    return progressing("Waiting to Autoscale")


def _v1(obj: dict[str, Any]) -> list[dict[str, Any]]:
    text = part(part(obj, "metadata"), "annotations").get(_V1_CONDITIONS)
    return conditions({"conditions": orjson.loads(text)}) if text else []
