"""Health of single objects by kind, and of an application as a whole. Pure."""

from towline.gitops.health.assess import assess, pending_deletion
from towline.gitops.health.combine import combine
from towline.gitops.health.verdict import Health

__all__ = ["Health", "assess", "combine", "pending_deletion"]
