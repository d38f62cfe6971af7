"""S3, Google Cloud Storage and Azure Blob Storage as they document themselves, as far as caches need it.

Objects, "create it if it is not there", lists, credentials, errors as XML:
S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html and the API reference beside it.
Google's XML API: https://cloud.google.com/storage/docs/xml-api/reference-headers (x-goog-if-generation-match: 0 = not there yet).
Azure: https://learn.microsoft.com/en-us/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from urllib.parse import unquote
from xml.sax.saxutils import escape

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.fleet.storage import BUCKET, MODIFIED, Answer, Call, Dialect, etag, found, refused


class S3:
    """PutObject with If-None-Match and If-Match, ListObjectsV2, GetObject, HeadObject, DeleteObject and DeleteObjects."""

    address = f"s3://{BUCKET}/kamsync"

    def environment(self, url: str, *, stranger: bool = False) -> dict[str, str]:
        """As for any storage that speaks S3."""
        return {
            "AWS_ENDPOINT_URL": url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "AKIAOFSOMEBODYELSE01" if stranger else "AKIAKAMSYNCTEST00001",
            "AWS_SECRET_ACCESS_KEY": "a-secret-of-storage",
        }

    def answer(self, call: Call, objects: dict[str, bytes]) -> Answer:
        """By the bucket's name in the path."""
        _, bucket, *rest = call.path.split("/", 2)
        key = "".join(rest)
        if "Credential=AKIAKAMSYNCTEST00001/" not in call.headers.get("authorization", ""):
            return refused(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
        if bucket != BUCKET:
            return refused(404, "NoSuchBucket", "The specified bucket does not exist")
        if call.method == "POST" and "delete" in call.query:
            named = re.findall("<Key>(.*?)</Key>", call.body.decode())
            for one in named:
                objects.pop(one, None)
            gone = "".join(f"<Deleted><Key>{one}</Key></Deleted>" for one in named)
            return Answer(200, f"<DeleteResult>{gone}</DeleteResult>".encode())
        if call.method == "PUT":
            there, wanted = key in objects, call.headers.get("if-match")
            if call.headers.get("if-none-match") == "*" and there:
                return refused(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
            if wanted is not None and (not there or wanted != etag(objects[key])):
                return refused(
                    412 if there else 404, "PreconditionFailed" if there else "NoSuchKey", "It is not there as it was."
                )
        return _plain(call, key, objects)


class Google:
    """The XML API with a service account, whose key signs what each call is let in by.

    https://developers.google.com/identity/protocols/oauth2/service-account#jwt-auth
    """

    address = f"gs://{BUCKET}/kamsync"

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def environment(self, url: str, *, stranger: bool = False) -> dict[str, str]:
        """The service account's JSON, whose base URL is this server's."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048) if stranger else self._key
        style, plain = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        account = {
            "type": "service_account",
            "private_key": key.private_bytes(serialization.Encoding.PEM, style, plain).decode(),
            "private_key_id": "1",
            "client_email": "kamsync@fleet.iam.gserviceaccount.com",
            "gcs_base_url": url,
        }
        return {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(account), "AWS_ALLOW_HTTP": "true"}

    def answer(self, call: Call, objects: dict[str, bytes]) -> Answer:
        """By the bucket's name in the path."""
        _, bucket, *rest = call.path.split("/", 2)
        key = "".join(rest)
        if not self._is_signed(call.headers.get("authorization", "")):
            return refused(401, "AuthenticationRequired", "Authentication required.")
        if bucket != BUCKET:
            return refused(404, "NoSuchBucket", "The specified bucket does not exist.")
        if call.method == "PUT" and call.headers.get("x-goog-if-generation-match") == "0" and key in objects:
            return refused(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")
        return _plain(call, key, objects)

    def _is_signed(self, authorization: str) -> bool:
        signed, _, signature = authorization.removeprefix("Bearer ").rpartition(".")
        try:
            self._key.public_key().verify(_from_base64url(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True


class Azure:
    """Put Blob with If-None-Match, List Blobs, Get Blob, Delete Blob, Blob Batch; each call is signed with the account's key."""

    address = f"az://{BUCKET}/kamsync"
    _account, _key = "kamsyncfleet", base64.b64encode(b"a key of an account of storage").decode()
    _other_key = base64.b64encode(b"a key of another account").decode()

    def environment(self, url: str, *, stranger: bool = False) -> dict[str, str]:
        """An account by name and key, at an endpoint of its own."""
        return {
            "AZURE_STORAGE_ACCOUNT_NAME": self._account,
            "AZURE_STORAGE_ACCOUNT_KEY": self._other_key if stranger else self._key,
            "AZURE_STORAGE_ENDPOINT": url,
            "AWS_ALLOW_HTTP": "true",
        }

    def answer(self, call: Call, objects: dict[str, bytes]) -> Answer:
        """By the container's name in the path."""
        _, bucket, *rest = call.path.split("/", 2)
        key = "".join(rest)
        if call.headers.get("authorization") != self._signature(call):
            return refused(403, "AuthenticationFailed", "Server failed to authenticate the request.")
        if bucket != BUCKET:
            return refused(404, "ContainerNotFound", "The specified container does not exist.")
        if call.method == "POST" and call.query.get("comp") == "batch":
            return _deleted(call, objects)
        if call.query.get("comp") == "list":
            return Answer(200, _blobs(objects, call.query.get("prefix", "")))
        if call.method == "PUT":
            if call.headers.get("x-ms-blob-type") != "BlockBlob":
                return refused(
                    400, "MissingRequiredHeader", "An HTTP header that is mandatory for this request is not specified."
                )
            if call.headers.get("if-none-match") == "*" and key in objects:
                return refused(409, "BlobAlreadyExists", "The specified blob already exists.")
            objects[key] = call.body
            return Answer(201, headers={"ETag": etag(call.body), "Last-Modified": MODIFIED[1]})
        if call.method == "DELETE":
            return Answer(202) if objects.pop(key, None) is not None else refused(404, "BlobNotFound", "It does not exist.")
        if key not in objects:
            return refused(404, "BlobNotFound", "The specified blob does not exist.")
        return found(objects[key])

    def _signature(self, call: Call) -> str:
        """https://learn.microsoft.com/en-us/rest/api/storageservices/authorize-with-shared-key"""
        named = (
            "content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
            "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range",
        )  # fmt: skip
        values = [call.headers.get(name, "") for name in named]
        values[2] = "" if values[2] == "0" else values[2]
        vendors = [f"{name}:{value}" for name, value in sorted(call.headers.items()) if name.startswith("x-ms-")]
        resource = [f"/{self._account}{call.path}", *(f"{name}:{value}" for name, value in sorted(call.query.items()))]
        text = "\n".join([call.method, *values, *vendors, *resource])
        digest = hmac.new(base64.b64decode(self._key), text.encode(), hashlib.sha256).digest()
        return f"SharedKey {self._account}:{base64.b64encode(digest).decode()}"


def _deleted(call: Call, objects: dict[str, bytes]) -> Answer:
    """Blob Batch: https://learn.microsoft.com/en-us/rest/api/storageservices/blob-batch"""
    parts = []
    for number, path in enumerate(re.findall(rb"^DELETE (\S+) HTTP/1.1", call.body, re.MULTILINE)):
        key = unquote(path.decode()).removeprefix(f"/{BUCKET}/")
        line = "202 Accepted" if objects.pop(key, None) is not None else "404 The specified blob does not exist."
        head = f"Content-Type: application/http\r\nContent-ID: {number}\r\n\r\nHTTP/1.1 {line}\r\nx-ms-version: 2023-11-03"
        parts.append(f"--batchresponse_1\r\n{head}\r\n\r\n")
    body = "".join(parts) + "--batchresponse_1--\r\n"
    return Answer(202, body.encode(), {"Content-Type": "multipart/mixed; boundary=batchresponse_1"})


DIALECTS: dict[str, type[S3 | Google | Azure]] = {"s3": S3, "google": Google, "azure": Azure}


def dialect(name: str) -> Dialect:
    """A new one of the kind."""
    return DIALECTS[name]()


def _plain(call: Call, key: str, objects: dict[str, bytes]) -> Answer:
    """What S3 and Google say alike, once a condition holds."""
    if call.method == "GET" and call.query.get("list-type") == "2":
        return Answer(200, _contents(objects, call.query.get("prefix", "")))
    if call.method == "PUT":
        objects[key] = call.body
        return Answer(200, headers={"ETag": etag(call.body), "x-goog-generation": "1"})
    if call.method == "DELETE":
        objects.pop(key, None)
        return Answer(204)
    if key not in objects:
        return refused(404, "NoSuchKey", "The specified key does not exist.")
    return found(objects[key])


def _contents(objects: dict[str, bytes], prefix: str) -> bytes:
    rows = "".join(
        f"<Contents><Key>{escape(key)}</Key><LastModified>{MODIFIED[0]}</LastModified><ETag>{escape(etag(content))}</ETag>"
        f"<Size>{len(content)}</Size></Contents>"
        for key, content in _listed(objects, prefix)
    )
    head = f"<Name>{BUCKET}</Name><Prefix>{escape(prefix)}</Prefix><IsTruncated>false</IsTruncated>"
    return f'<?xml version="1.0"?><ListBucketResult>{head}{rows}</ListBucketResult>'.encode()


def _blobs(objects: dict[str, bytes], prefix: str) -> bytes:
    rows = "".join(
        f"<Blob><Name>{escape(key)}</Name><Properties><Last-Modified>{MODIFIED[1]}</Last-Modified><Etag>{etag(content)}</Etag>"
        f"<Content-Length>{len(content)}</Content-Length><Content-Type>application/octet-stream</Content-Type>"
        "<BlobType>BlockBlob</BlobType></Properties></Blob>"
        for key, content in _listed(objects, prefix)
    )
    text = f'<EnumerationResults ContainerName="{BUCKET}"><Prefix>{escape(prefix)}</Prefix><Blobs>{rows}</Blobs><NextMarker/>'
    return f'<?xml version="1.0" encoding="utf-8"?>{text}</EnumerationResults>'.encode()


def _listed(objects: dict[str, bytes], prefix: str) -> Iterator[tuple[str, bytes]]:
    return ((key, content) for key, content in sorted(objects.items()) if key.startswith(prefix))


def _from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
