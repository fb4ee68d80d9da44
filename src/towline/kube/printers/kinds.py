"""Table rows of the built-in kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from towline.kube.printers.cells import (
    NONE,
    UNKNOWN,
    UNSET,
    Moment,
    Obj,
    Printer,
    age,
    age_of,
    column_list,
    containers_cells,
    get,
    human_duration,
    labels_text,
    moment_of,
    name_of,
    number,
    selector_text,
    shortened,
)
from towline.kube.printers.pods import COLUMNS, pod_cells
from towline.kube.refs import GroupKind

_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}
_ROLE = "node-role.kubernetes.io/"


# --- workloads -----------------------------------------------------------------------------------


def _template_cells(obj: Obj, selector: str = "selector") -> list[Any]:
    spec = obj.get("spec") or {}
    return [*containers_cells(get(spec, "template", "spec")), selector_text(spec.get(selector))]


def _deployment(obj: Obj, now: Moment) -> list[Any]:
    status = obj.get("status") or {}
    ready = f"{number(status.get('readyReplicas'))}/{number(get(obj, 'spec', 'replicas'))}"
    updated = number(status.get("updatedReplicas"))
    available = number(status.get("availableReplicas"))
    head = [name_of(obj), ready, updated, available, age_of(obj, now)]
    return [*head, *_template_cells(obj)]


def _replica_set(obj: Obj, now: Moment) -> list[Any]:
    status = obj.get("status") or {}
    counts = [
        number(get(obj, "spec", "replicas")),
        number(status.get("replicas")),
        number(status.get("readyReplicas")),
    ]
    return [name_of(obj), *counts, age_of(obj, now), *_template_cells(obj)]


def _controller(obj: Obj, now: Moment) -> list[Any]:
    cells = _replica_set({**obj, "spec": {**(obj.get("spec") or {}), "selector": None}}, now)
    return [*cells[:-1], labels_text(get(obj, "spec", "selector"))]


def _stateful_set(obj: Obj, now: Moment) -> list[Any]:
    ready = number(get(obj, "status", "readyReplicas"))
    text = f"{ready}/{number(get(obj, 'spec', 'replicas'))}"
    images = containers_cells(get(obj, "spec", "template", "spec"))
    return [name_of(obj), text, age_of(obj, now), *images]


def _daemon_set(obj: Obj, now: Moment) -> list[Any]:
    status = obj.get("status") or {}
    counts = [
        number(status.get(key))
        for key in (
            "desiredNumberScheduled",
            "currentNumberScheduled",
            "numberReady",
            "updatedNumberScheduled",
            "numberAvailable",
        )
    ]
    nodes = labels_text(get(obj, "spec", "template", "spec", "nodeSelector"))
    return [name_of(obj), *counts, nodes, age_of(obj, now), *_template_cells(obj)]


def _job(obj: Obj, now: Moment) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    done = number(status.get("succeeded"))
    parallel = number(spec.get("parallelism"))
    if spec.get("completions") is not None:
        completions = f"{done}/{spec['completions']}"
    else:
        completions = f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"
    start = moment_of(status.get("startTime"))
    end = moment_of(status.get("completionTime")) or now
    duration = human_duration((end - start).total_seconds()) if start and end else ""
    head = [name_of(obj), _job_status(obj), completions, duration, age_of(obj, now)]
    return [*head, *_template_cells(obj)]


def _job_status(obj: Obj) -> str:
    held = {
        condition.get("type")
        for condition in get(obj, "status", "conditions") or ()
        if condition.get("status") == "True"
    }
    if "Complete" in held or "Failed" in held:
        return "Complete" if "Complete" in held else "Failed"
    if get(obj, "metadata", "deletionTimestamp"):
        return "Terminating"
    order = ("Suspended", "FailureTarget", "SuccessCriteriaMet")
    return next((type_ for type_ in order if type_ in held), "Running")


def _cron_job(obj: Obj, now: Moment) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    last = status.get("lastScheduleTime")
    job = get(spec, "jobTemplate", "spec") or {}
    return [
        name_of(obj),
        spec.get("schedule", ""),
        spec.get("timeZone") or NONE,
        "True" if spec.get("suspend") else "False",
        len(status.get("active") or ()),
        age(last, now) if last else NONE,
        age_of(obj, now),
        *_template_cells({"spec": job}),
    ]


# --- network -------------------------------------------------------------------------------------


def _service(obj: Obj, now: Moment) -> list[Any]:
    spec = obj.get("spec") or {}
    ports = []
    for port in spec.get("ports") or ():
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        ports.append(f"{port.get('port')}{node}/{port.get('protocol', 'TCP')}")
    address = next(iter(spec.get("clusterIPs") or ()), spec.get("clusterIP"))
    return [
        name_of(obj),
        spec.get("type", ""),
        address or NONE,
        _external(obj),
        ",".join(ports) or NONE,
        age_of(obj, now),
        labels_text(spec.get("selector")),
    ]


def _external(obj: Obj) -> str:
    spec = obj.get("spec") or {}
    given = list(spec.get("externalIPs") or ())
    match spec.get("type"):
        case "LoadBalancer":
            found = _ingress_addresses(obj) + given
            return ",".join(found) or "<pending>"
        case "ExternalName":
            return str(spec.get("externalName", ""))
        case _:
            return ",".join(given) or NONE


def _ingress_addresses(obj: Obj) -> list[str]:
    points = get(obj, "status", "loadBalancer", "ingress") or ()
    return sorted({str(p.get("ip") or p.get("hostname") or "") for p in points} - {""})


def _ingress(obj: Obj, now: Moment) -> list[Any]:
    spec = obj.get("spec") or {}
    hosts = [rule["host"] for rule in spec.get("rules") or () if rule.get("host")]
    return [
        name_of(obj),
        spec.get("ingressClassName") or NONE,
        shortened(hosts, more=" + {} more...") if hosts else "*",
        ",".join(_ingress_addresses(obj)),
        "80, 443" if spec.get("tls") else "80",
        age_of(obj, now),
    ]


def _ingress_class(obj: Obj, now: Moment) -> list[Any]:
    spec = obj.get("spec") or {}
    given = spec.get("parameters")
    parameters = NONE
    if given:
        kind = (
            f"{given.get('kind')}.{given['apiGroup']}" if given.get("apiGroup") else given["kind"]
        )
        parameters = f"{kind}/{given.get('name')}"
    return [name_of(obj), spec.get("controller", ""), parameters, age_of(obj, now)]


def _endpoints(obj: Obj, now: Moment) -> list[Any]:
    found = []
    for subset in obj.get("subsets") or ():
        addresses = [address.get("ip", "") for address in subset.get("addresses") or ()]
        ports = subset.get("ports") or ()
        if not ports:
            found += addresses
        for port in ports:
            found += [f"{address}:{port.get('port')}" for address in addresses]
    return [name_of(obj), shortened(found), age_of(obj, now)]


def _endpoint_slice(obj: Obj, now: Moment) -> list[Any]:
    ports = [str(port.get("port", "*")) for port in obj.get("ports") or ()]
    addresses = [a for point in obj.get("endpoints") or () for a in point.get("addresses") or ()]
    shown_ports = shortened(ports) if ports else UNSET
    shown = shortened(addresses) if addresses else UNSET
    return [name_of(obj), obj.get("addressType", ""), shown_ports, shown, age_of(obj, now)]


def _network_policy(obj: Obj, now: Moment) -> list[Any]:
    return [name_of(obj), selector_text(get(obj, "spec", "podSelector")), age_of(obj, now)]


# --- cluster -------------------------------------------------------------------------------------


def _node(obj: Obj, now: Moment) -> list[Any]:
    status = obj.get("status") or {}
    ready = {c.get("type"): c.get("status") for c in status.get("conditions") or ()}.get("Ready")
    state = "Unknown" if ready is None else "Ready" if ready == "True" else "NotReady"
    if get(obj, "spec", "unschedulable"):
        state += ",SchedulingDisabled"
    labels = get(obj, "metadata", "labels") or {}
    roles = sorted(key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE))
    info = status.get("nodeInfo") or {}
    kernel = info.get("kernelVersion") or UNKNOWN
    if info.get("architecture"):
        kernel += f" ({info['architecture']})"
    addresses = {a.get("type"): a.get("address") for a in status.get("addresses") or ()}
    return [
        name_of(obj),
        state,
        ",".join(roles) or NONE,
        age_of(obj, now),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP") or NONE,
        addresses.get("ExternalIP") or NONE,
        info.get("osImage") or UNKNOWN,
        kernel,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def _namespace(obj: Obj, now: Moment) -> list[Any]:
    return [name_of(obj), get(obj, "status", "phase") or "", age_of(obj, now)]


def _event(obj: Obj, now: Moment) -> list[Any]:
    about = obj.get("involvedObject") or obj.get("regarding") or {}
    first = age(obj.get("firstTimestamp") or obj.get("eventTime"), now)
    last = age(obj["lastTimestamp"], now) if obj.get("lastTimestamp") else first
    count = obj.get("count") or obj.get("deprecatedCount") or 1
    if obj.get("series"):
        last = age(obj["series"].get("lastObservedTime"), now)
        count = obj["series"].get("count", count)
    source = obj.get("source") or {}
    parts = [source.get("component") or obj.get("reportingComponent"), source.get("host")]
    kind = str(about.get("kind", "")).lower()
    return [
        last,
        obj.get("type", ""),
        obj.get("reason", ""),
        f"{kind}/{about['name']}" if about.get("name") else kind,
        about.get("fieldPath", ""),
        ", ".join(str(part) for part in parts if part),
        str(obj.get("message") or obj.get("note") or "").strip(),
        first,
        count,
        name_of(obj),
    ]


def _config_map(obj: Obj, now: Moment) -> list[Any]:
    count = len(obj.get("data") or ()) + len(obj.get("binaryData") or ())
    return [name_of(obj), count, age_of(obj, now)]


def _secret(obj: Obj, now: Moment) -> list[Any]:
    return [name_of(obj), obj.get("type", ""), len(obj.get("data") or ()), age_of(obj, now)]


def _name_and_age(obj: Obj, now: Moment) -> list[Any]:
    return [name_of(obj), age_of(obj, now)]


def _modes(modes: Any) -> str:
    return ",".join(short for mode, short in _MODES.items() if mode in (modes or ()))


def _volume(obj: Obj, now: Moment) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    claim = spec.get("claimRef")
    deleting = get(obj, "metadata", "deletionTimestamp")
    return [
        name_of(obj),
        get(spec, "capacity", "storage") or "",
        _modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        "Terminating" if deleting else status.get("phase", ""),
        f"{claim.get('namespace')}/{claim.get('name')}" if claim else "",
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName") or UNSET,
        status.get("reason", ""),
        age_of(obj, now),
        spec.get("volumeMode") or UNSET,
    ]


def _claim(obj: Obj, now: Moment) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    bound = bool(spec.get("volumeName"))
    deleting = get(obj, "metadata", "deletionTimestamp")
    return [
        name_of(obj),
        "Terminating" if deleting else status.get("phase", ""),
        spec.get("volumeName", ""),
        get(status, "capacity", "storage") or "" if bound else "",
        _modes(status.get("accessModes")) if bound else "",
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName") or UNSET,
        age_of(obj, now),
        spec.get("volumeMode") or UNSET,
    ]


def _storage_class(obj: Obj, now: Moment) -> list[Any]:
    annotations = get(obj, "metadata", "annotations") or {}
    default = annotations.get("storageclass.kubernetes.io/is-default-class") == "true"
    return [
        f"{name_of(obj)} (default)" if default else name_of(obj),
        obj.get("provisioner", ""),
        obj.get("reclaimPolicy") or "Delete",
        obj.get("volumeBindingMode") or "Immediate",
        bool(obj.get("allowVolumeExpansion")),
        age_of(obj, now),
    ]


def _autoscaler(obj: Obj, now: Moment) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    target = spec.get("scaleTargetRef") or {}
    wanted = get(next(iter(spec.get("metrics") or ()), {}), "resource", "target") or {}
    percent = wanted.get("averageUtilization") or spec.get("targetCPUUtilizationPercentage")
    return [
        name_of(obj),
        f"{target.get('kind')}/{target.get('name')}",
        f"cpu: {UNKNOWN}/{percent}%" if percent else NONE,
        str(spec.get("minReplicas", UNSET)),
        number(spec.get("maxReplicas")),
        number(status.get("currentReplicas")),
        age_of(obj, now),
    ]


def _disruption_budget(obj: Obj, now: Moment) -> list[Any]:
    spec = obj.get("spec") or {}
    limits = [str(spec.get(key, "N/A")) for key in ("minAvailable", "maxUnavailable")]
    allowed = number(get(obj, "status", "disruptionsAllowed"))
    return [name_of(obj), *limits, allowed, age_of(obj, now)]


def _role_binding(obj: Obj, now: Moment) -> list[Any]:
    role = obj.get("roleRef") or {}
    found: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in obj.get("subjects") or ():
        name = str(subject.get("name", ""))
        if subject.get("kind") == "ServiceAccount":
            name = f"{subject.get('namespace', '')}/{name}"
        found.setdefault(str(subject.get("kind")), []).append(name)
    people = [", ".join(found[kind]) for kind in ("User", "Group", "ServiceAccount")]
    return [name_of(obj), f"{role.get('kind')}/{role.get('name')}", age_of(obj, now), *people]


def _lease(obj: Obj, now: Moment) -> list[Any]:
    return [name_of(obj), get(obj, "spec", "holderIdentity") or "", age_of(obj, now)]


def _priority_class(obj: Obj, now: Moment) -> list[Any]:
    preempts = obj.get("preemptionPolicy") or ""
    value, default = number(obj.get("value")), bool(obj.get("globalDefault"))
    return [name_of(obj), value, default, age_of(obj, now), preempts]


def _revision(obj: Obj, now: Moment) -> list[Any]:
    owners = get(obj, "metadata", "ownerReferences") or ()
    owner = next((o for o in owners if o.get("controller")), None)
    text = NONE
    if owner:
        group = str(owner.get("apiVersion", "")).rpartition("/")[0]
        kind = str(owner.get("kind", "")).lower()
        text = f"{kind}.{group}/{owner.get('name')}" if group else f"{kind}/{owner.get('name')}"
    return [name_of(obj), text, number(obj.get("revision")), age_of(obj, now)]


def _printer(columns: str, cells: Callable[[Obj, Moment], list[Any]]) -> Printer:
    return Printer(column_list(columns), cells)


_REPLICAS = (
    "Name, Desired:integer, Current:integer, Ready:integer, Age, Containers+, Images+, Selector+"
)
_BINDING = "Name, Role, Age, Users+, Groups+, ServiceAccounts+"
_EVENT = "Last Seen, Type, Reason, Object, Subobject+, Source+, Message, First Seen+, Count+, Name+"
_RBAC = "rbac.authorization.k8s.io"
_NETWORK = "networking.k8s.io"

PRINTERS: dict[GroupKind, Printer] = {
    GroupKind("", "Pod"): Printer(COLUMNS, pod_cells),
    GroupKind("apps", "Deployment"): _printer(
        "Name, Ready, Up-to-date, Available, Age, Containers+, Images+, Selector+", _deployment
    ),
    GroupKind("apps", "ReplicaSet"): _printer(_REPLICAS, _replica_set),
    GroupKind("", "ReplicationController"): _printer(_REPLICAS, _controller),
    GroupKind("apps", "StatefulSet"): _printer(
        "Name, Ready, Age, Containers+, Images+", _stateful_set
    ),
    GroupKind("apps", "DaemonSet"): _printer(
        "Name, Desired:integer, Current:integer, Ready:integer, Up-to-date:integer, "
        "Available:integer, Node Selector, Age, Containers+, Images+, Selector+",
        _daemon_set,
    ),
    GroupKind("apps", "ControllerRevision"): _printer("Name, Controller, Revision, Age", _revision),
    GroupKind("batch", "Job"): _printer(
        "Name, Status, Completions, Duration, Age, Containers+, Images+, Selector+", _job
    ),
    GroupKind("batch", "CronJob"): _printer(
        "Name, Schedule, Timezone, Suspend:boolean, Active:integer, Last Schedule, Age, "
        "Containers+, Images+, Selector+",
        _cron_job,
    ),
    GroupKind("", "Service"): _printer(
        "Name, Type, Cluster-IP, External-IP, Port(s), Age, Selector+", _service
    ),
    GroupKind(_NETWORK, "Ingress"): _printer("Name, Class, Hosts, Address, Ports, Age", _ingress),
    GroupKind(_NETWORK, "IngressClass"): _printer(
        "Name, Controller, Parameters, Age", _ingress_class
    ),
    GroupKind(_NETWORK, "NetworkPolicy"): _printer("Name, Pod-Selector, Age", _network_policy),
    GroupKind("", "Endpoints"): _printer("Name, Endpoints, Age", _endpoints),
    GroupKind("discovery.k8s.io", "EndpointSlice"): _printer(
        "Name, AddressType, Ports, Endpoints, Age", _endpoint_slice
    ),
    GroupKind("", "Node"): _printer(
        "Name, Status, Roles, Age, Version, Internal-IP+, External-IP+, OS-Image+, "
        "Kernel-Version+, Container-Runtime+",
        _node,
    ),
    GroupKind("", "Namespace"): _printer("Name, Status, Age", _namespace),
    GroupKind("", "Event"): _printer(_EVENT, _event),
    GroupKind("events.k8s.io", "Event"): _printer(_EVENT, _event),
    GroupKind("", "ConfigMap"): _printer("Name, Data, Age", _config_map),
    GroupKind("", "Secret"): _printer("Name, Type, Data, Age", _secret),
    GroupKind("", "ServiceAccount"): _printer("Name, Age", _name_and_age),
    GroupKind("", "PersistentVolume"): _printer(
        "Name, Capacity, Access Modes, Reclaim Policy, Status, Claim, StorageClass, "
        "VolumeAttributesClass, Reason, Age, VolumeMode+",
        _volume,
    ),
    GroupKind("", "PersistentVolumeClaim"): _printer(
        "Name, Status, Volume, Capacity, Access Modes, StorageClass, VolumeAttributesClass, Age, "
        "VolumeMode+",
        _claim,
    ),
    GroupKind("storage.k8s.io", "StorageClass"): _printer(
        "Name, Provisioner, ReclaimPolicy, VolumeBindingMode, AllowVolumeExpansion, Age",
        _storage_class,
    ),
    GroupKind("autoscaling", "HorizontalPodAutoscaler"): _printer(
        "Name, Reference, Targets, MinPods, MaxPods, Replicas, Age", _autoscaler
    ),
    GroupKind("policy", "PodDisruptionBudget"): _printer(
        "Name, Min Available, Max Unavailable, Allowed Disruptions:integer, Age",
        _disruption_budget,
    ),
    GroupKind(_RBAC, "RoleBinding"): _printer(_BINDING, _role_binding),
    GroupKind(_RBAC, "ClusterRoleBinding"): _printer(_BINDING, _role_binding),
    GroupKind("coordination.k8s.io", "Lease"): _printer("Name, Holder, Age", _lease),
    GroupKind("scheduling.k8s.io", "PriorityClass"): _printer(
        "Name, Value:integer, Global-Default:boolean, Age, PreemptionPolicy", _priority_class
    ),
}
