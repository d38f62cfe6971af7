"""Object storage that answers as S3 documents it, as far as caches need it: objects, conditional writes, lists, credentials.

PutObject with If-None-Match and If-Match, https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html;
ListObjectsV2, GetObject, HeadObject, DeleteObject and DeleteObjects, errors as XML, all of them in the API reference beside it.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET, KEY_ID, SECRET = "fleet-bucket", "AKIAKAMSYNCTEST00001", "a-secret-of-storage"
_MODIFIED = ("2026-11-26T06:00:00.000Z", "Thu, 26 Nov 2026 06:00:00 GMT")


class Storage(ThreadingHTTPServer):
    """One bucket in memory. `calls` are the methods and paths that were answered, with the status.

    `down` breaks every connection off; `mute` carries the next call out and does not answer it.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.objects: dict[str, bytes] = {}
        self.calls: list[tuple[str, str, int]] = []
        self.down = self.mute = False
        self.lock = threading.Lock()

    @property
    def environment(self) -> dict[str, str]:
        """What a worker's environment says to reach it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.server_address[1]}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news."""


class _Call(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Storage

    def __getattr__(self, name: str) -> Any:
        """Every method, as `do_PUT`, comes to the same place."""
        if name.startswith("do_"):
            return self._answered
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:
        """Not on standard error."""

    def _answered(self) -> None:
        if self.server.down:
            self.close_connection = True
            return
        url = urlsplit(self.path)
        _, bucket, *rest = unquote(url.path).split("/", 2)
        query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            status, headers, answer = self._answer(bucket, "".join(rest), query, body)
            self.server.calls.append((self.command, url.path, status))
        if self.server.mute:
            self.server.mute, self.close_connection = False, True
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    def _answer(self, bucket: str, key: str, query: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        objects = self.server.objects
        if f"Credential={KEY_ID}/" not in self.headers.get("Authorization", ""):
            return _error(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
        if bucket != BUCKET:
            return _error(404, "NoSuchBucket", "The specified bucket does not exist")
        if self.command == "POST" and "delete" in query:
            named = re.findall("<Key>(.*?)</Key>", body.decode())
            for one in named:
                objects.pop(one, None)
            gone = "".join(f"<Deleted><Key>{one}</Key></Deleted>" for one in named)
            return 200, {}, f"<DeleteResult>{gone}</DeleteResult>".encode()
        if self.command == "GET" and query.get("list-type") == "2":
            return 200, {}, _listed(objects, query.get("prefix", ""))
        if self.command == "PUT":
            return self._put(key, body)
        if self.command == "DELETE":
            objects.pop(key, None)
            return 204, {}, b""
        if key not in objects:
            return _error(404, "NoSuchKey", "The specified key does not exist.")
        return 200, {"ETag": _etag(objects[key]), "Last-Modified": _MODIFIED[1]}, objects[key]

    def _put(self, key: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        objects = self.server.objects
        there, wanted = key in objects, self.headers.get("If-Match")
        if self.headers.get("If-None-Match") == "*" and there:
            return _error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
        if wanted is not None and (not there or wanted != _etag(objects[key])):
            return _error(412 if there else 404, "PreconditionFailed" if there else "NoSuchKey", "It is not there as it was.")
        objects[key] = body
        return 200, {"ETag": _etag(body)}, b""


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def _error(status: int, code: str, message: str) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/xml"}, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


def _listed(objects: dict[str, bytes], prefix: str) -> bytes:
    rows = "".join(
        f"<Contents><Key>{escape(key)}</Key><LastModified>{_MODIFIED[0]}</LastModified><ETag>{escape(_etag(content))}</ETag>"
        f"<Size>{len(content)}</Size></Contents>"
        for key, content in sorted(objects.items())
        if key.startswith(prefix)
    )
    head = f"<Name>{BUCKET}</Name><Prefix>{escape(prefix)}</Prefix><IsTruncated>false</IsTruncated>"
    return f'<?xml version="1.0"?><ListBucketResult>{head}{rows}</ListBucketResult>'.encode()


@contextmanager
def storing() -> Iterator[Storage]:
    """A storage while the context is open."""
    with Storage() as storage:
        thread = threading.Thread(target=storage.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield storage
        finally:
            storage.shutdown()
