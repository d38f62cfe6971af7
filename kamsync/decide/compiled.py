"""A programme compiled once: its names, the SQL of every expression, its playbooks, what must be pulled, and its hash. Pure.

Whoever decides by a programme takes it in this form, so that no expression is parsed twice in a command, and none that is not
sound decides anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kamsync.decide.criteria import criteria_hash
from kamsync.decide.decided_names import DECIDED_NAMES
from kamsync.decide.expressions import Compiled, Role, compile_expression
from kamsync.decide.facts import CORE_ACCOUNT_NAMES, known_columns, remembered, streams_of, with_what_they_need
from kamsync.decide.kpis import FREE_FACTS, MEASURES
from kamsync.decide.place import Expression
from kamsync.decide.playbooks import Playbooks, compile_playbooks
from kamsync.decide.program import Criterion, Program, Seat
from kamsync.decide.scales import ScaleRefused
from kamsync.errors import ConfigError
from kamsync.model import Kind, Stream

# Account fields that every run reads; since when there is an account, days that are replayed ask.
ALWAYS_LOADED = frozenset(("id", "name", "owner_id", "parent_id", "currency", "created_date"))


@dataclass(frozen=True, slots=True)
class CompiledCriterion:
    """A criterion, its scale made for the kind that its value has, and its SQL.

    `beside`: what its scale reads beside the value. `since`: the date that its decay counts from.
    """

    criterion: Criterion
    value: Compiled
    beside: tuple[Compiled, ...]
    since: Compiled | None

    @property
    def parts(self) -> Iterator[Compiled]:
        """Everything that it reads."""
        yield self.value
        yield from self.beside
        if self.since is not None:
            yield self.since


@dataclass(frozen=True, slots=True)
class CompiledSeat:
    """The SQL of a seat's expressions: who could have it, in which order, and the date of the evidence."""

    when: Compiled
    rank: Compiled
    evidence: Compiled


@dataclass(frozen=True, slots=True)
class CompiledProgram:
    """`columns`: every name that an expression may read, with its kind. `rules`, `criteria`, `seats`: in the programme's
    order.

    `firing`: each playbook's `when` by its name. `names`: facts and account fields that deciding and its texts read.
    `facts`: those of them that are computed, what they are computed from, and the figures that are kept over time.
    """

    program: Program
    columns: Mapping[str, Kind]
    eligible: Compiled
    active: Compiled
    rules: tuple[Compiled, ...]
    criteria: tuple[CompiledCriterion, ...]
    playbooks: Playbooks
    firing: Mapping[str, Compiled]
    names: frozenset[str]
    facts: frozenset[str]
    hash: str
    seats: tuple[CompiledSeat, ...] = ()

    @property
    def streams(self) -> frozenset[Stream]:
        """The optional streams that a run must pull."""
        people = {Stream.CONTACTS}
        match self.program.contacts:
            case "always":
                return streams_of(self.facts) | people
            case "never":
                return streams_of(self.facts) - people
        return streams_of(self.facts)

    @property
    def account_fields(self) -> frozenset[str]:
        """The account's own fields that a run must pull; what is not among them is not loaded, and so not known."""
        return ALWAYS_LOADED | self.names & {*CORE_ACCOUNT_NAMES, *self.program.account_columns}


def compile_program(program: Program) -> CompiledProgram:
    """Compiles every expression and playbook. Raises ConfigError, with its place, on the first that is refused."""
    columns = known_columns(program.account_columns)
    eligible = compile_expression(program.eligible, columns, "condition")
    active = compile_expression(program.active, columns, "condition")
    criteria = tuple(_criterion(criterion, columns) for criterion in program.criteria)
    rules = tuple(compile_expression(rule.when, columns, "condition") for rule in program.rules)
    seats = tuple(_seat(seat, columns) for seat in program.seats)
    with_decided: dict[str, Kind] = {**columns, **DECIDED_NAMES}
    firing = {one.name: compile_expression(one.when, with_decided, "condition") for one in program.playbooks}
    playbooks = compile_playbooks(program, columns)
    parts = [eligible, active, *rules, *firing.values(), *(part for criterion in criteria for part in criterion.parts)]
    parts += [part for seat in seats for part in (seat.when, seat.rank, seat.evidence)]
    deciding: list[tuple[Expression, tuple[Compiled, ...]]] = [(program.eligible, (eligible,)), (program.active, (active,))]
    deciding += [(rule.when, (compiled,)) for rule, compiled in zip(program.rules, rules, strict=True)]
    deciding += [(one.criterion.value, tuple(one.parts)) for one in criteria]
    deciding += [(seat.when, (one.when, one.rank, one.evidence)) for seat, one in zip(program.seats, seats, strict=True)]
    _refuse_memory(deciding)
    if program.contacts == "never":
        _refuse_people([*deciding, *((one.when, (firing[one.name],)) for one in program.playbooks)])
    read = {name for part in parts for name in part.columns}
    for playbook in program.playbooks:
        read |= playbooks.facts_needed(playbook.name)
    read |= {MEASURES[goal.kpi].source for goal in program.goals.values()} & set(columns)
    needed = with_what_they_need(read)
    names = frozenset(read & set(columns) | needed)
    facts = needed | with_what_they_need(FREE_FACTS)
    hashed = criteria_hash(program)
    return CompiledProgram(program, columns, eligible, active, rules, criteria, playbooks, firing, names, facts, hashed, seats)


def _refuse_people(read: Sequence[tuple[Expression, tuple[Compiled, ...]]]) -> None:
    """Refuses what reads of people where the programme leaves them out: it would be unknown of every account."""
    for expression, parts in read:
        people = {name for part in parts for name in part.columns if Stream.CONTACTS in streams_of((name,))}
        if people:
            what = f'{sorted(people)[0]} is made of contacts, and [program] says contacts = "never"'
            raise _refused(expression, what, 'Set contacts = "auto", or read something else.')


def _refuse_memory(deciding: Sequence[tuple[Expression, tuple[Compiled, ...]]]) -> None:
    """Refuses what decides a tier by a fact that this program alone remembers: a deleted cache would change the decision."""
    for expression, parts in deciding:
        for name in remembered([name for part in parts for name in part.columns]):
            what = f"{name} is remembered by this program alone, and no tier may depend on a local memory"
            raise _refused(expression, what, "Read it in the `when` of a playbook, or take a fact that the CRM tells.")


def _seat(seat: Seat, columns: Mapping[str, Kind]) -> CompiledSeat:
    rank, evidence = compile_expression(seat.rank, columns), compile_expression(seat.evidence, columns)
    if rank.kind not in ("number", None):
        raise _refused(seat.rank, f"seats are taken by a number, and this is a {rank.kind}", "Name a fact that is a number.")
    if evidence.kind not in ("date", None):
        raise _refused(seat.evidence, f"evidence is a date, and this is a {evidence.kind}", "Name a date fact.")
    return CompiledSeat(compile_expression(seat.when, columns, "condition"), rank, evidence)


def _criterion(criterion: Criterion, columns: Mapping[str, Kind]) -> CompiledCriterion:
    scale = criterion.scale
    role: Role = "condition" if scale.key == "flag" else "value"
    value = compile_expression(criterion.value, columns, role)
    try:
        scale = scale.for_kind(value.kind)
    except ScaleRefused as refused:
        raise _refused(criterion.value, f"criterion {criterion.name!r}: {refused}", "Choose another scale or value.") from refused
    beside = tuple(compile_expression(expression, columns) for expression in scale.expressions())
    since = None
    if criterion.decay is not None:
        since = compile_expression(criterion.decay.since, columns)
        if since.kind in ("number", "boolean"):
            raise _refused(criterion.decay.since, f"decay counts from a date, and this is a {since.kind}", "Name a date fact.")
    return CompiledCriterion(replace(criterion, scale=scale), value, beside, since)


def _refused(expression: Expression, what: str, fix: str) -> ConfigError:
    place = f"{expression.place}: " if str(expression.place) else ""
    return ConfigError(f"{place}{what}\n    {expression.text}", fix=fix)
