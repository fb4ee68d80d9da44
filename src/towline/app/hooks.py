"""Webhook secrets from everywhere: the local forge, Pipelines, Argo CD's Secret."""

from __future__ import annotations

from collections.abc import Sequence

from towline.app.secrets import secret_values
from towline.controllers.run.pipelines import PipelineRegister
from towline.errors import TowlineError
from towline.forge.hooks import Hook, HookSecret
from towline.git import parse_url
from towline.kube.refs import ObjectKey
from towline.kubeclient.cache import WatchCache
from towline.store import Store

_ARGOCD_SECRET = "argocd-secret"  # noqa: S105  # the name of an object


class HookSecretSources:
    """Implements `forge.hooks.HookSecrets`.

    Args:
        store: Hooks of the local forge.
        cache: Secrets of the cluster.
        pipelines: Pipelines, which may name a Secret of their own.
        namespace: Control namespace.
    """

    def __init__(
        self, store: Store, cache: WatchCache, pipelines: PipelineRegister, namespace: str
    ) -> None:
        self._store = store
        self._cache = cache
        self._pipelines = pipelines
        self._namespace = namespace

    async def secrets(self, provider: str) -> Sequence[Hook]:
        """All hooks of the provider; none means that its endpoint is off."""
        found: list[Hook] = [*await self._store.hooks.secrets(provider)]
        for spec in self._pipelines.all():
            if spec.webhook is None:
                continue
            reference = spec.webhook.secret_ref
            secret = self._read(spec.namespace, reference.name, reference.key)
            # A hook without a repository's name would be good for every repository.
            full_name = _full_name(spec.source.repo_url, provider)
            if secret and full_name:
                hook_id = f"pipeline/{spec.namespace}/{spec.name}"
                found.append(HookSecret(hook_id, full_name, spec.source.repo_url, secret))
        if secret := self._read(self._namespace, _ARGOCD_SECRET, f"webhook.{provider}.secret"):
            found.append(HookSecret(f"argocd/{provider}", "", "", secret))
        return found

    def _read(self, namespace: str, name: str, key: str) -> bytes:
        found = self._cache.get(ObjectKey("", "Secret", namespace, name))
        if found is None:
            return b""
        return secret_values(found.body()).get(key, b"")


def _full_name(url: str, provider: str) -> str:
    """The repository's name as the provider's events give it; empty when the URL is none."""
    try:
        parts = parse_url(url).path.strip("/").removesuffix(".git").split("/")
    except TowlineError:
        return ""
    # Only GitLab has groups within groups; elsewhere the forge may live below a path.
    return "/".join(parts if provider == "gitlab" else parts[-2:])
