"""The console as an ASGI application: addresses, static files, errors as pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from importlib.resources import files

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from kamsync.console import fleet_page, lab_pages, view_pages, work_pages
from kamsync.console.gate import Gate
from kamsync.console.site import Site
from kamsync.console.view import NotReady
from kamsync.errors import KamsyncError
from kamsync.look import style_sheet
from kamsync.report.page import charts_script

Page = Callable[[Site, Request], Awaitable[Response]]
_GET: tuple[tuple[str, Page], ...] = (
    ("/", view_pages.overview),
    ("/charts/{name}.json", view_pages.chart),
    ("/accounts", view_pages.accounts),
    ("/accounts/{account_id}", view_pages.account),
    ("/accounts/{account_id}/plan", view_pages.account_plan),
    ("/plan", work_pages.plan),
    ("/lab", lab_pages.lab),
    ("/lab/tasks", lab_pages.counted),
    ("/lab/backtest", lab_pages.replayed),
    ("/runs", work_pages.runs),
    ("/runs/{run_id}", work_pages.run),
    ("/doctor", work_pages.doctor),
    ("/fleet", fleet_page.fleet),
    ("/job", work_pages.job),
)
_POST: tuple[tuple[str, Page], ...] = (
    ("/plan/make", work_pages.make_plan),
    ("/plan/apply", work_pages.apply_plan),
    ("/plan/refuse", work_pages.refuse_plan),
    ("/lab", lab_pages.try_out),
    ("/lab/criteria.toml", lab_pages.download),
    ("/lab/tasks", lab_pages.tasks),
    ("/lab/backtest", lab_pages.backtest),
    ("/runs/{run_id}/preview", work_pages.preview_undo),
    ("/runs/{run_id}/undo", work_pages.undo),
    ("/doctor", work_pages.check),
)


def build_app(site: Site, public_url: str = "") -> ASGIApp:
    """The application behind its gate."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        warming = asyncio.create_task(asyncio.to_thread(_warm))
        yield
        await warming
        await asyncio.to_thread(site.jobs.close)
        site.views.close()

    routes = [Route(path, partial(_page, site, page), methods=["GET"]) for path, page in _GET]
    routes += [Route(path, partial(_page, site, page), methods=["POST"]) for path, page in _POST]
    routes.append(Route("/static/{name}", _static, methods=["GET"]))

    async def missing(request: Request, error: Exception) -> Response:
        return site.missing()

    return Gate(Starlette(routes=routes, lifespan=lifespan, exception_handlers={404: missing}), site.keys, public_url)


async def _page(site: Site, page: Page, request: Request) -> Response:
    try:
        return await page(site, request)
    except NotReady:
        return site.page("reading.html")
    except KamsyncError as error:
        return site.trouble(error)


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    make = _STATIC.get(name)
    if make is None:
        return Response(status_code=404)
    content, kind = await asyncio.to_thread(make)
    return Response(content, media_type=kind, headers={"cache-control": "private, max-age=3600"})


def _vega() -> tuple[str, str]:
    """The script that shows charts; nothing where the libraries for pictures are missing."""
    try:
        from kamsync.report.charts.formats import bundle
    except ImportError:
        return "", "text/javascript"
    return bundle(), "text/javascript"


@lru_cache(maxsize=1)
def _console_script() -> tuple[str, str]:
    own = (files("kamsync.console") / "static" / "console.js").read_text(encoding="utf-8")
    return f"{charts_script()}\n{own}", "text/javascript"


_STATIC: dict[str, Callable[[], tuple[str, str]]] = {
    "look.css": lambda: (style_sheet(), "text/css"),
    "console.js": _console_script,
    "vega.js": _vega,
}


def _warm() -> None:
    """Making the charts' script takes seconds, once."""
    _vega()
