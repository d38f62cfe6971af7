"""The shipped mappings, criteria presets and playbooks: in the wheel under kamsync/_mappings, in a checkout under mappings/."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def shipped_folder() -> Traversable:
    """The root of the shipped data files."""
    packaged = files("kamsync") / "_mappings"
    if packaged.is_dir():
        return packaged
    return Path(__file__).parent.parent.parent / "mappings"


def shipped_names(folder: str = "") -> tuple[str, ...]:
    """Names, without `.toml`, of the shipped files in that folder."""
    root = shipped_folder() / folder if folder else shipped_folder()
    return tuple(sorted(f.name.removesuffix(".toml") for f in root.iterdir() if f.name.endswith(".toml")))


def read_shipped(name: str, folder: str = "") -> str | None:
    """A shipped file's text, None where there is none of that name."""
    if name not in shipped_names(folder):
        return None
    root = shipped_folder() / folder if folder else shipped_folder()
    return (root / f"{name}.toml").read_text(encoding="utf-8")
