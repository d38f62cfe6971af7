"""The programme of the configuration that was last loaded, kept in the cache, so that what only reads need not load it again.

What is kept belongs to the very files and surroundings that it was made of (`inputs`); for any others it is as if nothing were
kept. It is pickled, because a programme is values of some thirty classes, and read by an unpickler that makes values of this
package's decisions and of nothing else: the cache is this user's own file, but a copy of it may come from anywhere.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Callable
from dataclasses import astuple, dataclass, is_dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import orjson

from kamsync.decide.plain import as_plain
from kamsync.store.database import Cache, without_waiting

if TYPE_CHECKING:
    from kamsync.decide.compiled import CompiledProgram
    from kamsync.decide.program import Program

_VALUES = {("builtins", "frozenset"), ("datetime", "date"), ("kamsync.store.known_program", "_read_only")}
_PACKAGE = "kamsync.decide."
DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True)
class Beside:
    """What a configuration says beside its programme: the CRM by its kind and name, the log's file ("" none), and the lines of
    the schedule, each by its name with its text and time zone."""

    crm: str = ""
    label: str = ""
    log_file: str = ""
    lines: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class KnownProgram:
    """What reading needs of a programme: all but its playbooks and whom it names, for no address of a person is kept.

    `columns`: the facts that each criterion's value reads. `hash`: what the CRM is told of the programme. `mark`: of the whole
    programme, as decisions are kept by.
    """

    program: Program
    columns: tuple[tuple[str, ...], ...]
    hash: str
    mark: str
    beside: Beside


def known_of(compiled: CompiledProgram, beside: Beside = Beside()) -> KnownProgram:
    """The part of a compiled programme that reading needs."""
    columns = tuple(one.value.columns for one in compiled.criteria)
    return KnownProgram(
        replace(compiled.program, playbooks=(), fallback_owner=""), columns, compiled.hash, mark_of(compiled.program), beside
    )


def mark_of(program: Program) -> str:
    """Names the programme by everything in it."""
    return hashlib.sha256(orjson.dumps(as_plain(program), option=orjson.OPT_SORT_KEYS)).hexdigest()


def is_known(cache: Cache, config: Path, inputs: str) -> bool:
    """Whether that configuration was loaded when it was made of these inputs."""
    sql = "SELECT 1 FROM known_programmes WHERE config = ? AND inputs = ?"
    return cache.connection.execute(sql, (str(config), inputs)).fetchone() is not None


def load_known(cache: Cache, config: Path, inputs: str) -> KnownProgram | None:
    """What was kept for that configuration; None where it was made of other inputs, or of anything that cannot be read."""
    sql = "SELECT body FROM known_programmes WHERE config = ? AND inputs = ?"
    row = cache.connection.execute(sql, (str(config), inputs)).fetchone()
    if row is None:
        return None
    digest, body = row[0][:DIGEST_BYTES], row[0][DIGEST_BYTES:]
    if digest != hashlib.sha256(body).digest():  # what is damaged may ask for any amount of memory
        return None
    try:
        program, columns, hashed, mark, beside = _Unpickler(io.BytesIO(body)).load()
        return KnownProgram(program, columns, hashed, mark, Beside(*beside))
    except (pickle.UnpicklingError, AttributeError, EOFError, ImportError, IndexError, TypeError, ValueError):
        return None


def keep_known(cache: Cache, config: Path, inputs: str, known: KnownProgram) -> None:
    """Keeps it; where a run is writing to the cache, or the disk is full, nothing is kept."""
    pickled = io.BytesIO()
    _Pickler(pickled).dump((known.program, known.columns, known.hash, known.mark, astuple(known.beside)))
    body = pickled.getvalue()
    with without_waiting(cache), cache.transaction() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO known_programmes (config, inputs, body) VALUES (?, ?, ?)",
            (str(config), inputs, hashlib.sha256(body).digest() + body),
        )


class _Pickler(pickle.Pickler):
    """Knows the read-only mappings that values hold, which pickle does not."""

    def reducer_override(self, value: Any) -> Any:
        return (_read_only, (dict(value),)) if isinstance(value, MappingProxyType) else NotImplemented


def _read_only(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(values)


class _Unpickler(pickle.Unpickler):
    """Makes values of the decisions' own classes; anything else is refused.

    A name with dots, or one that a module only imports, leads out of the package: to what makes functions of bytes, say.
    """

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        is_ours = module.startswith(_PACKAGE) and "." not in name
        if (module, name) not in _VALUES and not is_ours:
            raise pickle.UnpicklingError(f"{module}.{name} is no value of a programme")
        found: Callable[..., Any] = super().find_class(module, name)
        if is_ours and (getattr(found, "__module__", "") != module or not is_dataclass(found)):
            raise pickle.UnpicklingError(f"{module}.{name} is no class of the decisions")
        return found
