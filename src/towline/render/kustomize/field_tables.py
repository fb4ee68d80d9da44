"""The fields that kustomize's transformers edit by default: facts of its reference, compactly.

A line of a table is `kind-selector: path path ...`; a selector is `group/version/Kind` with `*` for
anything, and `+` before a path says that missing fields are made.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from towline.render.kustomize.fieldspecs import BackReference, FieldSpec, sorted_specs
from towline.render.kustomize.ids import Gvk, type_order

_NAMES: Final = "*/*/*: metadata/name"
_AFFINITY: Final = " ".join(
    f"spec/template/spec/{path}/labelSelector/matchLabels"
    for path in (
        "affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm",
        "affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution",
        "affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm",
        "affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution",
        "topologySpreadConstraints",
    )
)
_TEMPLATE_LABELS: Final = """
*/*/*: +metadata/labels
*/v1/ReplicationController: +spec/template/metadata/labels
*/*/Deployment: +spec/template/metadata/labels
*/*/ReplicaSet: +spec/template/metadata/labels
*/*/DaemonSet: +spec/template/metadata/labels
apps/*/StatefulSet: +spec/template/metadata/labels
batch/*/Job: +spec/template/metadata/labels
batch/*/CronJob: +spec/jobTemplate/metadata/labels +spec/jobTemplate/spec/template/metadata/labels
"""
_CLAIM_LABELS: Final = "apps/*/StatefulSet: +spec/volumeClaimTemplates[]/metadata/labels"
_LABELS: Final = f"""
*/v1/Service: +spec/selector
*/v1/ReplicationController: +spec/selector
*/*/Deployment: +spec/selector/matchLabels
apps/*/Deployment: {_AFFINITY}
*/*/ReplicaSet: +spec/selector/matchLabels
*/*/DaemonSet: +spec/selector/matchLabels
apps/*/StatefulSet: +spec/selector/matchLabels {_AFFINITY}
batch/*/Job: spec/selector/matchLabels
batch/*/CronJob: spec/jobTemplate/spec/selector/matchLabels
policy/*/PodDisruptionBudget: spec/selector/matchLabels
networking.k8s.io/*/NetworkPolicy: spec/podSelector/matchLabels \
spec/ingress/from/podSelector/matchLabels spec/egress/to/podSelector/matchLabels
{_TEMPLATE_LABELS}
{_CLAIM_LABELS}
"""
_ANNOTATIONS: Final = """
*/*/*: +metadata/annotations
*/v1/ReplicationController: +spec/template/metadata/annotations
*/*/Deployment: +spec/template/metadata/annotations
*/*/ReplicaSet: +spec/template/metadata/annotations
*/*/DaemonSet: +spec/template/metadata/annotations
*/*/StatefulSet: +spec/template/metadata/annotations
batch/*/Job: +spec/template/metadata/annotations
batch/*/CronJob: +spec/jobTemplate/metadata/annotations \
+spec/jobTemplate/spec/template/metadata/annotations
"""
_NAMESPACE: Final = """
*/*/Namespace: +metadata/name
apiregistration.k8s.io/*/APIService: +spec/service/namespace
apiextensions.k8s.io/*/CustomResourceDefinition: \
spec/conversion/webhook/clientConfig/service/namespace
"""
_IMAGES: Final = """
*/*/*: +spec/containers[]/image +spec/initContainers[]/image +spec/volumes[]/image/reference \
+spec/template/spec/containers[]/image +spec/template/spec/initContainers[]/image \
+spec/template/spec/volumes[]/image/reference \
+spec/jobTemplate/spec/template/spec/volumes[]/image/reference
"""
_REPLICAS: Final = """
*/*/Deployment: +spec/replicas
*/*/ReplicationController: +spec/replicas
*/*/ReplicaSet: +spec/replicas
*/*/StatefulSet: +spec/replicas
"""
_POD_VARIABLES: Final = tuple(
    f"{holder}/{field}"
    for holder in ("containers", "initContainers")
    for field in ("args", "command", "env/value", "volumeMounts/mountPath")
)
_POD_SPECS: Final = {
    "CronJob": "spec/jobTemplate/spec/template/spec",
    **dict.fromkeys(
        ("DaemonSet", "Deployment", "Job", "ReplicaSet", "StatefulSet"), "spec/template/spec"
    ),
    "Pod": "spec",
}
_SERVERS: Final = {
    "CronJob": "spec/jobTemplate/spec/template/volumes/nfs/server",
    "StatefulSet": "spec/volumeClaimTemplates/spec/nfs/server",
}
_OTHER_VARIABLES: Final = """
*/*/Deployment: spec/template/metadata/annotations
*/*/Ingress: spec/rules/host spec/tls/hosts spec/tls/secretName
*/*/Service: spec/ports/port spec/ports/targetPort
*/*/PersistentVolume: spec/nfs/server
*/*/*: metadata/labels metadata/annotations
"""
_CONTAINER_REFERENCES: Final = ("env/valueFrom/{0}KeyRef/name", "envFrom/{0}Ref/name")
_NAME_REFERENCES: Final = """
*/*/Deployment < */*/HorizontalPodAutoscaler: spec/scaleTargetRef/name
*/*/ReplicationController < */*/HorizontalPodAutoscaler: spec/scaleTargetRef/name
*/*/ReplicaSet < */*/HorizontalPodAutoscaler: spec/scaleTargetRef/name
*/*/StatefulSet < */*/HorizontalPodAutoscaler: spec/scaleTargetRef/name
*/v1/ConfigMap < */*/Node: spec/configSource/configMap
*/v1/ConfigMap < */*/Role: rules/resourceNames
*/v1/ConfigMap < */*/ClusterRole: rules/resourceNames
*/v1/ConfigMap < */*/Ingress: \
metadata/annotations/nginx.ingress.kubernetes.io\\/fastcgi-params-configmap
*/v1/Secret < */*/Ingress: spec/tls/secretName \
metadata/annotations/ingress.kubernetes.io\\/auth-secret \
metadata/annotations/nginx.ingress.kubernetes.io\\/auth-secret \
metadata/annotations/nginx.ingress.kubernetes.io\\/auth-tls-secret spec/tls/secretName
*/v1/Secret < */*/ServiceAccount: imagePullSecrets/name
*/v1/Secret < */*/StorageClass: parameters/secretName parameters/adminSecretName \
parameters/userSecretName parameters/secretRef
*/v1/Secret < */*/Role: rules/resourceNames
*/v1/Secret < */*/ClusterRole: rules/resourceNames
*/v1/Secret < serving.knative.dev/v1/Service: \
spec/template/spec/containers/env/valueFrom/secretKeyRef/name
*/v1/Secret < */*/PersistentVolume: spec/azureFile/secretName
*/v1/Service < apps/*/StatefulSet: spec/serviceName
*/v1/Service < */*/Ingress: spec/rules/http/paths/backend/serviceName spec/backend/serviceName \
spec/rules/http/paths/backend/service/name spec/defaultBackend/service/name
*/v1/Service < apiregistration.k8s.io/*/APIService: spec/service/name
*/v1/Service < admissionregistration.k8s.io/*/ValidatingWebhookConfiguration: \
webhooks/clientConfig/service
*/v1/Service < admissionregistration.k8s.io/*/MutatingWebhookConfiguration: \
webhooks/clientConfig/service
rbac.authorization.k8s.io/*/Role < rbac.authorization.k8s.io/*/RoleBinding: roleRef/name
rbac.authorization.k8s.io/*/ClusterRole < rbac.authorization.k8s.io/*/RoleBinding: roleRef/name
rbac.authorization.k8s.io/*/ClusterRole < rbac.authorization.k8s.io/*/ClusterRoleBinding: \
roleRef/name
*/v1/ServiceAccount < rbac.authorization.k8s.io/*/RoleBinding: subjects
*/v1/ServiceAccount < rbac.authorization.k8s.io/*/ClusterRoleBinding: subjects
*/v1/PersistentVolume < */*/PersistentVolumeClaim: spec/volumeName
*/v1/PersistentVolume < */*/ClusterRole: rules/resourceNames
storage.k8s.io/v1/StorageClass < */*/PersistentVolume: spec/storageClassName
storage.k8s.io/v1/StorageClass < */*/PersistentVolumeClaim: spec/storageClassName
storage.k8s.io/v1/StorageClass < */*/StatefulSet: spec/volumeClaimTemplates/spec/storageClassName
networking.k8s.io\\/v1/v1/IngressClass < */*/Ingress: spec/ingressClassName
admissionregistration.k8s.io/*/ValidatingAdmissionPolicy < \
admissionregistration.k8s.io/*/ValidatingAdmissionPolicyBinding: spec/policyName
"""
_POD_HOLDERS: Final = {
    "*/v1/Pod": "spec",
    "*/*/PodTemplate": "template/spec",
    "*/*/Deployment": "spec/template/spec",
    "*/*/ReplicaSet": "spec/template/spec",
    "*/*/DaemonSet": "spec/template/spec",
    "*/*/StatefulSet": "spec/template/spec",
    "*/*/Job": "spec/template/spec",
    "*/*/CronJob": "spec/jobTemplate/spec/template/spec",
}
_POD_USERS: Final = {
    "*/*/Pod": "spec",
    **dict.fromkeys(
        (
            "*/*/StatefulSet",
            "*/*/Deployment",
            "*/*/ReplicationController",
            "*/*/Job",
            "*/*/DaemonSet",
        ),
        "spec/template/spec",
    ),
    "*/*/CronJob": "spec/jobTemplate/spec/template/spec",
}
_POD_FIELDS: Final = {
    "*/v1/ServiceAccount": "serviceAccountName",
    "*/v1/PersistentVolumeClaim": "volumes/persistentVolumeClaim/claimName",
    "scheduling.k8s.io/v1/PriorityClass": "priorityClassName",
}


def _gvk(text: str) -> Gvk:
    group, version, kind = (
        part.replace("\0", "/") for part in text.strip().replace("\\/", "\0").split("/")
    )
    return Gvk(*("" if part == "*" else part for part in (group, version, kind)))


def _specs(table: str) -> tuple[FieldSpec, ...]:
    found: list[FieldSpec] = []
    for line in table.strip().splitlines():
        if line:
            selector, _, paths = line.partition(":")
            found.extend(
                FieldSpec(_gvk(selector), path.lstrip("+"), path.startswith("+"))
                for path in paths.split()
            )
    return sorted_specs(found)


def _references() -> tuple[BackReference, ...]:
    found: dict[Gvk, list[FieldSpec]] = {}
    for what, name in (("configMap", "*/v1/ConfigMap"), ("secret", "*/v1/Secret")):
        volume = "volumes/configMap/name" if what == "configMap" else "volumes/secret/secretName"
        fields = [
            volume,
            *(
                f"{holder}/{field.format(what)}"
                for field in _CONTAINER_REFERENCES
                for holder in ("containers", "initContainers")
            ),
            *(["imagePullSecrets/name"] if what == "secret" else []),
            f"volumes/projected/sources/{what}/name",
        ]
        found[_gvk(name)] = [
            FieldSpec(_gvk(kind), f"{base}/{field}")
            for kind, base in _POD_HOLDERS.items()
            for field in fields
        ]
    for line in _NAME_REFERENCES.strip().splitlines():
        target, _, referrer = line.partition(" < ")
        kind, _, paths = referrer.partition(":")
        specs = found.setdefault(_gvk(target), [])
        specs.extend(FieldSpec(_gvk(kind), path) for path in paths.split())
    for target, field in _POD_FIELDS.items():
        specs = found.setdefault(_gvk(target), [])
        specs.extend(FieldSpec(_gvk(kind), f"{b}/{field}") for kind, b in _POD_USERS.items())
    return tuple(
        sorted(
            (BackReference(gvk, tuple(specs)) for gvk, specs in found.items()),
            key=lambda reference: type_order(reference.gvk),
        )
    )


def _variables() -> tuple[FieldSpec, ...]:
    lines = [_OTHER_VARIABLES.strip()]
    for kind, base in _POD_SPECS.items():
        paths = [f"{base}/{field}" for field in _POD_VARIABLES]
        server = _SERVERS.get(kind, f"{base}/volumes/nfs/server")
        lines.append(f"*/*/{kind}: {' '.join(paths)} {server}")
    return _specs("\n".join(lines))


@lru_cache(maxsize=1)
def default_tables() -> dict[str, tuple[FieldSpec, ...]]:
    """The default specifications by the name of the configuration's field."""
    return {
        "name_prefix": _specs(_NAMES),
        "name_suffix": _specs(_NAMES),
        "namespace": _specs(_NAMESPACE),
        "common_labels": _specs(_LABELS),
        "labels": (),
        "template_labels": _specs(_TEMPLATE_LABELS),
        "volume_claim_template_labels": _specs(_CLAIM_LABELS),
        "common_annotations": _specs(_ANNOTATIONS),
        "var_reference": _variables(),
        "images": _specs(_IMAGES),
        "replicas": _specs(_REPLICAS),
    }


@lru_cache(maxsize=1)
def default_references() -> tuple[BackReference, ...]:
    """The default name references."""
    return _references()
