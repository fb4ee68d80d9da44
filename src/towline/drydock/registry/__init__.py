"""The embedded cluster's registry: kinds, admission and the semantics of every read and write."""

from towline.drydock.registry.kinds import Kinds, ServedKind
from towline.drydock.registry.options import DeleteOptions, Outcome, WriteOptions
from towline.drydock.registry.registry import Registry, settle
from towline.drydock.registry.target import Target

__all__ = [
    "DeleteOptions",
    "Kinds",
    "Outcome",
    "Registry",
    "ServedKind",
    "Target",
    "WriteOptions",
    "settle",
]
