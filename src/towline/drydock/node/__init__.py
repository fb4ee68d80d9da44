"""The node: pod machine, podman, probes, logs."""
