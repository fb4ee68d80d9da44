"""Serves repositories over git's smart HTTP protocol: the git half of the local forge."""

from towline.git.server.app import GitServer, ServerSettings
from towline.git.server.repositories import CommitFacts, Repositories
from towline.git.server.tokens import TokenBook

__all__ = ["CommitFacts", "GitServer", "Repositories", "ServerSettings", "TokenBook"]
