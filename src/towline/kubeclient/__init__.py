"""Client of the Kubernetes API: transport, kubeconfig, discovery, list and watch, cache (edge)."""

from towline.kubeclient.cache import WatchCache
from towline.kubeclient.client import KubeClient, UnknownKindError
from towline.kubeclient.discovery import ApiResource, Discovery
from towline.kubeclient.informer import Informer
from towline.kubeclient.kubeconfig import ClusterAccess, load_kubeconfig, parse_kubeconfig
from towline.kubeclient.objects import CachedObject, Owner

__all__ = [
    "ApiResource",
    "CachedObject",
    "ClusterAccess",
    "Discovery",
    "Informer",
    "KubeClient",
    "Owner",
    "UnknownKindError",
    "WatchCache",
    "load_kubeconfig",
    "parse_kubeconfig",
]
