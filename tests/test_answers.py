"""An answer without end ends: by size, by time, from a real server, for both of the libraries that connectors use."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
import urllib3

from kamsync import lines
from kamsync.answers import LARGEST_ANSWER_BYTES, MOST_VALUES, BoundedPool, TooSlow, chunks_of, download_of
from kamsync.errors import BadAnswer
from kamsync.http import PoliteSession

BOMB = gzip.compress(bytes(LARGEST_ANSWER_BYTES + 1), 1)


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path not in ("/interim", "/dripping_header"):
            self.send_response(200)
        with suppress(OSError):
            getattr(self, self.path.strip("/"))()

    def _headers(self, **headers: str) -> None:
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def bomb(self) -> None:
        self._headers(Content_Length=str(len(BOMB)), Content_Encoding="gzip")
        self.wfile.write(BOMB)

    def endless(self) -> None:
        self._headers(Transfer_Encoding="chunked")
        while True:
            self.wfile.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")

    def drip(self) -> None:
        """Whoever reads on to its end gets a cut body."""
        self._headers(Content_Length="1000000")
        for _ in range(200):
            self.wfile.write(b"x")
            time.sleep(0.02)

    def good(self) -> None:
        body = gzip.compress(b'{"a": 1}')
        self._headers(Content_Length=str(len(body)), Content_Encoding="gzip")
        self.wfile.write(body)

    def cut(self) -> None:
        self._headers(Content_Length="100")
        self.wfile.write(b"half")
        self.close_connection = True

    def crumbs(self) -> None:
        body = gzip.compress(b"[" + b"{}," * MOST_VALUES + b"{}, {}]", 1)
        self._headers(Content_Length=str(len(body)), Content_Encoding="gzip")
        self.wfile.write(body)

    def interim(self) -> None:
        self.wfile.flush()
        while True:
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000)

    def trailers(self) -> None:
        self._headers(Transfer_Encoding="chunked")
        self.wfile.write(b"0\r\n")
        while True:
            self.wfile.write(b"X-More: 1\r\n" * 1_000)

    def nothing(self) -> None:
        self._headers(Content_Length=str(1 << 40), Content_Encoding="gzip")
        while True:
            self.wfile.write(gzip.compress(b"") * 1_000)

    def dripping_header(self) -> None:
        """Whoever reads on to its end gets a status line that is none."""
        for _ in range(200):
            self.wfile.write(b"HTTP/1.1 200 O" if _ == 0 else b"K")
            time.sleep(0.02)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def session() -> PoliteSession:
    return PoliteSession(allows=lambda host: True)


@pytest.mark.parametrize("path", ["bomb", "endless"])
def test_a_body_beyond_the_limit_is_cut_off_and_told(address: str, session: PoliteSession, path: str) -> None:
    with pytest.raises(BadAnswer, match="more than 64 MB"):
        session.get(f"{address}/{path}")
    with pytest.raises(BadAnswer, match="more than 64 MB"):
        BoundedPool(urllib3.PoolManager()).request("GET", f"{address}/{path}")


def test_more_values_than_a_machine_would_hold_are_not_read(address: str, session: PoliteSession) -> None:
    with pytest.raises(BadAnswer, match="more than 3,000,000 values"):
        session.get(f"{address}/crumbs")
    with pytest.raises(BadAnswer, match="more than 3,000,000 values"):
        BoundedPool(urllib3.PoolManager()).request("GET", f"{address}/crumbs")


@pytest.mark.parametrize("path", ["interim", "trailers", "nothing"])
def test_what_comes_without_end_and_is_no_answer_is_cut_off(address: str, session: PoliteSession, path: str) -> None:
    with pytest.raises(requests.exceptions.RequestException, match="none of them was the answer's own"):
        session.get(f"{address}/{path}")
    with pytest.raises(urllib3.exceptions.ProtocolError, match="none of them was the answer's own"):
        BoundedPool(urllib3.PoolManager()).request("GET", f"{address}/{path}", retries=False)


def test_a_header_that_drips_is_not_waited_for_without_end(
    address: str, session: PoliteSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LONGEST_ANSWER_SECONDS", 0.3)
    with pytest.raises(requests.exceptions.ReadTimeout):
        session.get(f"{address}/dripping_header")
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        BoundedPool(urllib3.PoolManager()).request("GET", f"{address}/dripping_header", retries=False)


def test_an_ordinary_answer_comes_unpacked_and_whole(address: str, session: PoliteSession) -> None:
    pool = BoundedPool(urllib3.PoolManager())
    for _ in range(2):  # the second goes over the same connection
        assert session.get(f"{address}/good").json() == {"a": 1}
        assert pool.request("GET", f"{address}/good").json() == {"a": 1}
    assert b"".join(download_of(session.get(f"{address}/good", stream=True))) == b'{"a": 1}'


def test_a_cut_body_is_a_cut_and_not_a_short_answer(address: str, session: PoliteSession) -> None:
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        session.get(f"{address}/cut")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        BoundedPool(urllib3.PoolManager()).request("GET", f"{address}/cut")


def test_a_byte_now_and_then_is_not_waited_for_without_end(address: str) -> None:
    raw = urllib3.PoolManager().request("GET", f"{address}/drip", preload_content=False)
    with pytest.raises(TooSlow):
        list(chunks_of(raw, "here", most_bytes=1 << 20, most_seconds=0.2))
