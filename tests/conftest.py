"""Settings for the whole suite."""

from __future__ import annotations

import os

from hypothesis import settings

# The same examples on every run, so that a change is judged by what it changed; KAMSYNC_EXPLORE=1 looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=1_000)
settings.load_profile("explore" if os.environ.get("KAMSYNC_EXPLORE") else "steady")
