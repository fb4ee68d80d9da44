"""Simulated nodes: pods go through their real phases without containers."""

from towline.drydock.node.simulated.nodes import SimulatedNodes
from towline.drydock.node.simulated.options import SimulationOptions

__all__ = ["SimulatedNodes", "SimulationOptions"]
