"""A CRM in memory: its records, what people do with them, and what may go wrong.

Deterministic: ids and stamps count up, there is no chance, and the clock stands still until somebody lets time pass. People's
actions are methods; a program works on it through `MemoryConnection`. `log` tells every change of a field, and whether people or
the program made it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from kamsync.contract import LeaseAnswer
from kamsync.flags import FLAGS, from_json
from kamsync.model import STREAMS, Kind, Stream, Value
from kamsync.model.exchange import Objective
from kamsync.testing.memory.behaviour import SALESFORCE_LIKE, Behaviour
from kamsync.testing.memory.faults import Faults
from kamsync.testing.memory.mapping import FLAG_FIELDS, TASK_KEY
from kamsync.testing.memory.records import Backup, Record, Records, Written

EVERYTHING = frozenset(Stream)
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
# Streams whose records go, and move, with their account.
OF_ACCOUNTS = tuple(stream for stream, record in STREAMS.items() if record.account == "account_id")


class MemoryCrm:
    """One org. `fields`: account fields of its own, by name and kind. `provisioned`: as if `kamsync setup` had run.

    `daily_limit`: calls a day, None without limit. `token`: the secret that opens it.

    Methods that take the id of a record raise KeyError where no living one has it.
    """

    def __init__(
        self,
        org_id: str = "memory-1",
        *,
        fields: Mapping[str, Kind] | None = None,
        behaviour: Behaviour = SALESFORCE_LIKE,
        provisioned: bool = True,
        daily_limit: int | None = None,
        base_currency: str = "EUR",
        token: str = "a-token-that-opens-the-memory",
    ) -> None:
        self.org_id, self.base_currency, self.token = org_id, base_currency, token
        self.behaviour = behaviour
        self.daily_limit = daily_limit
        self.calls = 0
        self.note_day: date = date(2026, 3, 2)  # the day that new notes carry: there is no clock here
        self.faults = Faults()
        self.clock = BEGINNING
        self.lease: LeaseAnswer | None = None
        self.records = Records()
        self.tier_choices: tuple[str, ...] = ()
        self.objectives: dict[str, list[Objective]] = {}  # what people keep in plans, by account id
        self.kinds: dict[str, Kind] = STREAMS[Stream.ACCOUNTS].kinds | dict(fields or {})
        self.has_task_key = False
        self._indexed_until: int | None = None
        if provisioned:
            self.provide()

    def provide(self) -> None:
        """Makes the fields that `setup` makes."""
        self.kinds |= {FLAG_FIELDS[name]: flag.kind for name, flag in FLAGS.items()}
        self.has_task_key = True

    def offer_tiers(self, names: Sequence[str]) -> None:
        """Adds choices to the pick lists of tier and override, which from then on take no others."""
        self.tier_choices += tuple(name for name in names if name not in self.tier_choices)

    def takes_tier(self, name: str) -> bool:
        """Whether the pick list knows it; one without choices takes any text."""
        return not name or not self.tier_choices or name in self.tier_choices

    @property
    def log(self) -> Sequence[Written]:
        """Every change of a field since the beginning, in order."""
        return self.records.log

    @property
    def indexed_until(self) -> int:
        """The stamp up to which pulls since a cursor see changes."""
        return self.records.stamp if self._indexed_until is None else self._indexed_until

    def let_pass(self, time: timedelta) -> None:
        """Moves the CRM's clock, by which a lease ends."""
        self.clock += time

    def stop_index(self) -> None:
        """From now on a pull since a cursor misses what changes, until `catch_up`; whole pulls and looks by id do not."""
        self._indexed_until = self.records.stamp

    def catch_up(self) -> None:
        """The index is as new as the records."""
        self._indexed_until = None

    # --- the company ---------------------------------------------------------------------------------------------------------

    def add_owner(self, name: str, email: str, *, is_active: bool = True, manager_id: str = "") -> str:
        """A further owner; the id."""
        values: dict[str, Value] = {"name": name, "email": email, "is_active": is_active, "manager_id": manager_id}
        return self.records.add(Stream.OWNERS, values).id

    def set_active(self, owner_id: str, is_active: bool) -> None:
        """Somebody leaves, or comes back."""
        self.records.write(Stream.OWNERS, self.records.tables[Stream.OWNERS][owner_id], {"is_active": is_active})

    def add_rate(self, currency: str, rate: float, *, valid_from: date | None = None) -> None:
        """Units of `currency` for one unit of the base currency, from that day on, or today's rate."""
        self.records.add(Stream.RATES, {"currency": currency, "valid_from": valid_from, "rate": rate})

    def add_account(self, name: str, **fields: Value) -> str:
        """A further account with the named fields; the id."""
        return self.records.add(Stream.ACCOUNTS, {"name": name, **fields}).id

    def add_opportunity(self, account_id: str | None, close_date: date, amount: float | None, **fields: Value) -> str:
        """An opportunity, open where `fields` do not say otherwise; the id."""
        values: dict[str, Value] = {"stage": "open", "is_closed": False, "is_won": False, "probability": 0.5, "type": None}
        values |= {"account_id": account_id, "close_date": close_date, "amount": amount, "currency": self.base_currency}
        return self.records.add(Stream.OPPORTUNITIES, {**values, **fields}).id

    def win(self, opportunity_id: str, day: date) -> None:
        """It is won on that day. Raises KeyError."""
        self._close_opportunity(opportunity_id, day, is_won=True)

    def lose(self, opportunity_id: str, day: date) -> None:
        """It is lost on that day. Raises KeyError."""
        self._close_opportunity(opportunity_id, day, is_won=False)

    def _close_opportunity(self, opportunity_id: str, day: date, *, is_won: bool) -> None:
        values: dict[str, Value] = {"stage": "won" if is_won else "lost", "is_closed": True, "is_won": is_won}
        values |= {"probability": 1.0 if is_won else 0.0, "close_date": day}
        self.records.write(Stream.OPPORTUNITIES, self._living(Stream.OPPORTUNITIES, opportunity_id), values)

    def add_line_item(self, opportunity_id: str, product_family: str) -> str:
        """A product family sold in an opportunity; the id."""
        values = {"opportunity_id": opportunity_id, "product_family": product_family}
        return self.records.add(Stream.LINE_ITEMS, values).id

    def add_activity(self, account_id: str, kind: str, day: date) -> str:
        """`kind`: task | meeting | call | email | note."""
        return self.records.add(Stream.ACTIVITIES, {"account_id": account_id, "kind": kind, "activity_date": day}).id

    def notes(self, account_id: str) -> list[Record]:
        """The living notes of an account that have a text, oldest first."""
        every = (one for one in self.records.living(Stream.ACTIVITIES) if one.get("account_id") == account_id)
        return [one for one in every if one.get("kind") == "note" and one.get("body")]

    def edit_note(self, note_id: str, body: str) -> None:
        """A person's edit. Raises KeyError."""
        self.records.write(Stream.ACTIVITIES, self._living(Stream.ACTIVITIES, note_id), {"body": body})

    def delete_note(self, note_id: str) -> None:
        """A person's deletion. Raises KeyError."""
        self.records.delete(Stream.ACTIVITIES, self._living(Stream.ACTIVITIES, note_id))

    def add_contact(
        self, account_id: str, *, roles: str = "", last_activity: date | None = None, name: str = "", title: str = ""
    ) -> str:
        """Somebody at the account. `roles`: in the program's words, `;` between them; `title`: of their job."""
        values: dict[str, Value] = {"account_id": account_id, "tie": "contact", "roles": roles, "is_active": True}
        values |= {"name": name, "title": title}
        record = self.records.add(Stream.CONTACTS, {**values, "last_activity_date": last_activity})
        self.records.write(Stream.CONTACTS, record, {"contact_id": record.id})
        return record.id

    def edit_contact(self, contact_id: str, **values: Value) -> None:
        """A person's edit: other roles, another account, `is_active` or `left_date`."""
        self.records.write(Stream.CONTACTS, self._living(Stream.CONTACTS, contact_id), values)

    def contacts(self, account_id: str) -> list[Record]:
        """The living ones of an account."""
        return [one for one in self.records.living(Stream.CONTACTS) if one.get("account_id") == account_id]

    # --- what people do with accounts ----------------------------------------------------------------------------------------

    def accounts(self) -> list[Record]:
        """The living ones."""
        return list(self.records.living(Stream.ACCOUNTS))

    def account(self, account_id: str) -> Record:
        """The living account of that id. Raises KeyError."""
        return self._living(Stream.ACCOUNTS, account_id)

    def edit_account(self, account_id: str, **fields: Value) -> None:
        """A person's edit of fields by the CRM's names."""
        self.records.write(Stream.ACCOUNTS, self.account(account_id), fields)

    def flag(self, account_id: str, flag: str) -> Value:
        """What stands in a flag's field of the account now. Raises KeyError."""
        return self.account(account_id).get(FLAG_FIELDS[flag])

    def set_flag(self, account_id: str, flag: str, value: Value) -> None:
        """A person's edit of a flag, by its canonical name; "" and None clear it, text is read as the flag's kind."""
        self.edit_account(account_id, **{FLAG_FIELDS[flag]: from_json(flag, value) if value else None})

    def delete_account(self, account_id: str) -> None:
        """With its opportunities and tasks, or leaving them without an account: `behaviour.related_are_deleted`."""
        self.records.delete(Stream.ACCOUNTS, self.account(account_id))
        for stream in OF_ACCOUNTS:
            for record in self.records.of_account(stream, account_id):
                if record.deleted:
                    continue
                if self.behaviour.related_are_deleted:
                    self._delete_with(account_id, stream, record)
                else:
                    self.records.write(stream, record, {"account_id": None, "former_account_id": account_id})

    def _delete_with(self, account_id: str, stream: Stream, record: Record) -> None:
        self.records.delete(stream, record, with_account=account_id)
        for item in list(self.records.living(Stream.LINE_ITEMS)) if stream is Stream.OPPORTUNITIES else ():
            if item.get("opportunity_id") == record.id:
                self.records.delete(Stream.LINE_ITEMS, item, with_account=account_id)

    def restore_account(self, account_id: str) -> None:
        """From the recycle bin, with what went along. Raises KeyError where it is not there."""
        record = self.records.tables[Stream.ACCOUNTS][account_id]
        if not record.deleted or account_id in self.records.merges:
            raise KeyError(account_id)
        self.records.undelete(Stream.ACCOUNTS, record)
        for stream in Stream:
            for one in self.records.tables[stream].values():
                if one.deleted_with == account_id:
                    self.records.undelete(stream, one)
                elif one.get("former_account_id") == account_id and not one.get("account_id"):
                    self.records.write(stream, one, {"account_id": account_id, "former_account_id": None})

    def merge_accounts(self, winner_id: str, loser_id: str) -> str:
        """The winner's fields live on, under its id or a new one; what belongs to either follows. Returns the living id."""
        winner, loser = self.account(winner_id), self.account(loser_id)
        survivor = winner
        if self.behaviour.merge_makes_new_id:
            survivor = self.records.add(Stream.ACCOUNTS, winner.values)
        for old in (winner, loser):
            if old is survivor:
                continue
            self.records.delete(Stream.ACCOUNTS, old)
            self.records.merges[old.id] = (survivor.id, self.records.stamp)
            for stream in OF_ACCOUNTS:
                for record in self.records.of_account(stream, old.id):
                    self.records.write(stream, record, {"account_id": survivor.id})
            for child in self.accounts():
                if child.get("parent_id") == old.id:
                    self.records.write(Stream.ACCOUNTS, child, {"parent_id": survivor.id})
        return survivor.id

    # --- what people do with tasks -------------------------------------------------------------------------------------------

    def tasks(self, account_id: str | None = None) -> list[Record]:
        """Living tasks, of one account or of all."""
        every = self.records.living(Stream.TASKS)
        return [task for task in every if account_id is None or task.get("account_id") == account_id]

    def task(self, task_id: str) -> Record:
        """The living task of that id. Raises KeyError."""
        return self._living(Stream.TASKS, task_id)

    def edit_task(self, task_id: str, **values: Value) -> None:
        """A person's edit of fields by the CRM's names. Raises KeyError."""
        self.records.write(Stream.TASKS, self.task(task_id), values)

    def complete_task(self, task_id: str) -> None:
        self.edit_task(task_id, is_open=False)

    def reassign_task(self, task_id: str, owner_id: str) -> None:
        """A person gives it to another owner. Raises KeyError."""
        self.edit_task(task_id, owner_id=owner_id)

    def delete_task(self, task_id: str) -> None:
        """A person's deletion: to the recycle bin, its key with it."""
        self.records.delete(Stream.TASKS, self.task(task_id))

    def with_key(self, key: str) -> Record | None:
        """The task that holds a key, a living one before a deleted one."""
        holders = [task for task in self.records.tables[Stream.TASKS].values() if task.get(TASK_KEY) == key]
        return min(holders, key=lambda task: (task.deleted, task.id), default=None)

    # --- the whole org -------------------------------------------------------------------------------------------------------

    def backup(self) -> Backup:
        """All records as they are now, for `restore`."""
        return self.records.backup()

    def restore(self, backup: Backup, streams: frozenset[Stream] = EVERYTHING) -> None:
        """Puts those tables back as they were: what an admin does after an accident."""
        self.records.restore(backup, streams)

    def _living(self, stream: Stream, record_id: str) -> Record:
        record = self.records.find(stream, record_id)
        if record is None:
            raise KeyError(record_id)
        return record

    def __repr__(self) -> str:
        counts = {str(stream): len(table) for stream, table in self.records.tables.items() if table}
        return f"MemoryCrm({self.org_id}, {counts})"


def plain(value: Value) -> Any:
    """A value as pages carry it: dates and instants as ISO text."""
    return value.isoformat() if isinstance(value, date) else value
