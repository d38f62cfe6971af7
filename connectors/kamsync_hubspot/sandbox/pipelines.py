"""Deal pipelines of the portal: the default one, whose stage ids are names, and one made by people, whose ids are opaque."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .catalog import LONG_AGO_MS
from .wire import iso


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a pipeline. `probability` is text as in its metadata: "1.0" is won, "0.0" lost."""

    id: str
    label: str
    probability: str

    @property
    def is_closed(self) -> bool:
        """Whether a deal in it is won or lost."""
        return self.probability in ("0.0", "1.0")

    @property
    def is_won(self) -> bool:
        """Whether a deal in it is won."""
        return self.probability == "1.0"

    def shown(self, order: int) -> dict[str, Any]:
        """As the API shows it: `{id, label, displayOrder, metadata: {isClosed, probability}, …}`, the metadata as text."""
        moment = iso(LONG_AGO_MS)
        return {
            "label": self.label,
            "displayOrder": order,
            "metadata": {"isClosed": "true" if self.is_closed else "false", "probability": self.probability},
            "id": self.id,
            "createdAt": moment,
            "updatedAt": moment,
            "archived": False,
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
        }


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline of deals with its stages in their order."""

    id: str
    label: str
    stages: tuple[Stage, ...]

    def shown(self, order: int) -> dict[str, Any]:
        """As the API shows it, with its stages; `order` is its place among the pipelines, from 0."""
        moment = iso(LONG_AGO_MS)
        return {
            "label": self.label,
            "displayOrder": order,
            "id": self.id,
            "stages": [stage.shown(place) for place, stage in enumerate(self.stages)],
            "createdAt": moment,
            "updatedAt": moment,
            "archived": False,
        }


NEW_BUSINESS = Pipeline(
    "default",
    "Sales Pipeline",
    (
        Stage("appointmentscheduled", "Appointment scheduled", "0.2"),
        Stage("qualifiedtobuy", "Qualified to buy", "0.4"),
        Stage("presentationscheduled", "Presentation scheduled", "0.6"),
        Stage("decisionmakerboughtin", "Decision maker bought-in", "0.8"),
        Stage("contractsent", "Contract sent", "0.9"),
        Stage("closedwon", "Closed won", "1.0"),
        Stage("closedlost", "Closed lost", "0.0"),
    ),
)
RENEWALS = Pipeline(
    "75102841",
    "Renewals and expansion",
    (
        Stage("143810001", "Upcoming", "0.2"),
        Stage("143810002", "In talks", "0.4"),
        Stage("143810003", "Offer sent", "0.6"),
        Stage("143810004", "Negotiation", "0.8"),
        Stage("143810005", "Renewed", "1.0"),
        Stage("143810006", "Churned", "0.0"),
    ),
)
PIPELINES: Mapping[str, Pipeline] = {pipeline.id: pipeline for pipeline in (NEW_BUSINESS, RENEWALS)}
STAGES: Mapping[str, tuple[Pipeline, Stage]] = {
    stage.id: (pipeline, stage) for pipeline in PIPELINES.values() for stage in pipeline.stages
}
# The sample company's stages, in no vendor's words, in each pipeline.
SAMPLE_STAGES: Mapping[str, Mapping[str, Stage]] = {
    pipeline.id: dict(
        zip(
            ("prospecting", "qualification", "proposal", "negotiation", "won", "lost"),
            (*pipeline.stages[:4], *pipeline.stages[-2:]),
            strict=True,
        )
    )
    for pipeline in PIPELINES.values()
}
