"""Pod network: addresses, bridge, service proxy, load balancers, DNS."""

from towline.drydock.network.plan import NetworkPlan, plan, release
from towline.drydock.network.service import Network

__all__ = ["Network", "NetworkPlan", "plan", "release"]
