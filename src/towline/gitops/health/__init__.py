"""Health of single objects by kind, and of an application as a whole. Pure."""

from towline.gitops.health.assess import Health, assess
from towline.gitops.health.combine import combine

__all__ = ["Health", "assess", "combine"]
