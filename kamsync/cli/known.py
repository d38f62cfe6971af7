"""The cache for commands that only read it: without loading a configuration that has not changed since it was last loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kamsync.config.inputs import Inputs, inputs_of
from kamsync.run.known import is_sound, program_of, remember
from kamsync.store.database import Cache, open_cache

if TYPE_CHECKING:
    from kamsync.store.known_program import KnownProgram


@contextmanager
def sound_cache(config: Path) -> Iterator[Cache]:
    """The cache that the configuration names. Raises ConfigError where either is not sound or not there, and CacheUnusable."""
    inputs = inputs_of(config)
    if inputs is not None and is_sound(config, inputs):
        with open_cache(inputs.cache_path) as cache:
            yield cache
    else:
        with _loaded(config, inputs) as (cache, _):
            yield cache


@contextmanager
def known_cache(config: Path) -> Iterator[tuple[Cache, KnownProgram]]:
    """The same with the configuration's programme."""
    inputs = inputs_of(config)
    if inputs is not None and is_sound(config, inputs):
        with open_cache(inputs.cache_path) as cache:
            known = program_of(cache, config, inputs)
            if known is not None:
                yield cache, known
                return
    with _loaded(config, inputs) as found:
        yield found


@contextmanager
def _loaded(config: Path, inputs: Inputs | None) -> Iterator[tuple[Cache, KnownProgram]]:
    from kamsync.cli.session import open_session  # it loads whatever reads a configuration, and is seldom needed

    session = open_session(config)
    with session.cache(must_exist=True) as cache:
        yield cache, remember(cache, session.config, inputs)
