"""The people of the sample company's accounts: one each, and for most some more, with the roles that somebody noted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from kamsync.sandbox.company_records import Contact, ContactRole
from kamsync.sandbox.words import COUNTRIES, TITLES

_ROLES: tuple[ContactRole, ...] = ("decision_maker", "champion", "", "sponsor", "user", "influencer", "")
LEFT_EVERY = 17  # one in so many has left
SILENT_EVERY = 9  # with one in so many nobody has ever spoken


def people_of(accounts: int, today: date) -> Iterator[Contact]:
    """Of each account one of the same key; after them up to three more."""
    for key in range(1, accounts + 1):
        yield _person(key, key, today)
    key = accounts
    for account in range(1, accounts + 1):
        for _ in range(account * 7 % 4):
            key += 1
            yield _person(key, account, today)


def _person(key: int, account: int, today: date) -> Contact:
    country = COUNTRIES[account % len(COUNTRIES)]
    first, last = country.first_names[key % 4], country.last_names[key // 4 % 4]
    return Contact(
        key,
        account,
        first,
        last,
        f"contact{key}@example.com",
        TITLES[key % len(TITLES)],
        _ROLES[key * 31 % len(_ROLES)],
        None if key % SILENT_EVERY == 0 else today - timedelta(days=key * 37 % 300),
        today - timedelta(days=key % 60) if key % LEFT_EVERY == 0 else None,
    )
