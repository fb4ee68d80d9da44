"""Kinds of certificate, secret, infrastructure, message and database operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from towline.gitops.bundled_health.rules import (
    ANY,
    Absent,
    Cond,
    Field,
    InOrder,
    Less,
    Rule,
    When,
)
from towline.gitops.bundled_health.standard import (
    DEGRADED,
    HEALTHY,
    PROGRESSING,
    STANDARD,
    SUSPENDED,
    UNKNOWN,
    condition,
    phases,
    verdict_of,
)

_CERTIFICATE: Final = Rule(
    clauses=(When(PROGRESSING, (Cond(type="Issuing"),)), verdict_of("Ready")),
    message="Waiting for certificate",
)
_REQUEST: Final = Rule(
    clauses=(
        When(DEGRADED, (Cond(type="InvalidRequest"),)),
        When(DEGRADED, (Cond(type="Denied"),)),
        When(DEGRADED, (Cond(type="Ready", status="False", reasons=("Failed", "Denied")),)),
        When(HEALTHY, (Cond(type="Ready"),)),
    ),
    message="Waiting for the request to be signed",
)
_ACME: Final = phases(
    "status.state",
    healthy=("valid",),
    progressing=("pending", "processing", "ready"),
    degraded=("invalid", "expired", "errored"),
    message="{status.reason}",
    waiting="Waiting for the server",
)
_NO_STATUS: Final = (
    "Composition",
    "CompositionRevision",
    "DeploymentRuntimeConfig",
    "ClusterProviderConfig",
    "ProviderConfig",
    "ProviderConfigUsage",
    "ControllerConfig",
)
_UP_TO_DATE: Final = "Resource is up-to-date."
_CROSSPLANE: Final = Rule(
    clauses=(
        When(
            HEALTHY,
            (Absent(path="status"), Field(path="kind", values=_NO_STATUS)),
            _UP_TO_DATE,
        ),
        When(
            HEALTHY,
            (Field(path="status.users"), Absent(path="status.conditions")),
            "Resource is in use.",
        ),
        InOrder(
            (
                (Cond(type="LastAsyncOperation", status="False"), DEGRADED),
                (Cond(type="Synced", status="False"), DEGRADED),
                *(
                    (Cond(type=one), HEALTHY)
                    for one in (
                        "Ready",
                        "Healthy",
                        "Offered",
                        "Established",
                        "ValidPipeline",
                        "RevisionHealthy",
                    )
                ),
            )
        ),
    ),
    message="Provisioning ...",
)


def _strimzi(*expected: str) -> Rule:
    """Degraded when it is not ready for another reason than the expected ones."""
    return Rule(
        clauses=(
            InOrder(
                (
                    (Cond(type="NotReady", other_than=expected), DEGRADED),
                    (Cond(type="Ready"), HEALTHY),
                )
            ),
        ),
        message="Waiting for {kind}",
    )


_EXTERNAL: Final = Rule(
    clauses=(
        When(
            PROGRESSING,
            (
                Field(path="spec.refreshPolicy", values=("OnChange",)),
                Less(left="status.conditions[].lastTransitionTime", right="status.refreshTime"),
            ),
            "Waiting for ExternalSecret",
        ),
        verdict_of("Ready"),
    ),
    message="Waiting for ExternalSecret",
)
_PROMETHEUS: Final = Rule(
    clauses=(
        When(HEALTHY, (Cond(type="Available"),), "All instances are available"),
        When(
            PROGRESSING,
            (Cond(type="Available", status=ANY, reasons=("SomePodsNotReady",)),),
        ),
        When(DEGRADED, (Cond(type="Available", status=ANY),)),
    ),
    message="Waiting for initialization",
)
_CNPG: Final = Rule(
    clauses=(
        When(SUSPENDED, (Cond(type="cnpg.io/hibernation"),)),
        When(DEGRADED, (Cond(type="cnpg.io/hibernation", status=ANY),)),
        When(
            HEALTHY,
            (Field(path="status.phase", values=("Cluster in healthy state",)),),
            "{status.phaseReason}",
        ),
        When(
            PROGRESSING,
            (
                Field(
                    path="status.phase",
                    values=(
                        "Setting up primary",
                        "Creating a new replica",
                        "Upgrading cluster",
                        "Waiting for the instances to become active",
                        "Promoting to primary cluster",
                    ),
                ),
            ),
            "{status.phaseReason}",
        ),
        When(
            SUSPENDED,
            (
                Field(
                    path="status.phase",
                    values=(
                        "Unable to create required cluster objects",
                        "Cluster is unrecoverable and needs manual intervention",
                        "Cluster has incomplete or invalid image catalog",
                    ),
                ),
            ),
            "{status.phaseReason}",
        ),
        When(
            DEGRADED,
            (
                Field(
                    path="status.phase",
                    values=(
                        "Switchover in progress",
                        "Failing over",
                        "Upgrading Postgres major version",
                        "Cluster upgrade delayed",
                        "Waiting for user action",
                        "Primary instance is being restarted in-place",
                        "Primary instance is being restarted without a switchover",
                        "Online upgrade in progress",
                        "Applying configuration",
                    ),
                ),
            ),
            "{status.phaseReason}",
        ),
        When(UNKNOWN, (Field(path="status.phase"),), "{status.phaseReason}"),
    ),
    message="Waiting for the cluster",
)
_RABBIT: Final = Rule(
    clauses=(
        When(DEGRADED, (Cond(type="ReconcileSuccess", status="False"),)),
        When(HEALTHY, (Cond(type="AllReplicasReady"), Cond(type="ClusterAvailable"))),
        When(PROGRESSING, (Cond(type="AllReplicasReady", status="False"),)),
    ),
    message="Waiting for RabbitMQ",
)
_RESOURCE_CONTROLLER: Final = Rule(
    clauses=(
        When(DEGRADED, (Cond(type="ACK.Terminal"),)),
        When(DEGRADED, (Cond(type="ACK.Recoverable"),)),
        When(HEALTHY, (Cond(type="ACK.ResourceSynced"),)),
        When(PROGRESSING, (Cond(type="ACK.ResourceSynced", status=ANY),)),
    ),
    message="Waiting for the resource",
)
_CONFIG_CONNECTOR: Final = Rule(
    clauses=(
        When(HEALTHY, (Cond(type="Ready"),)),
        When(
            PROGRESSING,
            (Cond(type="Ready", status="False", reasons=("Updating", "Creating", "Deleting")),),
        ),
        When(PROGRESSING, (Cond(type="Ready", status="False", reasons=("DependencyNotReady",)),)),
        When(DEGRADED, (Cond(type="Ready", status="False"),)),
    ),
    message="Waiting for the resource",
)
_ELASTIC: Final = phases(
    "status.health",
    healthy=("green",),
    progressing=("yellow", "unknown"),
    degraded=("red",),
    message="Health is {status.health}",
)
_ELASTICSEARCH: Final = Rule(
    clauses=(
        *phases(
            "status.phase",
            progressing=("ApplyingChanges", "MigratingData"),
            degraded=("Invalid",),
            message="Elasticsearch phase is {status.phase}",
        ).clauses,
        *phases(
            "status.health",
            healthy=("green",),
            degraded=("yellow", "red"),
            message="Elasticsearch Cluster status is {status.health}",
        ).clauses,
    ),
    otherwise=UNKNOWN,
    message="Elasticsearch has not told its state",
)
_SPARK: Final = phases(
    "status.applicationState.state",
    healthy=("RUNNING", "COMPLETED"),
    progressing=("SUBMITTED", "PENDING_RERUN", "SUCCEEDING", "INVALIDATING"),
    degraded=("FAILED", "SUBMISSION_FAILED", "FAILING", "UNKNOWN"),
    message="{status.applicationState.errorMessage}",
)
_PERCONA: Final = phases(
    "status.state",
    healthy=("ready",),
    progressing=("initializing", "stopping"),
    degraded=("error",),
    suspended=("paused",),
)
_ISSUER: Final = condition("Ready", "Initializing issuer")

OPERATORS: Final[Mapping[str, Rule]] = {
    "cert-manager.io/Certificate": _CERTIFICATE,
    "cert-manager.io/CertificateRequest": _REQUEST,
    "cert-manager.io/Issuer": _ISSUER,
    "cert-manager.io/ClusterIssuer": _ISSUER,
    "acme.cert-manager.io/Order": _ACME,
    "acme.cert-manager.io/Challenge": _ACME,
    "trust.cert-manager.io/Bundle": condition("Synced", "Waiting for the bundle"),
    "bitnami.com/SealedSecret": condition("Synced", "Waiting for Sealed Secret to be decrypted"),
    "external-secrets.io/ExternalSecret": _EXTERNAL,
    "external-secrets.io/ClusterExternalSecret": condition("Ready", "Waiting for its secrets"),
    "external-secrets.io/PushSecret": condition("Ready", "Waiting for PushSecret"),
    "external-secrets.io/SecretStore": condition("Ready", "Waiting for the store"),
    "external-secrets.io/ClusterSecretStore": condition("Ready", "Waiting for the store"),
    "*.crossplane.io/*": _CROSSPLANE,
    "*.upbound.io/*": _CROSSPLANE,
    "kafka.strimzi.io/Kafka": _strimzi("Creating"),
    "kafka.strimzi.io/*": _strimzi(),
    "monitoring.coreos.com/Prometheus": _PROMETHEUS,
    "monitoring.coreos.com/PrometheusAgent": _PROMETHEUS,
    "monitoring.coreos.com/Alertmanager": _PROMETHEUS,
    "monitoring.coreos.com/ThanosRuler": _PROMETHEUS,
    "postgresql.cnpg.io/Cluster": _CNPG,
    "acid.zalan.do/postgresql": phases(
        "status.PostgresClusterStatus",
        healthy=("Running",),
        progressing=("Creating", "Updating"),
        degraded=("CreateFailed", "UpdateFailed", "DeleteFailed", "SyncFailed", "Invalid"),
    ),
    "rabbitmq.com/RabbitmqCluster": _RABBIT,
    "rabbitmq.com/*": condition("Ready", "Waiting for RabbitMQ"),
    "*.services.k8s.aws/*": _RESOURCE_CONTROLLER,
    "*.cnrm.cloud.google.com/*": _CONFIG_CONNECTOR,
    "elasticsearch.k8s.elastic.co/Elasticsearch": _ELASTICSEARCH,
    "kibana.k8s.elastic.co/Kibana": _ELASTIC,
    "apm.k8s.elastic.co/ApmServer": _ELASTIC,
    "beat.k8s.elastic.co/Beat": _ELASTIC,
    "agent.k8s.elastic.co/Agent": _ELASTIC,
    "sparkoperator.k8s.io/SparkApplication": _SPARK,
    "psmdb.percona.com/PerconaServerMongoDB": _PERCONA,
    "pxc.percona.com/PerconaXtraDBCluster": _PERCONA,
    "ceph.rook.io/CephCluster": phases(
        "status.phase",
        healthy=("Ready", "Connected"),
        progressing=("Progressing", "Connecting", "Deleting"),
        degraded=("Failure",),
    ),
    "velero.io/Backup": phases(
        "status.phase",
        healthy=("Completed",),
        degraded=("Failed", "PartiallyFailed", "FailedValidation"),
        message="{status.failureReason}",
    ),
    "velero.io/Schedule": phases(
        "status.phase", healthy=("Enabled",), degraded=("FailedValidation",)
    ),
    "velero.io/BackupStorageLocation": phases(
        "status.phase", healthy=("Available",), degraded=("Unavailable",)
    ),
    "operators.coreos.com/Subscription": phases(
        "status.state",
        healthy=("AtLatestKnown",),
        suspended=("UpgradePending",),
        degraded=("UpgradeFailed",),
        message="{status.reason}",
    ),
    "operators.coreos.com/InstallPlan": phases(
        "status.phase",
        healthy=("Complete",),
        degraded=("Failed",),
        suspended=("RequiresApproval",),
    ),
    "operators.coreos.com/ClusterServiceVersion": phases(
        "status.phase", healthy=("Succeeded",), degraded=("Failed",), unknown=("Unknown",)
    ),
    "grafana.integreatly.org/*": STANDARD,
    "kyverno.io/ClusterPolicy": condition("Ready", "Waiting for the policy"),
    "kyverno.io/Policy": condition("Ready", "Waiting for the policy"),
    "dragonflydb.io/Dragonfly": phases("status.phase", healthy=("ready", "Ready")),
    "clickhouse.altinity.com/ClickHouseInstallation": phases(
        "status.status", healthy=("Completed",), degraded=("Aborted",)
    ),
    "minio.min.io/Tenant": phases(
        "status.healthStatus", healthy=("green",), progressing=("yellow",), degraded=("red",)
    ),
}
