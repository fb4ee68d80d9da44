"""Health of live objects by kind, as Argo CD judges it."""
