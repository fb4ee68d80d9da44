"""YAML as Kubernetes reads it (Go's rules), with source positions."""
