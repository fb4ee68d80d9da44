"""Where Drydock answers differently from kube-apiserver on purpose, each with its reason."""

from __future__ import annotations

from peers.difference import Known

KNOWN: tuple[Known, ...] = ()
