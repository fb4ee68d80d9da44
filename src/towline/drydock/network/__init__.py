"""Pod network, service proxy, cluster DNS."""
