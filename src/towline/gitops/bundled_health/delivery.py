"""Kinds of Argo, Flux, Knative and KEDA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from towline.gitops.bundled_health.rules import (
    ANY,
    Absent,
    Cond,
    Differs,
    Field,
    Less,
    Rule,
    When,
)
from towline.gitops.bundled_health.standard import (
    DEGRADED,
    HEALTHY,
    PROGRESSING,
    SUSPENDED,
    condition,
    phases,
)

_NOT_SEEN: Final = "Waiting for rollout spec update to be observed"
_WAIT: Final = "Waiting for roll out to finish: "
_POD_HASH: Final = "status.currentPodHash"
_BLUE_GREEN: Final = Field(path="spec.strategy.blueGreen")
_CANARY: Final = Field(path="spec.strategy.canary")

_ROLLOUT: Final = Rule(
    clauses=(
        When(PROGRESSING, (Absent(path="status.observedGeneration"),), _NOT_SEEN),
        # Rollouts writes the generation as text; older versions wrote a hash, which says nothing.
        When(
            PROGRESSING,
            (Differs(left="status.observedGeneration", right="metadata.generation", numbers=True),),
            _NOT_SEEN,
        ),
        When(DEGRADED, (Cond(type="InvalidSpec", status=ANY),)),
        When(
            DEGRADED,
            (
                Cond(
                    type="Progressing",
                    status=ANY,
                    reasons=("RolloutAborted", "ProgressDeadlineExceeded"),
                ),
            ),
        ),
        When(SUSPENDED, (Field(path="status.pauseConditions"),), "Rollout is paused"),
        When(SUSPENDED, (Field(path="spec.paused", values=(True,)),), "Rollout is paused"),
        When(PROGRESSING, (Absent(path=_POD_HASH),), _WAIT + "it has no status yet"),
        When(
            PROGRESSING,
            (
                Less(
                    left="status.updatedReplicas",
                    right="spec.replicas",
                    left_default=0,
                    right_default=1,
                ),
            ),
            _WAIT + "More replicas need to be updated",
        ),
        When(
            PROGRESSING,
            (
                Less(
                    left="status.availableReplicas",
                    right="status.updatedReplicas",
                    left_default=0,
                    right_default=0,
                ),
            ),
            _WAIT + "updated replicas are still becoming available",
        ),
        When(
            PROGRESSING,
            (_BLUE_GREEN, Differs(left="status.blueGreen.activeSelector", right=_POD_HASH)),
            "active service cutover pending",
        ),
        When(
            PROGRESSING,
            (_BLUE_GREEN, Differs(left="status.stableRS", right=_POD_HASH, both=True)),
            "waiting for analysis to complete",
        ),
        When(
            PROGRESSING,
            (
                _CANARY,
                Less(
                    left="status.updatedReplicas",
                    right="status.replicas",
                    left_default=0,
                    right_default=0,
                ),
            ),
            _WAIT + "old replicas are pending termination",
        ),
        When(
            PROGRESSING,
            (_CANARY, Differs(left="status.stableRS", right=_POD_HASH)),
            "Waiting for rollout to finish steps",
        ),
    ),
    otherwise=HEALTHY,
)
_ANALYSIS: Final = phases(
    "status.phase",
    healthy=("Successful",),
    progressing=("Pending", "Running"),
    degraded=("Failed", "Error"),
    unknown=("Inconclusive",),
    waiting="Waiting for it to finish",
)
_APPLICATION_SET: Final = Rule(
    clauses=(
        When(DEGRADED, (Cond(type="ErrorOccurred"),)),
        When(DEGRADED, (Cond(type="ResourcesUpToDate", status="False"),)),
        When(PROGRESSING, (Cond(type="RolloutProgressing"),)),
        When(HEALTHY, (Cond(type="ResourcesUpToDate"),)),
    ),
    message="Waiting for the status to be reported",
)
_CRON_WORKFLOW: Final = Rule(
    clauses=(
        When(DEGRADED, (Cond(type="SpecError"),)),
        When(DEGRADED, (Cond(type="SubmissionError"),)),
        When(HEALTHY, (Cond(type="Completed"),)),
    ),
    otherwise=HEALTHY,
    message="CronWorkflow is healthy.",
)
_EVENTS: Final = condition("Deployed", "Waiting for initialization")


def _flux(*needed: str) -> Rule:
    """Flux's kinds, by Ready and Reconciling; a source needs its artifact as well."""
    reason = "{@Ready.reason}"
    return Rule(
        clauses=(
            When(SUSPENDED, (Field(path="spec.suspend", values=(True,)),), "{kind} is suspended"),
            When(
                PROGRESSING,
                (Cond(type="Ready", status="Unknown"), Cond(type="Reconciling")),
                reason,
            ),
            When(HEALTHY, tuple(Cond(type=one) for one in ("Ready", *needed)), reason),
            When(DEGRADED, (Field(path="status.conditions"),), reason),
        ),
        message="Status unknown",
    )


_STATIC_FLUX: Final = Rule(
    clauses=(
        When(SUSPENDED, (Field(path="spec.suspend", values=(True,)),), "{kind} is suspended"),
        *_flux().clauses[1:3],
        When(DEGRADED, (Cond(type="Ready", status="False"),), "{@Ready.reason}"),
        When(PROGRESSING, (Cond(type="Ready", status=ANY),), "{@Ready.reason}"),
    ),
    otherwise=HEALTHY,
)


def _knative(*types: str) -> Rule:
    return Rule(
        clauses=(
            When(DEGRADED, (Cond(type=ANY, status="False"),), _SINCE),
            When(PROGRESSING, (Cond(type=ANY, status="Unknown"),), _SINCE),
            When(HEALTHY, tuple(Cond(type=one) for one in types), "Knative {kind} is healthy."),
        ),
        message="Waiting for status update.",
    )


_SINCE: Final = "{@.type} is {@.status}: {@.reason} {@.message}"
_SCALED: Final = Rule(
    clauses=(
        When(DEGRADED, (Cond(type="Ready", status="False"),)),
        When(DEGRADED, (Cond(type="Fallback"),)),
        When(SUSPENDED, (Cond(type="Paused"), Cond(type="Ready"))),
        When(HEALTHY, (Cond(type="Ready"),)),
    ),
    message="Waiting for the autoscaler",
)
_SOURCE: Final = _flux("ArtifactInStorage")
_HELM_REPOSITORY: Final = Rule(
    clauses=(
        _SOURCE.clauses[0],
        When(HEALTHY, (Field(path="spec.type", values=("oci",)),), "It has no status"),
        *_SOURCE.clauses[1:],
    ),
    message=_SOURCE.message,
)
_HELM_RELEASE: Final = Rule(
    clauses=(
        *_flux("Released").clauses[:-1],
        When(HEALTHY, (Cond(type="Ready"), Cond(type="TestSuccess")), "{@Ready.reason}"),
        _flux().clauses[-1],
    ),
    message=_SOURCE.message,
)
_IMAGES: Final = Rule(
    clauses=(
        _SOURCE.clauses[0],
        When(
            PROGRESSING,
            (
                Cond(type="Ready", status="False"),
                Cond(
                    type="Reconciling",
                    reasons=("NewGeneration", "AccessingRepository", "ApplyingPolicy"),
                ),
            ),
            "{@Ready.reason}",
        ),
        *_flux().clauses[2:],
    ),
    message=_SOURCE.message,
)

DELIVERY: Final[Mapping[str, Rule]] = {
    "argoproj.io/Rollout": _ROLLOUT,
    "argoproj.io/AnalysisRun": _ANALYSIS,
    "argoproj.io/Experiment": _ANALYSIS,
    "argoproj.io/ApplicationSet": _APPLICATION_SET,
    "argoproj.io/CronWorkflow": _CRON_WORKFLOW,
    "argoproj.io/EventBus": _EVENTS,
    "argoproj.io/EventSource": _EVENTS,
    "argoproj.io/Sensor": _EVENTS,
    "source.toolkit.fluxcd.io/GitRepository": _SOURCE,
    "source.toolkit.fluxcd.io/HelmChart": _SOURCE,
    "source.toolkit.fluxcd.io/Bucket": _SOURCE,
    "source.toolkit.fluxcd.io/OCIRepository": _SOURCE,
    "source.toolkit.fluxcd.io/HelmRepository": _HELM_REPOSITORY,
    "kustomize.toolkit.fluxcd.io/Kustomization": _flux(),
    "helm.toolkit.fluxcd.io/HelmRelease": _HELM_RELEASE,
    "image.toolkit.fluxcd.io/*": _IMAGES,
    "notification.toolkit.fluxcd.io/Receiver": _flux(),
    "notification.toolkit.fluxcd.io/*": _STATIC_FLUX,
    "serving.knative.dev/Service": _knative("Ready", "ConfigurationsReady", "RoutesReady"),
    "serving.knative.dev/*": _knative("Ready"),
    "eventing.knative.dev/*": _knative("Ready"),
    "messaging.knative.dev/*": _knative("Ready"),
    "sources.knative.dev/*": _knative("Ready"),
    "keda.sh/ScaledObject": _SCALED,
    "keda.sh/ScaledJob": _SCALED,
    "flagger.app/Canary": phases(
        "status.phase",
        healthy=("Initialized", "Succeeded"),
        progressing=(
            "Initializing",
            "Waiting",
            "Progressing",
            "WaitingPromotion",
            "Promoting",
            "Finalising",
        ),
        degraded=("Failed",),
        message="{@Promoted.message}",
    ),
    "tekton.dev/PipelineRun": condition("Succeeded", "Waiting for it to finish"),
    "tekton.dev/TaskRun": condition("Succeeded", "Waiting for it to finish"),
}
