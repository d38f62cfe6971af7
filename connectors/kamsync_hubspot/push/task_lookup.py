"""Find tasks of this program as HubSpot shows them now: by id, by key, archived ones too. Nothing here waits for an index.

A unique key is read by itself. A portal whose key property is not unique has no such read: there keys are searched, and the
tasks of the companies that the keys name are read besides, since a search lags behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kamsync.contract import Context
from kamsync.errors import AccessDenied, KamsyncError
from kamsync.model.exchange import TaskRef, TaskSeen
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.definitions import Definitions
from kamsync_hubspot.api.errors import is_refused
from kamsync_hubspot.api.reads import ARCHIVED_TASK_PAGES, fetch_links, read_archived, read_batch, search_pages
from kamsync_hubspot.api.task_accounts import accounts_of, accounts_of_archived
from kamsync_hubspot.translate import TASK_PROPERTIES, Record, key_of, named_account, task_seen, task_values

KEYS_A_SEARCH = 30
CHARACTERS_A_SEARCH = 2_000  # of keys: a search's body has room for 3,000 ("Search the CRM")


class TaskFinder:
    """Looks tasks up for one connection."""

    def __init__(self, client: Client, context: Context, definitions: Definitions) -> None:
        self._client = client
        self._definitions = definitions
        self._unique: bool | None = None  # as HubSpot has shown by an answer
        self._zone = context.timezone
        self._archived: Mapping[str, Record] | None = None
        self.key_property = context.mapping.task_key
        self._properties = [*TASK_PROPERTIES, self.key_property]

    @property
    def is_unique(self) -> bool:
        """Whether the portal can refuse a second task of one key by itself. Raises AccessDenied where `setup` has not run."""
        if self._unique is not None:
            return self._unique
        try:
            definition = self._definitions.of("tasks").get(self.key_property)
        except AccessDenied:
            return True  # definitions cannot be read; HubSpot itself refuses an upsert by what is not unique
        if definition is None:
            raise AccessDenied(f"This portal has no property {self.key_property} on tasks.", fix="Run `kamsync setup`.")
        return bool(definition.get("hasUniqueValue"))

    def forget(self) -> None:
        """A new call of the core: what is archived is asked anew."""
        self._archived = None

    def living(self, accounts: Mapping[str, str]) -> dict[str, Record]:
        """The living tasks by key, for keys with the account that each is about."""
        if not accounts:
            return {}
        by_key = self._by_unique_key(list(accounts))
        if by_key is not None:
            return by_key
        searched = self._searched(list(accounts))
        rest = {key: account for key, account in accounts.items() if key not in searched}
        return searched | self.among_the_tasks_of(rest)

    def _by_unique_key(self, keys: Sequence[str]) -> dict[str, Record] | None:
        """None where the key property is not unique: HubSpot refuses the read then, and only then its definition is asked for."""
        if self._unique is False:
            return None
        try:
            found = list(read_batch(self._client, "tasks", keys, self._properties, id_property=self.key_property))
        except KamsyncError as error:
            if not is_refused(error):
                raise
            if self.is_unique:
                raise
            self._unique = False
            return None
        self._unique = True
        return {key_of(record, self.key_property): record for record in found}

    def removed(self) -> Mapping[str, Record]:
        """Archived tasks by key, as far as a bounded read of their list goes; once for all tasks of a call."""
        if self._archived is None:
            archived = read_archived(self._client, "tasks", self._properties, ARCHIVED_TASK_PAGES)
            self._archived = {key: one for one in archived.records if (key := key_of(one, self.key_property))}
        return self._archived

    def after_silence(self, accounts: Mapping[str, str]) -> dict[str, Record]:
        """Tasks by key that a call without an answer has made all the same: no search shows them yet."""
        return self.living(accounts) if self.is_unique else self.among_the_tasks_of(accounts)

    def among_the_tasks_of(self, accounts: Mapping[str, str]) -> dict[str, Record]:
        """Living tasks by key, for account ids by key, read through the companies."""
        companies = [account for account in dict.fromkeys(accounts.values()) if account.isdigit()]
        links = fetch_links(self._client, "companies", "tasks", companies)
        ids = list(dict.fromkeys(link.id for found in links.values() for link in found))
        records = read_batch(self._client, "tasks", ids, self._properties)
        return {key: record for record in records if (key := key_of(record, self.key_property)) in accounts}

    def _searched(self, keys: Sequence[str]) -> dict[str, Record]:
        """IN wants the values of text in lower case ("Search the CRM")."""
        wanted = set(keys)
        found: dict[str, Record] = {}
        for values in _portions([key.lower() for key in keys], KEYS_A_SEARCH, CHARACTERS_A_SEARCH):
            filters: list[dict[str, Any]] = [{"propertyName": self.key_property, "operator": "IN", "values": values}]
            for records, _ in search_pages(self._client, "tasks", filters, self._properties):
                found |= {key: record for record in records if (key := key_of(record, self.key_property)) in wanted}
        return found

    # --- as the contract tells them ------------------------------------------------------------------------------------------

    def fetch(self, tasks: Sequence[TaskRef], *, with_accounts: bool = True) -> dict[str, TaskSeen]:
        """By key as asked; what is gone for good, or archived beyond the bound of the list, is missing."""
        self.forget()
        ids = {task.task_id: task.key for task in tasks if task.task_id}
        keys = {task.key: named_account(task.key) for task in tasks if not task.task_id}
        living = {ids[str(one["id"])]: one for one in read_batch(self._client, "tasks", list(ids), self._properties)}
        living |= self.living(keys)
        # By id the archive answers for itself; by key its list is read, as far as the bound.
        lost = [task_id for task_id, key in ids.items() if key not in living]
        archived = {ids[str(one["id"])]: one for one in read_batch(self._client, "tasks", lost, self._properties, archived=True)}
        absent = [key for key in keys if key not in living]
        archived |= {key: one for key in absent if (one := self.removed().get(key)) is not None}
        if not with_accounts:
            return self._as_seen(living, {}) | self._as_seen(archived, {}, is_deleted=True)
        return self._seen(living) | self._seen_archived(archived)

    def _seen(self, found: Mapping[str, Record]) -> dict[str, TaskSeen]:
        links = fetch_links(self._client, "tasks", "companies", [str(record["id"]) for record in found.values()])
        accounts = accounts_of(self._client, found.values(), links, self.key_property)
        return self._as_seen(found, accounts)

    def _seen_archived(self, found: Mapping[str, Record]) -> dict[str, TaskSeen]:
        accounts = accounts_of_archived(self._client, list(found.values()), self.key_property)
        return self._as_seen(found, accounts, is_deleted=True)

    def _as_seen(
        self, found: Mapping[str, Record], accounts: Mapping[str, str], *, is_deleted: bool = False
    ) -> dict[str, TaskSeen]:
        def told(record: Record) -> TaskSeen:
            account = accounts.get(str(record["id"]))
            return task_seen(task_values(record, self.key_property, account, is_deleted=is_deleted), self._zone)

        return {key: told(record) for key, record in found.items()}


def _portions(texts: Sequence[str], most: int, characters: int) -> Iterator[list[str]]:
    waiting: list[str] = []
    for text in texts:
        if waiting and (len(waiting) == most or sum(map(len, waiting)) + len(text) > characters):
            yield waiting
            waiting = []
        waiting = [*waiting, text]
    if waiting:
        yield waiting
