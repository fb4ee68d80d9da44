"""Credentials for repositories: the local forge's own, and Secrets in Argo CD's format."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from towline.app.secrets import secret_values
from towline.git.credentials import GitCredentials
from towline.git.urls import same_repository
from towline.kube.refs import GroupKind
from towline.kubeclient.cache import WatchCache

_LABEL = "argocd.argoproj.io/secret-type"
_SECRET = GroupKind("", "Secret")


class RepositoryCredentials:
    """Finds the credentials of a repository URL.

    A `repository` Secret with that URL counts first, then the `repo-creds` Secret with the longest
    matching prefix.

    Args:
        cache: Live objects of the control cluster.
        namespace: Where the Secrets are.
        forge: Base URL of the local forge, or an empty string.
        forge_token: Reads the token that opens it.
    """

    def __init__(
        self,
        cache: WatchCache,
        namespace: str,
        *,
        forge: str = "",
        forge_token: Callable[[], str] | None = None,
    ) -> None:
        self._cache = cache
        self._namespace = namespace
        self._forge = forge.rstrip("/") + "/" if forge else ""
        self._forge_token = forge_token

    async def __call__(self, url: str) -> GitCredentials | None:
        """The credentials, or None for a repository that anybody may read."""
        if self._forge_token is not None and self._forge and url.startswith(self._forge):
            return GitCredentials(username="towline", password=self._forge_token())
        own = [data for data in self._secrets("repository") if _same(data.get("url", ""), url)]
        if own and _opens(own[0]):
            return _credentials(own[0])
        prefixes = [
            data
            for data in self._secrets("repo-creds")
            if data.get("url") and _beneath(url, data["url"])
        ]
        if prefixes:
            return _credentials(max(prefixes, key=lambda data: len(data["url"])))
        return None

    def hosts(self) -> frozenset[str]:
        """Hosts of the repositories that an operator has registered."""
        urls = [data.get("url", "") for data in self._secrets("repository")]
        urls += [data.get("url", "") for data in self._secrets("repo-creds")]
        parsed = (urlsplit(url if "://" in url else f"oci://{url}") for url in urls if url)
        return frozenset(part.hostname for part in parsed if part.hostname)

    def _secrets(self, kind: str) -> list[dict[str, str]]:
        return [
            {
                key: value.decode(errors="replace")
                for key, value in secret_values(item.body()).items()
            }
            for item in self._cache.objects(_SECRET, self._namespace)
            if item.labels.get(_LABEL) == kind
        ]


def _same(configured: str, url: str) -> bool:
    return bool(configured) and same_repository(configured, url)


def _beneath(url: str, prefix: str) -> bool:
    """Whole path segments only: credentials of `h/a` are not those of `h/ab`."""
    return url == prefix or url.startswith(prefix.rstrip("/") + "/")


def _opens(data: dict[str, str]) -> bool:
    return any(data.get(key) for key in ("username", "password", "bearerToken", "sshPrivateKey"))


def _credentials(data: dict[str, str]) -> GitCredentials:
    return GitCredentials(
        username=data.get("username", ""),
        password=data.get("password", ""),
        bearer_token=data.get("bearerToken", ""),
        ssh_private_key=data.get("sshPrivateKey", ""),
    )
