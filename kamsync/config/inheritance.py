"""One configuration on top of another: `inherit = "common.toml"` in the first lines of a file.

Tables are merged key by key, the file's own keys before those of the common one; a list of tables ([[tiers]], [[criteria]] …)
is the file's own or the common one's, never a mixture. Relative paths, those of the common file too, are taken from the folder
of the file that inherits: that is the configuration.
"""

from __future__ import annotations

from pathlib import Path

from kamsync.config.layers import INHERIT, merged
from kamsync.config.toml_source import KeyPath, TomlSource, read_toml
from kamsync.errors import ConfigError
from kamsync.files import path_of
from kamsync.printable import one_line

MOST_PATH = 255


def read_configuration(path: Path) -> TomlSource:
    """The file as TOML with what it inherits. Raises ConfigError where either cannot be read, or the common one inherits too."""
    own = read_toml(path, "configuration file", missing_fix="Make one with `kamsync init`, or name it with --config.")
    named = own.document.get(INHERIT)
    if not isinstance(named, str):
        return own
    place = own.place((INHERIT,))
    if not 0 < len(named) <= MOST_PATH:
        raise ConfigError(f"{place}: {one_line(named[:40])!r} is no path of a file.", fix='Write it like "common.toml".')
    common = path.resolve().parent / path_of(named, place)
    base = read_toml(common, "common configuration", missing_fix=f"It is named in {place}: check the path.")
    if INHERIT in base.document:
        raise ConfigError(f"{base.place((INHERIT,))}: a common configuration inherits from none.", fix="Put both into one file.")
    replaced = tuple(key for key, value in own.document.items() if isinstance(value, list))
    lines: dict[KeyPath, int] = {at: line for at, line in base.lines.items() if at[0] not in replaced}
    return TomlSource(own.name, merged(base.document, own.document), own.lines, TomlSource(base.name, base.document, lines))
