"""Traces by OpenTelemetry: a span a run and one below it a step, by the exporter that the environment or the process has."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kamsync.tracing import EXPORTERS
from tests.run.memory_desk import MemoryDesk
from tests.run.test_on_memory import PROGRAM


@pytest.fixture(scope="module")
def provider() -> TracerProvider:
    """A process has one for its whole life."""
    trace.set_tracer_provider(TracerProvider())
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    return provider


@pytest.fixture
def spans(provider: TracerProvider) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield exporter
    exporter.shutdown()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryDesk:
    desk = MemoryDesk(tmp_path, monkeypatch, PROGRAM + '[guard]\nfirst_run = "go"\n', {"potential": "number"})
    desk.crm.add_account("Acme", owner_id=desk.crm.add_owner("Ana", "ana@example.com"), potential=90)
    return desk


def test_a_run_is_a_span_with_one_below_it_for_each_step(desk: MemoryDesk, spans: InMemorySpanExporter) -> None:
    desk.good("run", "--once")
    run_id = desk.good("runs", "--json").json[0]["run_id"]

    found = {span.name: span for span in spans.get_finished_spans()}
    root = found["run"]
    assert [name for name, span in found.items() if span.parent == root.context] == ["pulled", "recovered", "planned", "applied"]
    assert root.attributes is not None and root.attributes["kamsync.run_id"] == run_id
    assert root.attributes["kamsync.outcome"] == "done" and root.attributes["kamsync.org"] == desk.crm.org_id
    applied = found["applied"].attributes
    assert applied is not None and applied["kamsync.updated"] == 1 and applied["kamsync.created"] == 1


def test_a_run_that_fails_is_a_failed_span_without_its_secret(
    desk: MemoryDesk, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMORY_TOKEN", "a-wrong-token-0123456789")
    assert desk.run("run", "--once").code == 1

    (span,) = spans.get_finished_spans()
    assert not span.status.is_ok and span.status.description
    assert "a-wrong-token" not in span.to_json() and not span.events


def test_a_run_that_is_refused_in_part_is_a_failed_span(desk: MemoryDesk, spans: InMemorySpanExporter) -> None:
    desk.crm.faults.refuse(next(iter(desk.crm.accounts())).id, "Ask ana@example.com first.")
    assert desk.run("run", "--once").code == 1

    root = next(span for span in spans.get_finished_spans() if span.name == "run")
    assert not root.status.is_ok and "1 refused" in str(root.status.description)
    assert "ana@example.com" not in "".join(span.to_json() for span in spans.get_finished_spans())


def test_the_environment_names_the_exporter(tmp_path: Path) -> None:
    code = "from kamsync.tracing import *; configure_traces()\nwith span('run', kind='sync'): pass"
    environment = {**os.environ, EXPORTERS: "console"}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert '"kamsync.kind": "sync"' in ended.stdout and '"service.name": "kamsync"' in ended.stdout


def test_an_exporter_that_is_not_installed_is_told_with_its_mend(tmp_path: Path) -> None:
    code = "from kamsync.errors import ConfigError\nfrom kamsync.tracing import *\n"
    code += "try: configure_traces()\nexcept ConfigError as error: print(error.message, error.fix)"
    environment = {**os.environ, EXPORTERS: "otlp"}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "names 'otlp'" in ended.stdout and "opentelemetry-exporter-otlp-proto-http" in ended.stdout
