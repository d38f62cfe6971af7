"""Family roll-ups over parent links, at any depth, with cycles broken at the least id (DECISIONS.md §2). Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a member of a group is, and since when: its creation as an ISO date, its country and industry, "" where unknown.

    `country_key`: by which two spellings of one country are one.
    """

    created: str
    country: str
    country_key: str
    industry: str


def break_cycles(parents: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The links without those that close a cycle (the account of least id loses its parent), and the ids that lost theirs."""
    links = dict(parents)
    settled: set[str] = set()
    broken: list[str] = []
    for start in sorted(links):
        path: list[str] = []
        on_path: set[str] = set()
        node = start
        while node in links and node not in settled and node not in on_path:
            path.append(node)
            on_path.add(node)
            node = links[node]
        if node in on_path:
            least = min(path[path.index(node) :])
            broken.append(least)
            del links[least]
        settled.update(path)
    return links, tuple(sorted(broken))


def roll_up(links: Mapping[str, str], own: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Each account of `own` with the sums over itself and its descendants. `links` has no cycle; unknown parents are ignored."""
    children: dict[str, int] = dict.fromkeys(own, 0)
    for child, parent in links.items():
        if child in own and parent in own:
            children[parent] += 1
    totals = {account: list(values) for account, values in own.items()}
    ready = sorted(account for account, count in children.items() if count == 0)
    while ready:
        account = ready.pop()
        parent = links.get(account, "")
        if parent not in totals:
            continue
        totals[parent][0] += totals[account][0]
        totals[parent][1] += totals[account][1]
        children[parent] -= 1
        if children[parent] == 0:
            ready.append(parent)
    return {account: (round(won, 6), round(pipeline, 6)) for account, (won, pipeline) in totals.items()}


def leads_of(parents: Mapping[str, str], accounts: Collection[str]) -> dict[str, str]:
    """Of each account that has a parent among `accounts`, the ultimate parent. A cycle is broken at the least id."""
    links, _ = break_cycles({child: parent for child, parent in parents.items() if parent in accounts})
    leads: dict[str, str] = {}
    for start in links:
        path, node = [], start
        while node in links and node not in leads:
            path.append(node)
            node = links[node]
        leads.update(dict.fromkeys(path, leads.get(node, node)))
    return leads


def new_territories(links: Mapping[str, str], places: Mapping[str, Whereabouts]) -> dict[str, tuple[str, str]]:
    """The latest step of a group into a country or an industry in which no account of it was: the day, and its name.

    For each account above the one that made the step and older than it. Of accounts in one place the oldest was the first there,
    one whose creation nobody knows before all others. `links` has no cycle; accounts that are not among `places` do not count.
    """
    found: dict[str, tuple[str, str, str]] = {}
    for account, territory in sorted(_firsts(links, places)):
        created = places[account].created
        above = links.get(account, "")
        while above in places:
            older = places[above].created
            if older and older < created and (created, account) > found.get(above, ("", ""))[:2]:
                found[above] = (created, account, territory)
            above = links.get(above, "")
    return {account: (day, territory) for account, (day, _, territory) in found.items()}


def _firsts(links: Mapping[str, str], places: Mapping[str, Whereabouts]) -> Iterator[tuple[str, str]]:
    """Members that are the first of their group in their country, else in their industry, with the name of it."""
    leads = leads_of(links, places.keys())
    members = {one for one in (*leads, *leads.values()) if one in places}
    first: dict[tuple[str, str, str], str] = {}
    for account in sorted(members, key=lambda one: (places[one].created, one)):
        lead, place = leads.get(account, account), places[account]
        first.setdefault((lead, "country", place.country_key), account)
        first.setdefault((lead, "industry", place.industry), account)
    for account, lead in leads.items():
        place = places[account]
        if place.created and place.country and first[lead, "country", place.country_key] == account:
            yield account, place.country
        elif place.created and place.industry and first[lead, "industry", place.industry] == account:
            yield account, place.industry
