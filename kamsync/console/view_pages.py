"""Pages that show: the overview with its charts, the portfolio, an account. They read the view, never the CRM."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from kamsync.console.site import Site
from kamsync.console.view import View
from kamsync.decide.decision import Contribution
from kamsync.decide.facts import unit_of
from kamsync.decide.program import NO_TIER
from kamsync.decide.reasons import reasons_text
from kamsync.flags import LIGHTS, SEGMENTS
from kamsync.report.account_plan.documents import page_values
from kamsync.report.overview.cells import DASH, Words
from kamsync.report.portfolio import COLUMNS, AccountRow, Filters, sort_rows
from kamsync.run.people import see_account
from kamsync.store.ledger import shown_tasks
from kamsync.store.told_history import told_history_of

PAGE_SIZE = 50
REASONS_LENGTH = 400
HISTORY_SHOWN = 50
KEY_ONLY, EVERY = "key", "all"


async def overview(site: Site, request: Request) -> Response:
    """Headlines, alarms, every section with its chart's place and its table."""
    made = await site.ask(lambda view: view.overview)
    return site.page(
        "overview.html",
        current="overview",
        overview=made,
        sources=made.sources,
        sections=list(made.sections.values()),
        own=own_page,
        charts=_charted(),
        as_of=_as_of(site.words, made.sources),
    )


def own_page(account_id: str) -> str:
    """An account's address in this console."""
    return f"/accounts/{quote(account_id, safe='')}"


def _as_of(words: Words, sources: Any) -> str:
    return words.say("as_of").format(words.cell(sources.as_of, "date"), words.cell(sources.since, "date"))


def _charted() -> tuple[str, ...]:
    """Sections that have a chart; none without the libraries for it."""
    try:
        from kamsync.report.charts.pictures import pictured
    except ImportError:
        return ()
    return pictured()


async def chart(site: Site, request: Request) -> Response:
    """One chart as Vega-Lite; an account's mark leads to its page."""
    name = request.path_params["name"]
    if name not in _charted():
        return site.missing()
    spec = await site.ask(lambda view: _spec(view, site.words, name))
    return JSONResponse(spec) if spec is not None else Response(status_code=204)


def _spec(view: View, words: Words, name: str) -> dict[str, Any] | None:
    from kamsync.report.charts.formats import spec_of
    from kamsync.report.charts.pictures import Canvas, draw

    drawn = draw(name, Canvas(view.overview, words, own_page))
    return None if drawn is None else spec_of(drawn)


# -- the portfolio -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks of the list."""

    search: str = ""
    tier: str = KEY_ONLY
    owner: str = ""
    segment: str = ""
    health: str = ""
    sort: str = "tier"
    page: int = 1

    def query(self, **changed: object) -> str:
        """The address of the same list with something changed; page 1 unless that is what changes."""
        values = {"search": self.search, "tier": self.tier, "owner": self.owner, "segment": self.segment, "health": self.health}
        values |= {"sort": self.sort, "page": ""}
        return urlencode({name: value for name, value in {**values, **changed}.items() if value not in ("", None)})


def asked_of(params: Mapping[str, str], tiers: Sequence[str]) -> Asked:
    """From the address; what is no tier, segment, health or column there counts as not asked."""
    tier, sort, page = params.get("tier", KEY_ONLY), params.get("sort", "tier"), params.get("page", "1")
    return Asked(
        search=params.get("search", "").strip(),
        tier=tier if tier in (KEY_ONLY, EVERY, NO_TIER, *tiers) else KEY_ONLY,
        owner=params.get("owner", ""),
        segment=params.get("segment", "") if params.get("segment") in (*SEGMENTS, "none") else "",
        health=params.get("health", "") if params.get("health") in (*LIGHTS, "none") else "",
        sort=sort if sort.removeprefix("-") in COLUMNS else "tier",
        page=int(page) if page.isdecimal() and 0 < int(page) < 1_000_000 else 1,
    )


async def accounts(site: Site, request: Request) -> Response:
    """The portfolio, filtered, sorted, paged."""
    tiers = tuple(tier.name for tier in site.doors.config.program.tiers)
    asked = asked_of(request.query_params, tiers)
    found, owners = await site.ask(lambda view: (_listed(view, asked), sorted(_owners(view))))
    pages = max(1, math.ceil(len(found) / PAGE_SIZE))
    page = min(asked.page, pages)
    return site.page(
        "accounts.html",
        current="accounts",
        rows=found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE],
        count=len(found),
        pages_in_all=pages,
        page_number=page,
        asked=asked,
        owners=owners,
        tiers=tiers,
        segments=(*SEGMENTS, "none"),
        healths=(*LIGHTS, "none"),
    )


def _listed(view: View, asked: Asked) -> list[AccountRow]:
    filters = Filters(
        asked.tier if asked.tier not in (KEY_ONLY, EVERY) else None,
        frozenset({asked.owner}) if asked.owner else None,
        asked.segment or None,
        asked.health or None,
    )
    words = asked.search.casefold().split()
    few = asked.tier not in (EVERY, NO_TIER)  # then sorting them is less than filtering what is sorted
    rows = [row for row in (view.rows if few else view.ordered(asked.sort)) if filters.take(row)]
    if asked.tier == KEY_ONLY:
        rows = [row for row in rows if row.decision.tier != NO_TIER]
    if words:
        rows = [row for row in rows if _fits(row, words)]
    return sort_rows(rows, [asked.sort]) if few else rows


def _fits(row: AccountRow, words: Sequence[str]) -> bool:
    text = f"{row.name} {row.decision.account_id}".casefold()
    return all(word in text for word in words)


def _owners(view: View) -> list[tuple[str, str]]:
    return [(owner, owner_id) for owner, owner_id in {(row.owner, row.owner_id) for row in view.rows} if owner_id]


# -- an account ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bar:
    """One criterion of an account's receipt, as it is shown. `share`: of the longest bar, in per cent."""

    label: str
    axis: str
    value: str
    scaled: float | None
    weight: float
    points: float
    share: float
    known: bool


async def account(site: Site, request: Request) -> Response:
    """Why it is where it is, what happened, what is to be done."""
    account_id = request.path_params["account_id"]
    words = site.words

    def look(view: View) -> dict[str, Any] | None:
        found = view.by_id.get(account_id)
        if found is None:
            return None
        receipt = view.receipt(account_id)
        with site.doors.cache() as cache:
            past = told_history_of(cache, account_id, HISTORY_SHOWN)
            tasks = shown_tasks(cache, account_id)
        program = view.config.program
        return {
            "account": found,
            "decision": found.decision,
            "reasons": reasons_text(found.decision, receipt.contributions, program, REASONS_LENGTH),
            "bars": _bars(receipt.contributions, words),
            "facts": [(name, _said(value, name, words)) for name, value in sorted(view.facts(account_id).items())],
            "history": [(date.fromisoformat(one.as_of), one) for one in past],
            "tasks": tasks,
            "owners": view.sources.owners,
            "address": view.address(account_id),
            "tier": next((tier for tier in program.tiers if tier.name == found.decision.tier), None),
        }

    shown = await site.ask(look)
    return site.missing() if shown is None else site.page("account.html", current="accounts", **shown)


async def account_plan(site: Site, request: Request) -> Response:
    """The account's plan on one page; who its people are is asked of the CRM for this page alone."""
    account_id = request.path_params["account_id"]
    doors, program = site.doors, replace(site.doors.config.program, language=site.words.language)
    if not await site.ask(lambda view: account_id in view.by_id):
        return site.missing()
    day = await site.ask(lambda view: view.state.day)
    seen = await asyncio.to_thread(see_account, doors.connection, doors.config, account_id, day)
    made = await site.ask(lambda view: view.account_plan(account_id, seen) if account_id in view.by_id else None)
    if made is None:  # gone with a newer state of the cache
        return site.missing()
    return site.page("account_plan_live.html", current="accounts", account_id=account_id, **page_values(made, program))


def _bars(contributions: Sequence[Contribution], words: Words) -> list[Bar]:
    """The greatest contribution first; health, which never makes the score, last."""
    ordered = sorted(contributions, key=lambda one: (one.axis == "health", -one.points, one.criterion))
    most = max((one.points for one in ordered), default=0.0) or 1.0
    return [
        Bar(
            one.label or one.criterion,
            one.axis,
            words.say("unknown") if not one.known else _in_unit(one.value, one.unit or _unit_of_only_fact(one), words),
            one.scaled,
            one.weight,
            one.points,
            (one.scaled or 0.0) if one.axis == "health" else 100 * one.points / most,
            one.known,
        )
        for one in ordered
    ]


def _unit_of_only_fact(contribution: Contribution) -> str:
    """Of a criterion that changes one fact and nothing else of it (a default, a bound) the fact's unit."""
    (name, value), *others = [*contribution.facts.items()] or [("", None)]
    return unit_of(name) if not others and value == contribution.value else ""


def _said(value: Any, name: str, words: Words) -> str:
    return DASH if value is None else _in_unit(value, unit_of(name), words)


def _in_unit(value: Any, unit: str, words: Words) -> str:
    """A value as this reader writes it, by its unit."""
    if value is None:
        return DASH
    if isinstance(value, str):
        return words.cell(value, "text")
    match unit:
        case "money":
            return words.cell(value, "money")
        case "percent":
            return words.cell(value, "share")
    return words.reader.short_number(value)
