"""What every page shares: the doors, the view, the jobs, the words, the templates."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote

from jinja2 import ChoiceLoader, Environment, PackageLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from kamsync.console.doors import Doors
from kamsync.console.gate import FORM_TOKEN, Keys, is_own_form
from kamsync.console.jobs import Jobs, Work
from kamsync.console.view import View, Views
from kamsync.errors import KamsyncError, PlanRefused
from kamsync.report.overview.cells import Words
from kamsync.report.overview.tables import Note
from kamsync.report.page import embedded, environment

PAGES = ("overview", "accounts", "plan", "lab", "runs", "doctor")
FLEET = "fleet"
ADDRESSES = {"overview": "/", **{name: f"/{name}" for name in (*PAGES[1:], FLEET)}}
EXPIRED = "This form has expired or did not come from this console. Nothing was done."
WAIT_FOR_JOB_SECONDS = 1.0  # a job that ends sooner shows its result at once
T = TypeVar("T")


@dataclass
class Site:
    """One running console."""

    doors: Doors
    keys: Keys
    words: Words
    read_only: bool = False
    fleet: Callable[[], Any] | None = None  # asks for the fleet's status; None: this console knows of no fleet
    views: Views = field(init=False)
    jobs: Jobs = field(default_factory=Jobs)
    pages: Environment = field(init=False)
    notice: str = ""  # said once, on the next page

    def __post_init__(self) -> None:
        self.views = Views(self.doors)
        self.pages = environment()
        own = PackageLoader("kamsync.console")
        self.pages.loader = own if self.pages.loader is None else ChoiceLoader([own, self.pages.loader])
        self.pages.filters["path"] = lambda value: quote(str(value), safe="")
        self.pages.filters["embedded"] = embedded

    @property
    def shown(self) -> tuple[str, ...]:
        """The pages of the menu, in its order."""
        return PAGES if self.fleet is None else (*PAGES, FLEET)

    async def ask(self, work: Callable[[View], T]) -> T:
        """The work's answer from the present state of the cache."""
        return await self.views.ask(work)

    def page(self, template: str, *, current: str = "", status: int = 200, **values: Any) -> HTMLResponse:
        """One page as HTML."""
        notice, self.notice = self.notice, ""
        program = self.doors.config.program
        text = self.pages.get_template(template).render(
            words=self.words, t=self.words.say, say=self.say, program=program, pages=self.shown, addresses=ADDRESSES,
            current=current, read_only=self.read_only, form_token=self.keys.form_token, token_name=FORM_TOKEN,
            behind=self.views.is_behind, notice=notice, job=self.jobs.present, **values,
        )  # fmt: skip
        return HTMLResponse(text, status_code=status)

    def say(self, key: str, *values: Any) -> str:
        """A text with its values as this reader writes them."""
        return self.words.note(Note(key, values))

    def trouble(self, error: KamsyncError, *, current: str = "", status: int = 409) -> HTMLResponse:
        """What went wrong, with its mend."""
        return self.page("trouble.html", current=current, status=status, message=error.message, fix=error.fix)

    def missing(self) -> HTMLResponse:
        """There is no such page, with status 404."""
        return self.page("trouble.html", status=404, message=self.words.say("not_found"), fix="")

    async def form(self, request: Request) -> dict[str, str]:
        """A form of ours. Raises PlanRefused where it does not carry the session's token."""
        body = await request.body()  # Starlette's own form() wants another package even for fields without files
        form = dict(parse_qsl(body.decode("utf-8", errors="replace"), keep_blank_values=True))
        if not is_own_form(self.keys, form.pop(FORM_TOKEN, None)):
            raise PlanRefused(EXPIRED, fix="Load the page again.")
        return form

    def check_writing(self) -> None:
        """Raises PlanRefused in a console that only reads."""
        if self.read_only:
            raise PlanRefused(self.words.say("read_only_help"), fix="Start it without --read-only.")

    async def start(self, kind: str, back: str, work: Work, *, about: str = "") -> Response:
        """Begins a job; shows its page, or at once its result where it is quick."""
        job = self.jobs.start(kind, back, work, about=about)
        await asyncio.to_thread(job.ended.wait, WAIT_FOR_JOB_SECONDS)
        return RedirectResponse(back if job.status != "running" else "/job", status_code=303)

    def seconds_since(self, moment: datetime) -> int:
        """Whole seconds since that moment."""
        return int((datetime.now(UTC) - moment).total_seconds())
