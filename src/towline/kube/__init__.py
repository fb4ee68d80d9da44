"""Kubernetes object model, pure: references, selectors, patches, server-side apply, schemas."""
