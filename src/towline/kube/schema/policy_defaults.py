"""Default values of admission registrations and of flow control. Pure and idempotent."""

from __future__ import annotations

from towline.kube.schema.pod_defaults import Obj, change, change_items, fill_unset

_SELECTING: Obj = {"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}}


def default_validating_webhooks(obj: Obj) -> Obj:
    """A ValidatingWebhookConfiguration."""
    return change_items(obj, "webhooks", _webhook)


def default_mutating_webhooks(obj: Obj) -> Obj:
    """A MutatingWebhookConfiguration."""
    return change_items(
        obj, "webhooks", lambda one: fill_unset(_webhook(one), {"reinvocationPolicy": "Never"})
    )


def _webhook(webhook: Obj) -> Obj:
    webhook = fill_unset(webhook, {"failurePolicy": "Fail", "timeoutSeconds": 10, **_SELECTING})
    webhook = change_items(webhook, "rules", _rule)
    return change(
        webhook,
        "clientConfig",
        lambda config: change(config, "service", lambda one: fill_unset(one, {"port": 443})),
    )


def _rule(rule: Obj) -> Obj:
    return fill_unset(rule, {"scope": "*"})


def default_admission_policy(spec: Obj) -> Obj:
    """The specification of a ValidatingAdmissionPolicy or a MutatingAdmissionPolicy."""
    spec = fill_unset(spec, {"failurePolicy": "Fail"})
    return change(spec, "matchConstraints", _match_resources)


def default_admission_binding(spec: Obj) -> Obj:
    """The specification of a binding of such a policy."""
    return change(spec, "matchResources", _match_resources)


def _match_resources(match: Obj) -> Obj:
    match = fill_unset(match, _SELECTING)
    for name in ("resourceRules", "excludeResourceRules"):
        match = change_items(match, name, _rule)
    return match


def default_flow_schema(spec: Obj) -> Obj:
    """The specification of a FlowSchema."""
    return spec if spec.get("matchingPrecedence") else {**spec, "matchingPrecedence": 1000}


def default_priority_level(spec: Obj) -> Obj:
    """The specification of a PriorityLevelConfiguration."""
    exempt = {"nominalConcurrencyShares": 0, "lendablePercent": 0}
    spec = change(spec, "exempt", lambda given: fill_unset(given, exempt))
    return change(spec, "limited", _limited)


def _limited(limited: Obj) -> Obj:
    limited = fill_unset(limited, {"nominalConcurrencyShares": 30, "lendablePercent": 0})
    queues = {"handSize": 8, "queues": 64, "queueLengthLimit": 50}
    return change(
        limited,
        "limitResponse",
        lambda response: change(response, "queuing", lambda given: fill_unset(given, queues)),
    )
