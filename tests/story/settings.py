"""How long the stories are played: a few in the suite, always the same; many by `make stories`, which shrinks what it finds."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

STORIES = int(os.environ.get("KAMSYNC_STORIES", "0"))


def played(*, stories: int, steps: int) -> settings:
    """So many stories of so many steps. Shrinking takes minutes: in the suite they are told as they were played."""
    return settings(
        max_examples=stories,
        stateful_step_count=steps,
        phases=tuple(Phase) if STORIES else (Phase.explicit, Phase.generate),
        deadline=None,
        derandomize=not STORIES,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
