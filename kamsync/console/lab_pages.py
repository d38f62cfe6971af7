"""The lab's pages: the form, the answer to a trial, the file and the diff, the tasks, the back-test. Nothing reaches the CRM."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from kamsync.console.jobs import Work
from kamsync.console.lab import (
    FILE_NAME,
    LIMITS,
    MOST_LISTED,
    Answer,
    Form,
    answer,
    compiled_from,
    diff_of,
    form_of,
    pictured,
    text_of,
)
from kamsync.console.site import Site
from kamsync.console.view import View
from kamsync.console.view_pages import own_page
from kamsync.decide.compiled import CompiledProgram
from kamsync.decide.months import add_months
from kamsync.decide.plan import CreateTask
from kamsync.errors import ConfigError
from kamsync.report.backtest_text import backtest_lines
from kamsync.report.overview.cells import Words
from kamsync.run.backtest import replay
from kamsync.run.moments import new_run_id, today
from kamsync.run.planning import When, make_plan
from kamsync.run.stop_signal import Stopping
from kamsync.store.accounts import owners

QUARTERS = 8
LEAST_MOST_WEIGHT = 40.0  # where a slider ends at least
Look = tuple[Answer, dict[str, Any] | None]

# The lab before anything is changed, by view, language and programme: decided once, as long as the view lives.
_unchanged: WeakKeyDictionary[View, dict[tuple[str, str], Look]] = WeakKeyDictionary()


async def lab(site: Site, request: Request) -> Response:
    """The form as the programme is now; a form that was sent stands as it was, with its answer."""
    form = form_of(site.doors.config.program)
    return site.page("lab.html", current="lab", **_form(site, form), **await _tried(site, form, as_it_stands=True))


async def try_out(site: Site, request: Request) -> Response:
    """The answer alone for the page's script, the whole page for a browser without it."""
    form = await site.form(request)
    tried = await _tried(site, form)
    if request.headers.get("accept", "").startswith("text/fragment"):
        return site.page("lab_answer.html", **tried)
    return site.page("lab.html", current="lab", **_form(site, form), **tried)


async def download(site: Site, request: Request) -> Response:
    """The criteria file that the form says, checked first."""
    form = await site.form(request)
    compiled_from(site.doors.config, form)
    headers = {"content-disposition": f'attachment; filename="{FILE_NAME}"'}
    return PlainTextResponse(text_of(site.doors.config, form), media_type="application/toml", headers=headers)


async def tasks(site: Site, request: Request) -> Response:
    """Begins to count the tasks that the tried criteria would make."""
    form = await site.form(request)
    return await site.start("tasks", "/lab/tasks", _counting(site, form))


async def backtest(site: Site, request: Request) -> Response:
    """Begins to replay past days under the tried criteria."""
    form = await site.form(request)
    return await site.start("backtest", "/lab/backtest", _replaying(site, form))


async def counted(site: Site, request: Request) -> Response:
    """The tasks that were counted."""
    return site.page("lab_tasks.html", current="lab", found=site.jobs.result("tasks"), failed=site.jobs.failed("tasks"))


async def replayed(site: Site, request: Request) -> Response:
    """The days that were replayed."""
    found = site.jobs.result("backtest")
    return site.page("lab_backtest.html", current="lab", lines=found, failed=site.jobs.failed("backtest"))


def _form(site: Site, form: Form) -> dict[str, Any]:
    program = site.doors.config.program
    rules = sorted({int(name.split(":")[1]) for name in form if name.startswith("rule:") and name.endswith(":when")})
    numbers = [number for number in rules if form.get(f"rule:{number}:when")]
    return {
        "form": form,
        "criteria": program.criteria,
        "tiers": program.tiers,
        "limits": LIMITS,
        "rules": [*numbers, max(numbers, default=-1) + 1],
        "most_weight": max(LEAST_MOST_WEIGHT, *(2 * criterion.weight for criterion in program.criteria)),
    }


async def _tried(site: Site, form: Form, *, as_it_stands: bool = False) -> dict[str, Any]:
    """What the form's programme would decide; the mistake where it is none."""
    config = site.doors.config
    try:
        compiled = compiled_from(config, form)
        look = _look_as_it_stands if as_it_stands else _look
        found, spec = await site.ask(lambda view: look(view, compiled, site.words))
    except ConfigError as error:
        return {"answer": None, "wrong": error, "diff": "", "most": MOST_LISTED, "spec": None}
    return {"answer": found, "wrong": None, "diff": diff_of(config, form), "most": MOST_LISTED, "spec": spec}


def _look_as_it_stands(view: View, compiled: CompiledProgram, words: Words) -> Look:
    """The same for the programme that the view was made of: the answer is another only where the view is."""
    known, key = _unchanged.setdefault(view, {}), (words.language, compiled.hash)
    if key not in known:
        known[key] = _look(view, compiled, words)
    return known[key]


def _look(view: View, compiled: CompiledProgram, words: Words) -> Look:
    """The trial and its matrix; no picture without the libraries for it."""
    found = answer(view, compiled)
    try:
        from kamsync.report.charts.formats import spec_of
        from kamsync.report.charts.pictures import Canvas, draw
    except ImportError:
        return found, None
    drawn = draw("matrix", Canvas(pictured(view, compiled.program, found.trial), words, own_page))
    return found, None if drawn is None else spec_of(drawn)


def _counting(site: Site, form: Form) -> Work:
    """New tasks by owner, now and in the lab, by the planning that `simulate` does."""
    config = site.doors.config

    def work(stopping: Stopping) -> list[tuple[str, int, int]]:
        now = datetime.now(UTC)
        when = When(today(config, now), now, new_run_id(now))
        counts: list[Counter[str]] = []
        with site.doors.cache() as cache:
            names = {owner.id: owner.name or owner.id for owner in owners(cache)}
            for compiled in (config.compiled, compiled_from(config, form)):
                made = make_plan(cache, compiled, config.connector.kind, when).plan.changes
                counts.append(Counter(change.owner_id for change in made if isinstance(change, CreateTask)))
        then, tried = counts
        listed = sorted({*then, *tried}, key=lambda owner: (-tried[owner], names.get(owner, owner)))
        return [(names.get(owner, owner), then[owner], tried[owner]) for owner in listed]

    return work


def _replaying(site: Site, form: Form) -> Work:
    config = site.doors.config

    def work(stopping: Stopping) -> list[str]:
        day = today(config, datetime.now(UTC))
        days = [add_months(day, -3 * quarters) for quarters in range(QUARTERS, 0, -1)]
        with site.doors.cache() as cache:
            found = replay(cache, compiled_from(config, form).program, days, day)
        return list(backtest_lines(found.report, found.names, found.left_out, found.notes))

    return work
