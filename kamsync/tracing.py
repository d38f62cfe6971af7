"""OpenTelemetry traces of runs, where `opentelemetry-sdk` is installed (extra `otel`): a span a run, one below it for each step.

Where spans go is said by the environment variables of OpenTelemetry itself
(https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/): without `OTEL_TRACES_EXPORTER` nothing is
traced, and nothing of it loaded. A span carries counts and outcomes, no name of an account, and no secret.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Any

from kamsync import __version__
from kamsync.errors import ConfigError
from kamsync.redaction import redact, redact_people

EXPORTERS = "OTEL_TRACES_EXPORTER"
_ENTRY_POINTS = "opentelemetry_traces_exporter"  # where packages of exporters, and the SDK's console, register themselves
_OTHER_NAMES: Mapping[str, str] = {"otlp": "otlp_proto_http"}
_tracer: Any = None


class Span:
    """What a traced piece of work tells of itself; without a tracer nothing."""

    def __init__(self, span: Any) -> None:
        self._span = span

    def tell(self, **fields: object) -> None:
        """Adds attributes: numbers, truths, and texts without secrets and addresses."""
        if self._span is not None:
            for name, value in fields.items():
                self._span.set_attribute(f"kamsync.{name}", value if isinstance(value, bool | int | float) else _clean(value))

    def failed(self, why: object) -> None:
        """The work went wrong."""
        if self._span is not None:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_status(Status(StatusCode.ERROR, _clean(why)))


def configure_traces() -> None:
    """From now on runs are traced: by the provider that this process has, else to the exporters that the environment names.

    Raises ConfigError for an exporter that is not installed.
    """
    global _tracer
    named = [name.strip() for name in os.environ.get(EXPORTERS, "").split(",") if name.strip() not in ("", "none")]
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
    except ImportError:
        if named:
            raise ConfigError(f"{EXPORTERS} asks for traces.", fix="pip install 'kamsync[otel]', or unset it.") from None
        return
    if isinstance(trace.get_tracer_provider(), TracerProvider):
        _tracer = trace.get_tracer("kamsync", __version__)
    elif named:
        trace.set_tracer_provider(_provider(named))
        _tracer = trace.get_tracer("kamsync", __version__)


@contextmanager
def span(name: str, **fields: object) -> Iterator[Span]:
    """Traces what happens inside; an error ends it as failed and goes on."""
    if _tracer is None:
        yield Span(None)
        return
    # Of an exception the SDK would keep the traceback, which nobody has redacted.
    with _tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as started:
        told = Span(started)
        told.tell(**fields)
        try:
            yield told
        except BaseException as error:
            told.failed(getattr(error, "message", type(error).__name__))
            raise


def _provider(named: list[str]) -> Any:
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME", "kamsync"), SERVICE_VERSION: __version__})
    provider = TracerProvider(resource=resource)  # what it still holds is sent when the process ends
    for name in named:
        provider.add_span_processor(BatchSpanProcessor(_exporter(name)))
    return provider


def _exporter(name: str) -> Any:
    for known in (name, _OTHER_NAMES.get(name, name)):
        for found in entry_points(group=_ENTRY_POINTS, name=known):
            return found.load()()
    raise ConfigError(
        f"{EXPORTERS} names {name!r}, and no installed package exports to it.",
        fix="Install its package, for otlp opentelemetry-exporter-otlp-proto-http, or name another.",
    )


def _clean(value: object) -> str:
    return redact_people(redact(str(value)))
