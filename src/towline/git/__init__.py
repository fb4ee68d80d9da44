"""The git edge: hardened child processes, mirrors, object reads, the local forge."""

from towline.git.command import Git, GitLimits
from towline.git.credentials import GitCredentials
from towline.git.environment import GitSettings
from towline.git.mirror import Mirrors
from towline.git.tree import CommitInfo, GitTree
from towline.git.urls import RepoURL, UrlPolicy, parse_url, same_location, same_repository

__all__ = [
    "CommitInfo",
    "Git",
    "GitCredentials",
    "GitLimits",
    "GitSettings",
    "GitTree",
    "Mirrors",
    "RepoURL",
    "UrlPolicy",
    "parse_url",
    "same_location",
    "same_repository",
]
