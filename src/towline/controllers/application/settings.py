"""How the engine behaves; every value with its default."""

from __future__ import annotations

import msgspec

from towline.gitops.automation import Backoff


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the application controller.

    Attributes:
        poll_seconds: Time after which an application is compared again without a trigger; 0 turns
            polling off.
        poll_jitter: Up to that many seconds are added, by application.
        workers: Applications worked on at once.
        self_heal: Waits between self-heals that did not help.
        heal_burst: Repairs of new drift that happen at once within `heal_window`; further ones
            wait as if they had not helped, since something fights back.
        heal_window: Seconds.
        repo_error_grace: Seconds for which an unreachable repository leaves the status as it is.
        repo_retry: Seconds between attempts to reach a repository.
        wave_delay: Seconds between two waves. Controllers that report health late get their turn,
            and times of creation, which count whole seconds, tell the order.
        operation_poll: Longest time in seconds between two looks at a running operation.
    """

    poll_seconds: float = 120.0
    poll_jitter: float = 60.0
    workers: int = 8
    self_heal: Backoff = Backoff()
    heal_burst: int = 10
    heal_window: float = 60.0
    repo_error_grace: float = 180.0
    repo_retry: float = 10.0
    wave_delay: float = 1.0
    operation_poll: float = 30.0
