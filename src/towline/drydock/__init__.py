"""Drydock: the embedded single-node Kubernetes cluster."""
