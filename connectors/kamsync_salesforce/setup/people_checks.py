"""Doctor's checks of people: whom the configuration names, and who owns the accounts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kamsync.contract import Finding
from kamsync.numerals import counted
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import REFUSALS
from kamsync_salesforce.translate import full_id, is_true, quote

SANDBOX_SUFFIX = ".invalid"  # Salesforce Help, "Sandbox: e-mail addresses are made invalid when a sandbox is created"
NAMES_PER_QUERY = 100


class PeopleChecks:
    """The checks of one connection's people."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def named(self, people: Mapping[str, str]) -> Iterator[Finding]:
        """Each person that the configuration names, by the place where it stands: known, active, or called otherwise here."""
        wanted = {place: name.strip() for place, name in people.items() if name.strip()}
        if not wanted:
            return
        try:
            users = self._users(set(wanted.values()))
        except REFUSALS as error:
            yield Finding(
                "people", "warning", f"The people of the configuration could not be checked: {error.message}", error.fix
            )
            return
        for place, name in wanted.items():
            yield _person(place, name, _matching(name, users))

    def _users(self, names: set[str]) -> list[dict[str, Any]]:
        ids = sorted(filter(None, (full_id(name) for name in names)))
        mails = sorted(mail for name in names if "@" in name for mail in (name, name + SANDBOX_SUFFIX))
        found: list[dict[str, Any]] = []
        for field, values in (("Id", ids), ("Email", mails)):
            for start in range(0, len(values), NAMES_PER_QUERY):
                listed = ", ".join(quote(value) for value in values[start : start + NAMES_PER_QUERY])
                soql = f"SELECT Id, Name, Email, IsActive FROM User WHERE {field} IN ({listed})"
                found += self._client.records(soql, doing="the people of the configuration")
        return found

    def owners(self) -> Iterator[Finding]:
        """How many accounts there are, and how many belong to people who cannot be given tasks."""
        try:
            total = self._count("SELECT COUNT() FROM Account")
            count = self._count("SELECT COUNT() FROM Account WHERE Owner.IsActive = false")
        except REFUSALS as error:
            yield Finding("owners", "warning", f"Owners could not be checked: {error.message}", error.fix)
            return
        if not total:
            yield Finding(
                "accounts",
                "failed",
                "Salesforce shows our user not a single account.",
                "Give it 'Read' and 'View All' on Account in a permission set, or a sharing rule that covers them.",
            )
        elif count:
            yield Finding(
                "owners",
                "warning",
                f"Inactive users, who cannot be given tasks, own {counted(count, 'account')}.",
                "Transfer them (Setup → Mass Transfer Records), or let `fallback_owner` under [program] name who steps in.",
            )
        else:
            yield Finding("owners", "ok", "Every account belongs to an active user.")

    def _count(self, soql: str) -> int:
        return int(self._client.query(soql, doing="counting accounts").get("totalSize", 0))


def _matching(name: str, users: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Users that `name` stands for, active ones first: e-mail addresses move on to successors."""
    own_id, mail = full_id(name), name.casefold()
    found = [
        user
        for user in users
        if (own_id and user.get("Id") == own_id) or str(user.get("Email") or "").casefold() in (mail, mail + SANDBOX_SUFFIX)
    ]
    return sorted(found, key=lambda user: not is_true(user.get("IsActive")))


def _person(place: str, name: str, found: list[dict[str, Any]]) -> Finding:
    if not found:
        return Finding(
            place,
            "failed",
            f"{name} is unknown to Salesforce.",
            f"Correct {place}: an active user's id or e-mail (Setup → Users).",
        )
    user = found[0]
    if not is_true(user.get("IsActive")):
        return Finding(
            place,
            "failed",
            f"{user.get('Name')} ({name}) is inactive and cannot be given tasks.",
            f"Name an active user in {place}.",
        )
    mail = str(user.get("Email") or "")
    if "@" in name and mail.casefold() != name.casefold():
        return Finding(place, "ok", f"{name} is {user.get('Name')}, called {mail} here, as in every sandbox.")
    return Finding(place, "ok", f"{name} is {user.get('Name')}.")
