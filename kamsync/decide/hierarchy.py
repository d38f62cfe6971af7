"""Family roll-ups over parent links, at any depth, with cycles broken at the least id (DECISIONS.md §2). Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping


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
