"""The mapping of the in-memory CRM: a field is called as the core calls it, a flag `kam_<flag>`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kamsync.flags import FLAGS
from kamsync.model import STREAMS, Column, CrmMapping, Kind, PlanMapping, Stream

KIND = "memory"
TASK_KEY = "kam_task_key"
NO_PLAN = PlanMapping()
FLAG_FIELDS: Mapping[str, str] = MappingProxyType({name: f"kam_{name}" for name in FLAGS})


def memory_mapping(fields: Mapping[str, Kind] = MappingProxyType({})) -> CrmMapping:
    """The standard fields, every flag, and the further account fields by name and kind."""
    columns = {stream: _columns(stream) for stream, record in STREAMS.items() if record.table}
    own = (Column(name, kind, name) for name, kind in fields.items())
    return CrmMapping(
        crm=KIND,
        columns={**columns, Stream.ACCOUNTS: (*columns[Stream.ACCOUNTS], *own)},
        flags=FLAG_FIELDS,
        task_key=TASK_KEY,
    )


def mapping_text(fields: Mapping[str, Kind] = MappingProxyType({}), *, plan: PlanMapping = NO_PLAN) -> str:
    """The same as the mapping file that an admin would have beside config.toml. `plan`: where people keep goals."""
    lines = [f'crm = "{KIND}"']
    for stream, record in ((one, record) for one, record in STREAMS.items() if record.table):
        lines += ["", f"[{record.table}]", *(f'{column.name} = "{column.name}"' for column in record.columns)]
        if stream is Stream.ACCOUNTS:
            lines += [f'{name} = {{ field = "{name}", type = "{kind}" }}' for name, kind in fields.items()]
    lines += ["", "[flags]", *(f'{flag} = "{name}"' for flag, name in FLAG_FIELDS.items())]
    lines += ["", "[plan]", *(f'{name} = "{field}"' for name, field in plan.texts.items())]
    lines += [f"account_plans = {str(plan.account_plans).lower()}"]
    return "\n".join([*lines, "", "[task]", f'key = "{TASK_KEY}"', ""])


def _columns(stream: Stream) -> tuple[Column, ...]:
    return tuple(Column(column.name, column.kind, column.name) for column in STREAMS[stream].columns)
