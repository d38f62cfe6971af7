"""Reads an answer's body within limits: of size, so that a body without end or a small bomb fills no memory, and of time.

A timeout of requests or urllib3 counts from byte to byte: a server that sends one a second would keep a run for ever.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import requests
import requests.adapters
import urllib3

from kamsync.errors import BadAnswer
from kamsync.lines import LONGEST_ANSWER_SECONDS, Hearing, bound_lines

LARGEST_ANSWER_BYTES = 64 << 20  # unpacked; the largest that is known is a page of 2,000 records with long texts, some 20 MB
# Told by their commas: 60 MB of `{},` take 1.4 GB once they are read. A page of 2,000 records has 400,000.
MOST_VALUES = 3_000_000
LARGEST_DOWNLOAD_BYTES = 2 << 30  # unpacked; a bulk job's page goes to a file
LONGEST_DOWNLOAD_SECONDS = 3_600.0
_CHUNK_BYTES = 1 << 18


class TooSlow(urllib3.exceptions.TimeoutError):
    """The whole answer took longer than it may."""


def chunks_of(raw: Any, host: str, *, most_bytes: int, most_seconds: float) -> Iterator[bytes]:
    """The unpacked body of a urllib3 response, as it arrives.

    Raises BadAnswer beyond `most_bytes`, TooSlow after `most_seconds`, and what urllib3 raises where the line is cut.
    """
    deadline, read = time.monotonic() + most_seconds, 0
    hearing = Hearing(raw, deadline)
    hearing.next_piece()
    try:
        while chunk := raw.read1(_CHUNK_BYTES, decode_content=True):
            read += len(chunk)
            if read > most_bytes:
                raise BadAnswer(
                    f"{host} sent more than {most_bytes >> 20:,} MB in one answer, and was cut off.",
                    fix="Check the address in the [crm.*] section: this is not how the CRM answers.",
                )
            if time.monotonic() > deadline:
                raise TooSlow(f"{host} was still sending after {most_seconds:g} seconds")
            yield chunk
            hearing.next_piece()
    except BaseException:
        raw.close()
        raise
    raw.release_conn()


def whole_body(raw: Any, host: str) -> bytes:
    """An ordinary answer's body. Raises as `chunks_of` does, and BadAnswer where it would be too much once it is read."""
    body = bytearray()  # and no list: chunks of one byte would take nine times the memory
    for chunk in chunks_of(raw, host, most_bytes=LARGEST_ANSWER_BYTES, most_seconds=LONGEST_ANSWER_SECONDS):
        body += chunk
    if body.count(b",") > MOST_VALUES:
        raise BadAnswer(
            f"{host} sent more than {MOST_VALUES:,} values in one answer, which is not read.",
            fix="Check the address in the [crm.*] section: this is not how the CRM answers.",
        )
    return bytes(body)


class BoundedAdapter(requests.adapters.HTTPAdapter):
    """requests' own adapter, which reads every body within the limits; a streamed one is for `download_of` to read."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Of connections that hear nothing without end."""
        super().init_poolmanager(*args, **kwargs)
        bound_lines(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> urllib3.ProxyManager:
        """The same through a proxy."""
        found: urllib3.ProxyManager = super().proxy_manager_for(proxy, **kwargs)
        bound_lines(found)
        return found

    def send(self, request: requests.PreparedRequest, stream: bool = False, *args: Any, **kwargs: Any) -> requests.Response:
        """The answer, its body read within the limits of size and time. Raises BadAnswer and requests' own errors."""
        response = super().send(request, stream, *args, **kwargs)
        if not stream or response.is_redirect:
            host = urllib3.util.parse_url(request.url or "").host or ""
            response._content = as_requests_says(lambda: whole_body(response.raw, host))
            response._content_consumed = True  # type: ignore[attr-defined]  # what `Response.content` sets, and its types omit
        return response


def download_of(response: requests.Response) -> Iterator[bytes]:
    """The chunks of a streamed answer. Raises BadAnswer and requests' own errors."""
    host = urllib3.util.parse_url(response.url or "").host or ""
    chunks = chunks_of(response.raw, host, most_bytes=LARGEST_DOWNLOAD_BYTES, most_seconds=LONGEST_DOWNLOAD_SECONDS)
    while chunk := as_requests_says(lambda: next(chunks, b"")):
        yield chunk


def as_requests_says(read: Any) -> bytes:
    """Calls `read`; urllib3's errors become those that requests raises in their place (`Response.iter_content`)."""
    try:
        found: bytes = read()
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.exceptions.ConnectionError(error) from error
    except TooSlow as error:
        raise requests.exceptions.ReadTimeout(str(error)) from error
    except urllib3.exceptions.ProtocolError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error
    except urllib3.exceptions.DecodeError as error:
        raise requests.exceptions.ContentDecodingError(error) from error
    except urllib3.exceptions.SSLError as error:
        raise requests.exceptions.SSLError(error) from error
    return found


class BoundedPool:
    """A urllib3 pool manager, whose answers are read whole within the limits before anybody looks at them."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        bound_lines(pool)

    def request(self, method: str, url: str, **options: Any) -> urllib3.HTTPResponse:
        """As PoolManager.request. Raises BadAnswer and urllib3's own errors."""
        answer = self._pool.request(method, url, **{**options, "preload_content": False})
        body = whole_body(answer, urllib3.util.parse_url(url).host or "")
        headers = urllib3.HTTPHeaderDict(answer.headers)
        headers.discard("content-encoding")  # it is unpacked already
        headers.discard("content-length")
        return urllib3.HTTPResponse(
            body=body, headers=headers, status=answer.status, reason=answer.reason, version=answer.version, preload_content=True
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)
