"""The shipped mappings, criteria presets and playbooks: in the wheel under kamsync/_mappings, in a checkout under mappings/."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from kamsync.decide.suggest import Places


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


def shipped_places() -> dict[str, Places]:
    """How many each preset chooses for its best tier, by the preset's name."""
    best = {name: tomllib.loads(read_shipped(name, "criteria") or "")["tiers"][0] for name in shipped_names("criteria")}
    return {name: Places(tier.get("top_percent"), tier.get("max_accounts")) for name, tier in best.items()}


def shipped_purpose(name: str, folder: str) -> str:
    """What a shipped preset or playbook is for, in one line: its comment's first paragraph, and when to use it.

    "" where it has no comment.
    """
    paragraphs = [""]
    for line in (read_shipped(name, folder) or "").splitlines():
        if not line.startswith("#"):
            break
        text = line.removeprefix("#").strip()
        if text:
            paragraphs[-1] += f" {text}"
        else:
            paragraphs.append("")
    first, *others = (" ".join(paragraph.split()) for paragraph in paragraphs)
    advice = next((text.partition(". ")[0].rstrip(".") + "." for text in others if text.startswith("Use it ")), "")
    return f"{first.removeprefix(f'{name}:').strip()} {advice}".strip()


def playbook_fragment(text: str) -> str:
    """A shipped playbook as the `[[playbooks]]` table that one's own configuration holds."""
    lines, begun = [], False
    for line in text.splitlines():
        if not begun and line.startswith("name ="):
            lines.append("[[playbooks]]")
            begun = True
        lines.append(re.sub(r"^(\[{1,2})(tasks|label)\b", r"\1playbooks.\2", line))
    return "\n".join(lines) + "\n"


def map_field(text: str, name: str, field: str, kind: str) -> str:
    """A shipped mapping's text with its commented line for `name` put to use: mapped to the CRM's `field`."""
    return re.sub(rf"^# {name} = .*$", f'{name} = {{ field = "{field}", type = "{kind}" }}', text, count=1, flags=re.MULTILINE)
