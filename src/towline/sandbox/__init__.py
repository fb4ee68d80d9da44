"""Child processes: limits, signals, buildah, base images."""
