"""Names of the resources that controllers work on."""

from __future__ import annotations

from towline.kube.refs import GroupResource

PODS = GroupResource("", "pods")
NODES = GroupResource("", "nodes")
EVENTS = GroupResource("", "events")
SERVICES = GroupResource("", "services")
ENDPOINTS = GroupResource("", "endpoints")
NAMESPACES = GroupResource("", "namespaces")
CONFIG_MAPS = GroupResource("", "configmaps")
SERVICE_ACCOUNTS = GroupResource("", "serviceaccounts")
DEPLOYMENTS = GroupResource("apps", "deployments")
REPLICA_SETS = GroupResource("apps", "replicasets")
JOBS = GroupResource("batch", "jobs")
ENDPOINT_SLICES = GroupResource("discovery.k8s.io", "endpointslices")
NEW_EVENTS = GroupResource("events.k8s.io", "events")
DEFINITIONS = GroupResource("apiextensions.k8s.io", "customresourcedefinitions")
