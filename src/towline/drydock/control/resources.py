"""Names of the resources that controllers work on."""

from __future__ import annotations

from towline.kube.refs import GroupResource

PODS = GroupResource("", "pods")
NODES = GroupResource("", "nodes")
EVENTS = GroupResource("", "events")
SERVICES = GroupResource("", "services")
ENDPOINTS = GroupResource("", "endpoints")
QUOTAS = GroupResource("", "resourcequotas")
NAMESPACES = GroupResource("", "namespaces")
CONFIG_MAPS = GroupResource("", "configmaps")
SERVICE_ACCOUNTS = GroupResource("", "serviceaccounts")
CLAIMS = GroupResource("", "persistentvolumeclaims")
VOLUMES = GroupResource("", "persistentvolumes")
REPLICATION_CONTROLLERS = GroupResource("", "replicationcontrollers")
DEPLOYMENTS = GroupResource("apps", "deployments")
REPLICA_SETS = GroupResource("apps", "replicasets")
STATEFUL_SETS = GroupResource("apps", "statefulsets")
DAEMON_SETS = GroupResource("apps", "daemonsets")
CONTROLLER_REVISIONS = GroupResource("apps", "controllerrevisions")
JOBS = GroupResource("batch", "jobs")
CRON_JOBS = GroupResource("batch", "cronjobs")
DISRUPTION_BUDGETS = GroupResource("policy", "poddisruptionbudgets")
STORAGE_CLASSES = GroupResource("storage.k8s.io", "storageclasses")
ENDPOINT_SLICES = GroupResource("discovery.k8s.io", "endpointslices")
SERVICE_CIDRS = GroupResource("networking.k8s.io", "servicecidrs")
IP_ADDRESSES = GroupResource("networking.k8s.io", "ipaddresses")
NEW_EVENTS = GroupResource("events.k8s.io", "events")
DEFINITIONS = GroupResource("apiextensions.k8s.io", "customresourcedefinitions")
