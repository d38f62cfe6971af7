"""To which stay in a tier a task belongs: the word of its occurrence, and the keys of what was made before (DECISIONS.md §8)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import date

from kamsync.decide.moves import UNFINISHED_ENTRY
from kamsync.decide.occurrences import counted_word, entry_of, entry_word, is_counted, occurrence_word, parse_key, staggered
from kamsync.decide.playbooks import Playbooks, PreparedTask
from kamsync.decide.program import Playbook
from kamsync.decide.task_values import Firing


@dataclass(slots=True)
class DaysGiven:
    """Days on which an account was given one task of an entry: by itself, or as one that was merged into it."""

    own: list[date] = dataclass_field(default_factory=list)
    inherited: list[date] = dataclass_field(default_factory=list)


Entries = Mapping[tuple[str, str, str, str], DaysGiven]  # by (playbook, task, account id, tier)


def entries_made(playbooks: Playbooks, existing: Iterable[str], inherited: Collection[str]) -> Entries:
    """The days of the tasks that exist, of playbooks that go by the entry; `inherited` are the keys of merged accounts."""
    by_entry = {name for name, prepared in playbooks.by_name.items() if prepared.playbook.every == "entry"}
    made: dict[tuple[str, str, str, str], DaysGiven] = defaultdict(DaysGiven)
    if not by_entry:
        return made
    for text in existing:
        key = parse_key(text)
        entry = entry_of(key.occurrence) if key is not None and key.playbook in by_entry else None
        if key is not None and entry is not None:
            of_account = made[(key.playbook, key.task, key.account_id, entry[0])]
            (of_account.inherited if text in inherited else of_account.own).append(entry[1])
    return made


def occurrence_of(playbook: Playbook, task: PreparedTask, firing: Firing, entries: Entries, as_of: date) -> str:
    """The word of this occurrence; for an entry, the word of the tasks that an earlier run already made for the same entry."""
    decision = firing.decision
    if playbook.every == "entry":
        made = entries.get((playbook.name, task.template.name, firing.account_id, decision.tier))
        day = day_of_same_entry(firing, made) if made is not None else None
        if day is not None:
            return entry_word(decision.tier, day)
    day = firing.moved_on or as_of
    if is_counted(playbook.every):
        since = staggered(decision.since or day, firing.account_id, playbook.stagger_days)
        return counted_word(playbook.every, day, since)
    return occurrence_word(playbook.every, day, decision.tier, decision.since or day, firing.facts)


def day_of_same_entry(firing: Firing, made: DaysGiven) -> date | None:
    """The day under which tasks of this very entry exist, which need not be the decision's `since`.

    Its own tasks are those since `stay_began`; those of an account that was merged into it also where it was merged during this
    stay, or before it began. Where the CRM shows no date at all, a tier just entered has the tasks of the last weeks, and a tier
    that was there already has the last ones there are.
    """
    decision, began = firing.decision, firing.stay_began
    if began is None:
        entering = decision.previous_tier != decision.tier
        began = (decision.since or date.max) - UNFINISHED_ENTRY if entering else date.min
    merged_since = firing.merged_on is not None and began <= firing.merged_on
    days = [day for day in made.own if day >= began] + [day for day in made.inherited if merged_since or day >= began]
    return max(days, default=None)


def keys_by_account(keys: Iterable[tuple[str, str]]) -> set[str]:
    """Every key, and each also as the key of the account that its task belongs to now (`inherited_keys`)."""
    some = list(keys)
    return {text for text, _ in some} | inherited_keys(some)


def inherited_keys(keys: Iterable[tuple[str, str]]) -> set[str]:
    """After a merge the keys of the lost account count as the survivor's own: those, but for what the survivor has itself.

    `keys` are (key, account id or "").
    """
    own, found = set(), set()
    for text, account_id in keys:
        own.add(text)
        head, _, named = text.rpartition(":")
        if account_id and named != account_id:
            found.add(f"{head}:{account_id}")
    return found - own
