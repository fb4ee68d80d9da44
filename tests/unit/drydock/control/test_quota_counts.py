"""Quotas are counted as objects come and go, and hold on the real registry."""

from __future__ import annotations

from typing import Any

import pytest

from towline.drydock.control.resources import CONFIG_MAPS, QUOTAS
from towline.kube.status import ApiError


def a_quota(**hard: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "q", "namespace": "default"},
        "spec": {"hard": {name.replace("_", "/"): value for name, value in hard.items()}},
    }


def config_map(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default"}}


@pytest.mark.asyncio
async def test_the_status_follows_what_is_there(live: Any) -> None:
    await live.create(QUOTAS, a_quota(configmaps="3", count_configmaps="9", resourcequotas="1"))

    def used(name: str) -> str:
        status = live.get(QUOTAS, "default", "q").get("status") or {}
        return str((status.get("used") or {}).get(name))

    await live.until(lambda: used("resourcequotas") == "1")
    before = int(used("configmaps"))
    await live.create(CONFIG_MAPS, config_map("a"))
    await live.until(lambda: used("configmaps") == used("count/configmaps") == str(before + 1))
    await live.delete(CONFIG_MAPS, "default", "a")
    await live.until(lambda: used("configmaps") == str(before))
    assert live.get(QUOTAS, "default", "q")["status"]["hard"]["configmaps"] == "3"


@pytest.mark.asyncio
@pytest.mark.parametrize("cluster", ["registry"], indirect=True)
async def test_creates_beyond_the_quota_are_refused(cluster: Any) -> None:
    await cluster.create(QUOTAS, a_quota(configmaps="1"))
    await cluster.create(CONFIG_MAPS, config_map("a"))
    with pytest.raises(ApiError, match="exceeded quota: q, requested: configmaps=1"):
        await cluster.create(CONFIG_MAPS, config_map("b"))
    await cluster.delete(CONFIG_MAPS, "default", "a")
    await cluster.create(CONFIG_MAPS, config_map("b"))
