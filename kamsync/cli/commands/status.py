"""`kamsync status`: what the program knows and when it learnt it."""

from __future__ import annotations

from datetime import UTC, datetime

from kamsync.cli.console import show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from kamsync.cli.session import open_session
from kamsync.printable import one_line
from kamsync.store.accounts import record_counts, tier_counts
from kamsync.store.journal import list_runs
from kamsync.store.schema import Meta


def status(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """Show what the cache holds, the last run and the next one. Reads the cache only."""
    session = open_session(config)
    with session.cache(must_exist=True) as cache:
        counts, tiers = record_counts(cache), tier_counts(cache)
        runs = list_runs(cache, 1)
        pulled, org = cache.meta(Meta.PULLED_AT), cache.meta(Meta.ORG_NAME)
    timetable = session.config.schedule.sync
    following = timetable.next_after(datetime.now(UTC)) if timetable else None
    last = runs[0] if runs else None
    if json:
        show_json(
            {
                "crm": session.config.connector.kind,
                "org": org,
                "cache": str(session.config.cache_path),
                "pulled_at": pulled,
                "records": counts,
                "tiers": tiers,
                "last_run": last and {"run_id": last.run_id, "status": last.status, "started_at": last.started_at},
                "next_run": following and following.isoformat(),
            }
        )
        return
    show(f"{session.config.connector.label}: {one_line(org or 'never pulled')}   last pull {pulled or 'never'}")
    show(f"Cache: {session.config.cache_path}")
    show("In the cache: " + ", ".join(f"{count:,} {stream.replace('_', ' ')}" for stream, count in counts.items() if count))
    show("Tiers in the CRM: " + (", ".join(f"{tier}: {count:,}" for tier, count in tiers.items()) or "none yet"))
    show(f"Last run: {last.run_id} {last.kind} {last.status} {one_line(last.message)}".rstrip() if last else "No run yet.")
    show(f"Next run: {following.isoformat()}" if following else "Nothing is scheduled ([schedule] sync).")
