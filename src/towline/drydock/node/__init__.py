"""Node of the cluster: pod machine, podman, probes, logs."""

from towline.drydock.node.node import Node
from towline.drydock.node.options import NodeOptions

__all__ = ["Node", "NodeOptions"]
