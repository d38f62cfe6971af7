"""How companies, deals and what hangs on either fill their streams."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from kamsync.contract import Context, PullRequest
from kamsync.model import Stream
from kamsync_hubspot.api.portal import Portal, pipelines_option
from kamsync_hubspot.pull.oddities import CLOSED_MARK, WON_MARK, Oddity, has_no_calendar_date, stage_oddity
from kamsync_hubspot.pull.rows import (
    DEAL_CURRENCY,
    HOME_AMOUNT,
    Getter,
    account_getters,
    deal_getters,
    plain_getters,
    primary_link,
    properties_of,
    with_parent,
)
from kamsync_hubspot.translate import OBJECTS, Link, Record, least


@dataclass(frozen=True, slots=True)
class Source:
    """How one HubSpot object fills a stream. `parent` is the object that its associations are read to, `choose` picks one."""

    object_type: str
    properties: tuple[str, ...]
    getters: Callable[[], Sequence[Getter]]
    parent: str = ""
    choose: Callable[[Sequence[Link]], str | None] = primary_link
    has_merges: bool = False
    in_scope: Callable[[Record], bool] = lambda record: True
    oddities: Callable[[Record], Iterable[Oddity]] = lambda record: ()
    notice: Callable[[], str] = lambda: ""  # for the admin, once the stream has been read


def source_of(request: PullRequest, portal: Portal, context: Context) -> Source:
    """How the request's stream is read from this portal: companies, deals, or records that hang on one of either."""
    columns, home = request.columns, portal.currency
    stored = OBJECTS[request.stream]
    properties = properties_of(columns, stored.properties)
    match request.stream:
        case Stream.ACCOUNTS:
            return Source(stored.name, tuple(properties), lambda: account_getters(columns, home), has_merges=True)
        case Stream.OPPORTUNITIES:
            needed = [*properties, "dealstage", "pipeline", CLOSED_MARK, WON_MARK, DEAL_CURRENCY]
            close_date = next((column.field for column in columns if column.name == "close_date"), "") or "closedate"
            needed += [HOME_AMOUNT] if "amount" in needed else []
            return Source(
                stored.name,
                tuple(dict.fromkeys(needed)),
                lambda: with_parent(columns, stored.parent_column, deal_getters(columns, portal.stages_if_told(), home)),
                parent=stored.parent,
                has_merges=True,
                in_scope=_named_pipelines_only(portal, context),
                oddities=lambda record: _deal_oddities(record, portal, close_date),
                notice=lambda: _stages_notice(portal),
            )
        case _:
            return Source(
                stored.name,
                tuple(properties),
                lambda: with_parent(columns, stored.parent_column, plain_getters(columns, stored.properties)),
                parent=stored.parent,
                choose=primary_link if stored.parent == "companies" else lambda links: least(link.id for link in links),
            )


def _deal_oddities(record: Record, portal: Portal, close_date: str) -> Iterator[Oddity]:
    oddity = stage_oddity(record["properties"], portal.stages_if_told())
    if oddity is not None:
        yield oddity
    if has_no_calendar_date(record["properties"].get(close_date)):
        yield "no_calendar_date"


def _stages_notice(portal: Portal) -> str:
    if not portal.stages_refused:
        return ""
    return f"Deals count by HubSpot's own marks alone, for the pipelines could not be read. {portal.stages_refused}"


def _named_pipelines_only(portal: Portal, context: Context) -> Callable[[Record], bool]:
    if not pipelines_option(context.mapping):
        return lambda record: True

    def is_wanted(record: Record) -> bool:
        wanted = portal.wanted_pipelines()
        return wanted is None or str(record["properties"].get("pipeline") or "") in wanted

    return is_wanted
