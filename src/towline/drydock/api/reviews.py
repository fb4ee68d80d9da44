"""Questions about access: who is behind a token, who am I, what may I or somebody else do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from towline.drydock.auth.access import Access
from towline.drydock.auth.attributes import Attributes
from towline.drydock.auth.claims import ISSUER
from towline.drydock.auth.user import User
from towline.drydock.refusals import bad_request
from towline.drydock.registry import Target
from towline.kube.refs import GroupKind
from towline.kube.schema.fielderror import FieldError, invalid, invalid_status

Obj = dict[str, Any]

# Its messages do not say which review is wrong.
_NO_KIND = GroupKind("authorization.k8s.io", "")
_MANY = 1024


def answer(target: Target, body: Obj, user: User, access: Access, now: str) -> Obj | None:
    """The answer to a review, or None when the resource is not a review.

    Args:
        target: What was asked of, such as `selfsubjectaccessreviews`.
        body: The question.
        user: Who asks.
        access: Knows tokens and rights.
        now: The wall time as objects carry it.

    Raises:
        ApiError: The question makes no sense.
    """
    kind = target.kind
    spec = _map(body, "spec")
    meta = _map(body, "metadata")
    match kind.plural:
        case "selfsubjectaccessreviews":
            _check(_attribute_problems(spec))
            status = _decided(access, user, spec)
        case "subjectaccessreviews" | "localsubjectaccessreviews":
            problems = _attribute_problems(spec) + _subject_problems(spec)
            if kind.namespaced:
                problems += _local_problems(spec, meta, target.namespace)
            _check(problems)
            status = _decided(access, _subject(spec), spec)
        case "selfsubjectrulesreviews":
            status = _rules(access, user, str(spec.get("namespace") or ""))
            spec = {}
        case "selfsubjectreviews":
            status = {"userInfo": user.info()}
            meta.setdefault("creationTimestamp", now)
        case "tokenreviews":
            status = _token(access, spec)
        case _:
            return None
    said = {**body, "metadata": meta, "status": status}
    if "spec" in body or spec:
        said["spec"] = spec
    return said


def _map(obj: Obj, name: str) -> Obj:
    value = obj.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_request(f"{name} must be an object")
    return {key: each for key, each in value.items() if each is not None}


# Access reviews


def _check(problems: list[FieldError]) -> None:
    if problems:
        raise invalid_status(_NO_KIND, "", problems)


def _attribute_problems(spec: Obj) -> list[FieldError]:
    resource, other = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None and other is not None:
        why = "cannot be specified in combination with resourceAttributes"
        return [invalid("spec.nonResourceAttributes", _spelt(other), why)]
    if resource is None and other is None:
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        return [invalid("spec.resourceAttributes", None, why)]
    if not isinstance(resource if other is None else other, dict):
        raise bad_request("spec: the attributes must be an object")
    return []


def _subject_problems(spec: Obj) -> list[FieldError]:
    if spec.get("user") or spec.get("groups"):
        return []
    return [invalid("spec.user", "", "at least one of user or group must be specified")]


def _local_problems(spec: Obj, meta: Obj, namespace: str) -> list[FieldError]:
    given = meta.setdefault("namespace", namespace)
    if given != namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    asked = spec.get("resourceAttributes")
    if asked is None:
        why = "disallowed on this kind of request"
        given = _spelt(spec.get("nonResourceAttributes"))
        return [invalid("spec.nonResourceAttributes", given, why)]
    inside = asked.get("namespace") or ""
    if inside != namespace:
        return [
            invalid("spec.resourceAttributes.namespace", inside, "must match metadata.namespace")
        ]
    return []


def _spelt(attributes: Any) -> Any:
    """The attributes as messages spell them."""
    if not isinstance(attributes, dict):
        return attributes
    return {"Path": attributes.get("path", ""), "Verb": attributes.get("verb", "")}


def _subject(spec: Obj) -> User:
    groups = _strings(spec.get("groups"), "spec.groups")
    extra = {key: _strings(values, "spec.extra") for key, values in _map(spec, "extra").items()}
    return User(str(spec.get("user") or ""), groups, str(spec.get("uid") or ""), extra)


def _strings(value: Any, path: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > _MANY:
        raise bad_request(f"{path}: must be a list of at most {_MANY} strings")
    return tuple(str(each) for each in value)


def _decided(access: Access, user: User, spec: Obj) -> Obj:
    decision = access.authorizer.decide(user, _asked(spec))
    status: Obj = {"allowed": decision.allowed}
    if decision.reason:
        status["reason"] = decision.reason
    return status


def _asked(spec: Obj) -> Attributes:
    def text(attributes: Mapping[str, Any], name: str) -> str:
        return str(attributes.get(name) or "")

    resource = spec.get("resourceAttributes")
    if resource is None:
        other = spec["nonResourceAttributes"]
        return Attributes(text(other, "verb"), path=text(other, "path"))
    names = ("verb", "group", "version", "resource", "subresource", "name", "namespace")
    return Attributes(*(text(resource, name) for name in names))


def _rules(access: Access, user: User, namespace: str) -> Obj:
    if not namespace:
        raise bad_request("no namespace on request")
    rules, errors = access.authorizer.rules_for(user, namespace)
    resource, other = [], []
    for rule in rules:
        if rule.resources:
            resource.append(rule._replace(urls=()).as_object())
        if rule.urls:
            other.append({"nonResourceURLs": list(rule.urls), "verbs": list(rule.verbs)})
    status: Obj = {"incomplete": False, "nonResourceRules": other, "resourceRules": resource}
    if errors:
        status["evaluationError"] = errors
    return status


# Tokens


def _token(access: Access, spec: Obj) -> Obj:
    token = str(spec.get("token") or "")
    if not token:
        raise bad_request("token is required for TokenReview in authentication")
    audiences = _strings(spec.get("audiences"), "spec.audiences") or (ISSUER,)
    verdict = access.review(token, audiences)
    if verdict.user is None:
        why = (
            f"[invalid bearer token, {verdict.error}]" if verdict.error else "invalid bearer token"
        )
        return {"error": why, "user": {}}
    return {
        "audiences": list(verdict.audiences),
        "authenticated": True,
        "user": verdict.user.info(),
    }
