"""Who may come in: a token in the address once, a cookie from then on; what a browser may do with a page; what may write.

As Jupyter does it (https://jupyter-server.readthedocs.io/en/latest/operators/security.html): the address that the terminal shows
holds a random token, which is exchanged for a SameSite cookie. A request for another host is refused, so that no name that merely
resolves here (DNS rebinding) gets an answer; a write must come from a page of ours and bring the session's own form token.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kamsync.http import is_loopback, parts_of

COOKIE = "kamsync-console"
TOKEN = "token"
FORM_TOKEN = "form_token"
OWN_SITES = ("none", "same-origin")
SAFE_METHODS = ("GET", "HEAD")
MOST_BODY_BYTES = 1_000_000
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
CLOSED = "Open the address that `kamsync console` printed: it holds the key to this page.\n"
ELSEWHERE = "This console does not answer under that name. Start it with --public-url, or use the address that it printed.\n"
FOREIGN = "This form did not come from the console's own page. Nothing was done; load the page again.\n"


@dataclass(frozen=True)
class Keys:
    """Of one process: the token of the address, the session that it is exchanged for, and what forms carry."""

    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def form_token(self) -> str:
        """Derived from the session, so that nobody who lacks that can make it."""
        return hmac.new(self.session.encode(), b"forms", hashlib.sha256).hexdigest()

    def __repr__(self) -> str:
        return "Keys()"


class Gate:
    """ASGI middleware before every page. `public_url`: under which other address the console is reached, "" none."""

    def __init__(self, app: ASGIApp, keys: Keys, public_url: str = "") -> None:
        self._app, self._keys = app, keys
        self._public = urlsplit(public_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refused(scope, headers)
        if refused is not None:
            await refused(scope, receive, _with_headers(send))
        else:
            await self._app(scope, receive, _with_headers(send))

    def _refused(self, scope: Scope, headers: Headers) -> Response | None:
        """What is answered instead of the page; None where the request may pass."""
        if not self._is_ours(headers.get("host", "")):
            return PlainTextResponse(ELSEWHERE, status_code=403)
        offered = parse_qs(scope.get("query_string", b"").decode("latin-1")).get(TOKEN, [""])[0]
        if offered and scope["method"] in SAFE_METHODS:
            return self._let_in(scope) if _same(offered, self._keys.token) else PlainTextResponse(CLOSED, status_code=403)
        if not _same(cookie_parser(headers.get("cookie", "")).get(COOKIE, ""), self._keys.session):
            return PlainTextResponse(CLOSED, status_code=403)
        if scope["method"] not in SAFE_METHODS and not self._from_own_page(headers):
            return PlainTextResponse(FOREIGN, status_code=403)
        if int(headers.get("content-length") or 0) > MOST_BODY_BYTES:
            return PlainTextResponse("That is too long.\n", status_code=413)
        return None

    def _is_ours(self, host: str) -> bool:
        return is_loopback(parts_of(f"//{host}").hostname or "") or (bool(self._public.netloc) and host == self._public.netloc)

    def _from_own_page(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        same = origin is None or parts_of(origin).netloc in (headers.get("host", ""), self._public.netloc or None)
        return same and headers.get("sec-fetch-site", "none") in OWN_SITES

    def _let_in(self, scope: Scope) -> Response:
        """The cookie, and the same address without the token: it must not stay in the history or leave by a link."""
        kept = {k: v for k, v in parse_qs(scope["query_string"].decode("latin-1")).items() if k != TOKEN}
        query = f"?{urlencode(kept, doseq=True)}" if kept else ""
        response = RedirectResponse(f"{scope['path']}{query}", status_code=303)
        secure = self._public.scheme == "https"
        response.set_cookie(COOKIE, self._keys.session, httponly=True, samesite="strict", secure=secure, path="/")
        return response


def is_own_form(keys: Keys, offered: object) -> bool:
    """Whether a form brought the token that the session's pages put into theirs."""
    return isinstance(offered, str) and _same(offered, keys.form_token)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                if name not in headers:
                    headers[name] = value
        await send(message)

    return sending
