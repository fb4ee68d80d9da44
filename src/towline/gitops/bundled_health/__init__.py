"""Health of custom resources that people use most, as data. Pure.

A kind that is not listed has no health, as with Argo CD: an unknown condition says nothing for
sure. An operator lists further kinds with standard conditions, or writes a script.
"""

from towline.gitops.bundled_health.catalogue import bundled_rule
from towline.gitops.bundled_health.rules import Rule, judge
from towline.gitops.bundled_health.standard import STANDARD

__all__ = ["STANDARD", "Rule", "bundled_rule", "judge"]
