"""The page at `/`: what a key account manager sees in the CRM. Edits made on it are real edits of the sandbox's records.

Server-rendered, no script, every value escaped. Only loopback hosts are answered, and edits only from the page itself, so that
no web page elsewhere can reach a sandbox that happens to run.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, quote

from babel.core import Locale
from babel.dates import format_date
from babel.numbers import format_decimal
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from kamsync.flags import PEOPLES_WORD, kind_of
from kamsync.http import is_loopback, parts_of
from kamsync.look import style_sheet
from kamsync.sandbox.crm import FieldView, SandboxCrm
from kamsync.sandbox.faults import Receive, Scope, Send
from kamsync.sandbox.page_words import PAGE_WORDS, language_of

_templates = Environment(
    loader=PackageLoader("kamsync.sandbox"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_templates.globals["look"] = style_sheet()
_templates.filters["path"] = lambda value: quote(str(value), safe="")
OWN_SITES = ("none", "same-origin")
REFUSAL = "The sandbox answers on this machine only."
LISTED = 200  # accounts on the page; the rest is found by search


class Page:
    """The page of one sandbox, as an ASGI app."""

    def __init__(self, crm: SandboxCrm) -> None:
        self._crm = crm
        self._app = Starlette(
            routes=[
                Route("/", self._accounts),
                Route("/_sandbox/accounts/{account_id}", self._account),
                Route("/_sandbox/accounts/{account_id}/flags", self._set_flags, methods=["POST"]),
                Route("/_sandbox/accounts/{account_id}/tasks/{task_id}", self._complete, methods=["POST"]),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    async def _accounts(self, request: Request) -> Response:
        refused = _refused(request)
        if refused:
            return refused
        search = request.query_params.get("q", "")
        flagged = request.query_params.get("flagged") == "1"
        accounts = self._crm.view.accounts(search=search, only_flagged=flagged, limit=LISTED)
        more = len(accounts) == LISTED
        return self._html("accounts.html", accounts=accounts, search=search, flagged=flagged, listed=LISTED if more else 0)

    async def _account(self, request: Request) -> Response:
        refused = _refused(request)
        if refused:
            return refused
        account_id = request.path_params["account_id"]
        account = self._crm.view.account(account_id)
        if account is None:
            return PlainTextResponse("There is no such account.", status_code=404)
        tasks = sorted(self._crm.view.tasks(account_id), key=lambda task: (task.due or "9999", task.subject))
        in_order = [*(task for task in tasks if task.is_open), *(task for task in reversed(tasks) if not task.is_open)]
        notes = [_lines(body) for body in self._crm.view.plan_notes(account_id)]
        return self._html("account.html", account=account, tasks=in_order, notes=notes)

    def _html(self, template: str, **values: Any) -> HTMLResponse:
        return HTMLResponse(
            _templates.get_template(template).render(crm=self._crm.kind, shown=_Shown(self._crm.view.fields()), **values),
            headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"},
        )

    async def _set_flags(self, request: Request) -> Response:
        refused = _refused(request)
        if refused:
            return refused
        account_id = request.path_params["account_id"]
        form = parse_qs((await request.body()).decode(), keep_blank_values=True)
        for flag in PEOPLES_WORD:
            if flag in form:
                self._crm.view.set_flag(account_id, flag, form[flag][0].strip())
        return RedirectResponse(f"/_sandbox/accounts/{quote(account_id, safe='')}", status_code=303)

    async def _complete(self, request: Request) -> Response:
        refused = _refused(request)
        if refused:
            return refused
        self._crm.view.complete_task(request.path_params["task_id"])
        return RedirectResponse(f"/_sandbox/accounts/{quote(request.path_params['account_id'], safe='')}", status_code=303)


def _lines(html: str) -> list[tuple[bool, str]]:
    """A note's paragraphs and items (True) as text: what a CRM would render, and nothing of it as markup."""
    reader = _Blocks()
    reader.feed(html)
    reader.close()
    return [(is_item, text) for is_item, parts in reader.found if (text := " ".join("".join(parts).split()))]


class _Blocks(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[bool, list[str]]] = [(False, [])]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("p", "li", "ul", "br"):
            self.found.append((tag == "li", []))

    def handle_data(self, data: str) -> None:
        self.found[-1][1].append(data)


class _Shown:
    """Values as their readers see them in the CRM: labels of pick lists, dates and numbers of the language."""

    def __init__(self, fields: Mapping[str, FieldView]) -> None:
        self.fields = fields
        self.language = language_of(fields["tier"].label) if "tier" in fields else "en"
        self.words = PAGE_WORDS[self.language]
        self._locale = Locale.parse(self.language)

    def label(self, flag: str) -> str:
        """What people call that field."""
        return self.fields[flag].label

    def value(self, flag: str, text: str) -> str:
        """The value of a flag, which the CRM keeps as `text`; "" for none."""
        if not text:
            return ""
        if self.fields[flag].choices:
            return self.fields[flag].choices.get(text, text)
        match kind_of(flag):
            case "number":
                return format_decimal(float(text), "#,##0.##", locale=self._locale)
            case "date" | "instant":
                return self.day(text)
        return text

    def day(self, text: str) -> str:
        """The day of an ISO date or instant; other text as it is."""
        try:
            return format_date(date.fromisoformat(text[:10]), "medium", locale=self._locale)
        except ValueError:
            return text


def is_foreign(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a request comes from elsewhere: a name that only resolves here, or a form or script of another page.

    `headers` by small name. A browser names the page that asks (Origin, an old one Referer; Sec-Fetch-Site); programs name none.
    """
    named = headers.get("host", "")
    if not is_loopback(parts_of(f"//{named}").hostname or ""):
        return True
    if method in ("GET", "HEAD"):
        return False
    page = headers.get("origin", headers.get("referer"))
    return (page is not None and parts_of(page).netloc != named) or headers.get("sec-fetch-site", "none") not in OWN_SITES


def _refused(request: Request) -> Response | None:
    return PlainTextResponse(REFUSAL, status_code=403) if is_foreign(request.method, request.headers) else None
