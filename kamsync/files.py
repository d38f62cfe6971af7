"""Files that people hand to us and files that we write: regular ones only, of a bounded size, read as editors save them.

Reading refuses what could hang (a FIFO), never end (a device) or be somebody else's to change (a file that others can write).
Writing never follows a link and leaves a file that only its owner reads. Every refusal is a ConfigError with its mend.
"""

from __future__ import annotations

import codecs
import os
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from kamsync.errors import ConfigError
from kamsync.printable import one_line

CONFIG_LIMIT_BYTES = 1_000_000
SECRET_LIMIT_BYTES = 100_000
PLAN_LIMIT_BYTES = 500_000_000

# The longer mark first: that of UTF-32 begins with that of UTF-16.
_OTHER_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def path_of(text: str, where: object = "") -> Path:
    """The path that a person wrote, `~` read as meant. `where` names the place of the text for messages.

    Raises ConfigError for a character that no path holds.
    """
    place = f"{where}: " if str(where) else ""
    if not text.isprintable():
        raise ConfigError(f"{place}{one_line(text)!r} holds a character that no path should hold.", fix="Write it anew.")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ConfigError(
            f"{place}{text} begins with ~, and this user has no such home folder.", fix="Write the whole path, or set HOME."
        ) from None


def exists(path: Path, what: str) -> bool:
    """Whether something is there; ConfigError where that cannot be told (a folder that is closed to us)."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        raise _unreadable(path, what, error) from error
    return True


def read_text(path: Path, what: str, *, limit_bytes: int) -> str:
    """The file's text: UTF-8 with or without a mark, any line ends as a line feed.

    Raises FileNotFoundError as it is (callers know what to say), ConfigError otherwise, also over what others can write.
    """
    data = read_bytes(path, what, limit_bytes=limit_bytes)
    return decoded(data, f"{what} {path}", str(path))


def read_bytes(path: Path, what: str, *, limit_bytes: int, ours: bool = True) -> bytes:
    """The bytes of a regular file of at most `limit_bytes`. `ours` refuses what others can write.

    Raises FileNotFoundError as it is, ConfigError otherwise.
    """
    try:
        # A FIFO would make open() wait for a writer, and some devices act when they are opened.
        found = path.stat()
        _check_regular(path, what, found)
        with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)), "rb") as file:
            found = os.fstat(file.fileno())
            _check_regular(path, what, found)
            if ours and others_can_write(found):
                raise ConfigError(
                    f"Others can change the {what} {path}, and with it what this program does.", fix=f"chmod go-w {path}"
                )
            data = file.read(limit_bytes + 1)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise _unreadable(path, what, error) from error
    if len(data) > limit_bytes:
        raise ConfigError(
            f"The {what} {path} is larger than {limit_bytes:,} bytes.", fix="It is probably another file: check the path."
        )
    return data


def decoded(data: bytes, what: str, where: str) -> str:
    """Bytes as text, as editors write it. `where` comes before a line number in messages.

    Raises ConfigError for bytes that are no UTF-8.
    """
    for mark, name in _OTHER_MARKS:
        if data.startswith(mark):
            raise ConfigError(f"The {what} is in {name}, not in UTF-8.", fix="Save it as UTF-8 in your editor.")
    data = data.removeprefix(codecs.BOM_UTF8)
    if b"\0" in data:
        guess = "it looks like UTF-16 without a mark" if data.count(b"\0") * 3 > len(data) else "it is no text file"
        line = data[: data.index(b"\0")].count(b"\n") + 1
        raise ConfigError(f"{where}:{line}: a NUL byte; {guess}.", fix="Save it as UTF-8 in your editor.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = len(data[: error.start].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))
        raise ConfigError(
            f"{where}:{line}: the byte 0x{data[error.start]:02X} is not UTF-8; "
            "the file is in another encoding, perhaps Latin-1 or Windows-1252.",
            fix="Save it as UTF-8 in your editor.",
        ) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if "\n" in text else text.replace("\x85", "\n")  # a mainframe's line ends


def others_can_write(found: os.stat_result) -> bool:
    """Whether anybody but the owner, root and the owner's own group (named like the owner) may change the file."""
    if sys.platform == "win32":
        return False
    if found.st_mode & stat.S_IWOTH:
        return True
    return bool(found.st_mode & stat.S_IWGRP) and not _is_private_group(found)


def everyone_can_read(found: os.stat_result) -> bool:
    """Whether any user of the machine may read a file of this status; never on Windows, where modes say nothing."""
    return sys.platform != "win32" and bool(found.st_mode & stat.S_IROTH)


def _is_private_group(found: os.stat_result) -> bool:
    """The group that many systems make with each user, whose files are writable for it by their umask of 002."""
    if sys.platform == "win32":
        return True
    import grp
    import pwd

    if found.st_gid == 0:
        return True
    try:
        owner, group = pwd.getpwuid(found.st_uid), grp.getgrgid(found.st_gid)
    except KeyError:
        return False
    return group.gr_name == owner.pw_name and set(group.gr_mem) <= {owner.pw_name}


def write_private(path: Path, content: str | bytes, what: str) -> None:
    """Writes the file whole or not at all, for its owner's eyes only. Raises ConfigError, also over a link, folder or device.

    Text becomes UTF-8, with line ends as the system has them.
    """
    data = content if isinstance(content, bytes) else content.replace("\n", os.linesep).encode("utf-8", "replace")
    try:
        if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):
            kind = kind_of(path.lstat().st_mode)
            raise ConfigError(f"{path} is {kind}: the {what} is not written over it.", fix="Name another file.")
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600, made exclusively
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(temporary).unlink()
            raise
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"The {what} {path} cannot be written: {reason(error)}.", fix="Check the folder's permissions, or name another file."
        ) from error


def kind_of(mode: int) -> str:
    """What stands at a path, for people."""
    kinds = (
        (stat.S_ISLNK, "a link"),
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
        (stat.S_ISREG, "a file"),
    )
    return next((name for test, name in kinds if test(mode)), "no regular file")


def reason(error: Exception) -> str:
    """The system's words for an error, without the path that the message has already."""
    return (getattr(error, "strerror", None) or str(error)).rstrip(".").lower()


def _check_regular(path: Path, what: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"The {what} {path} is {kind_of(found.st_mode)}, not a regular file.", fix="Name a regular file.")


def _unreadable(path: Path, what: str, error: Exception) -> ConfigError:
    fix = "Check the path."
    if isinstance(error, PermissionError):
        fix = _whose(path)
    return ConfigError(f"The {what} {path} cannot be read: {reason(error)}.", fix=fix)


def _whose(path: Path) -> str:
    """The mend of a missing permission, with the owner where the system tells."""
    if sys.platform == "win32":
        return "Allow this user to read it."
    try:
        owner = path.owner()
    except (OSError, KeyError):
        return "A folder on the way to it is closed to this user: run kamsync as its owner, or open the folder (chmod g+x)."
    return f"It belongs to {owner}: run kamsync as that user, or let this one read it (chgrp, chmod g+r)."
