"""The Kubernetes API server: discovery, OpenAPI, verbs, watch, output forms."""
