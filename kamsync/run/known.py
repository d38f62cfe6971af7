"""What is known of a configuration without loading it: that it is sound, and its programme.

Known is what was loaded of the very files and surroundings that it is made of now (config.inputs)."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kamsync.config.inputs import Inputs, inputs_of
from kamsync.errors import CacheUnusable
from kamsync.run.due_lines import scheduled
from kamsync.store.database import Cache, open_cache
from kamsync.store.known_program import Beside, is_known, keep_known, known_of, load_known

if TYPE_CHECKING:
    from kamsync.config import Config
    from kamsync.store.known_program import KnownProgram


def is_sound(config: Path, inputs: Inputs | None) -> bool:
    """Whether the configuration was loaded as it is now, without an error. `inputs`: of it, as they are now.

    False also where the cache cannot be read: loading the configuration tells first what is wrong with that.
    """
    if inputs is None or not inputs.has_cache:
        return False
    with suppress(CacheUnusable), open_cache(inputs.cache_path) as cache:
        return is_known(cache, config.resolve(), inputs.digest)
    return False


def program_of(cache: Cache, config: Path, inputs: Inputs) -> KnownProgram | None:
    """The programme as it was loaded; None where it is not known."""
    return load_known(cache, config.resolve(), inputs.digest)


def beside_of(config: Config) -> Beside:
    """What is kept of a loaded configuration beside its programme."""
    lines = tuple((due.name, due.table.cron, due.table.timezone) for due in scheduled(config.schedule))
    return Beside(config.connector.kind, config.connector.label, str(config.log.file or ""), lines)


def remember(cache: Cache, config: Config, inputs: Inputs | None) -> KnownProgram:
    """The loaded configuration's programme, which is known from now on.

    `inputs`: as they were before it was loaded; where they have changed meanwhile, nothing is kept.
    """
    known = known_of(config.compiled, beside_of(config))
    if inputs is not None and inputs == inputs_of(config.path) and inputs.cache_path == config.cache_path:
        where = config.path.resolve()
        if load_known(cache, where, inputs.digest) is None:
            keep_known(cache, where, inputs.digest, known)
    return known
