"""Planning tasks in the SAS+ format of Fast Downward's translator, and how states change."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

State = frozenset[int]
"""The numbers of the facts that hold: one for each variable."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What an operator makes true, if ``conditions`` held before."""

    conditions: State
    fact: int


@dataclass(frozen=True, slots=True)
class Operator:
    """A grounded action.

    Attributes:
        id: Its place among the operators of the task.
        name: The action and its arguments, parted by spaces.
    """

    id: int
    name: str
    preconditions: State
    effects: tuple[Effect, ...]
    cost: int

    def fired(self, state: State) -> list[int]:
        """The facts that applying this operator in ``state`` makes true."""
        return [effect.fact for effect in self.effects if effect.conditions <= state]


@dataclass(frozen=True, slots=True)
class Axiom:
    """A rule that derives ``fact`` from ``conditions``."""

    conditions: State
    fact: int
    layer: int


class Task:
    """A planning task; states are values, and the task itself never changes.

    Args:
        text: The translator's output (file format version 3).

    Attributes:
        names: Name of each fact, by its number.
        initial: The first state.
        goal: Facts that hold when the task is done.
        operators: All operators.
        axioms: The rules by which derived facts follow from others, lowest layer first.

    Raises:
        ValueError: when the text is of another version.
    """

    def __init__(self, text: str) -> None:
        reader = _Reader(text)
        reader.expect_version(3)
        self.names: list[str] = []
        self._siblings: list[State] = []
        first: list[int] = []
        layers: list[int] = []
        reader.skip_section()  # metric
        for _ in range(reader.number()):
            layer, names = reader.variable()
            first.append(len(self.names))
            layers.append(layer)
            facts = frozenset(range(len(self.names), len(self.names) + len(names)))
            self._siblings += [facts] * len(names)
            self.names += names
        for _ in range(reader.number()):
            reader.skip_section()  # mutex groups
        values = [int(line) for line in reader.section()]
        start = [first[variable] + value for variable, value in enumerate(values)]
        self.goal: State = frozenset(
            first[variable] + value for variable, value in map(_pair, reader.section()[1:])
        )
        self.operators = tuple(
            _operator(number, reader.section(), first) for number in range(reader.number())
        )
        self.axioms = tuple(
            sorted(
                (_axiom(reader.section(), first, layers) for _ in range(reader.number())),
                key=lambda axiom: axiom.layer,
            )
        )
        self._underived = frozenset(
            start[variable] for variable, layer in enumerate(layers) if layer >= 0
        )
        self._derived = frozenset[int]().union(*(self._siblings[f] for f in self._underived))
        self._watchers = self._index(self.operators)
        self.initial: State = self._with_derived(frozenset(start))

    def applicable(self, state: State) -> list[Operator]:
        """The operators that can be applied, in the task's order."""
        candidates = [self._watchers[-1]]
        candidates += [self._watchers[fact] for fact in state if fact in self._watchers]
        found = [op for some in candidates for op in some if op.preconditions <= state]
        return sorted(found, key=lambda operator: operator.id)

    def successor(self, state: State, operator: Operator) -> State:
        """The state after ``operator``, which must be applicable."""
        changed = operator.fired(state)
        return self._with_derived(self._assign(state, changed))

    def is_goal(self, state: State) -> bool:
        """Whether the task is done."""
        return self.goal <= state

    def _assign(self, state: State, facts: Iterable[int]) -> State:
        facts = frozenset(facts)
        gone = frozenset[int]().union(*(self._siblings[fact] for fact in facts))
        return (state - gone) | facts

    def _with_derived(self, state: State) -> State:
        """``state`` with the derived facts that follow from the others."""
        if not self.axioms:
            return state
        state = (state - self._derived) | self._underived
        for layer in sorted({axiom.layer for axiom in self.axioms}):
            rules = [axiom for axiom in self.axioms if axiom.layer == layer]
            while new := [
                rule.fact
                for rule in rules
                if rule.fact not in state and rule.conditions <= state
            ]:
                state = self._assign(state, new)
        return state

    @staticmethod
    def _index(operators: Iterable[Operator]) -> dict[int, list[Operator]]:
        """Each operator under its rarest precondition, or under -1 if it has none."""
        operators = list(operators)
        uses: dict[int, int] = defaultdict(int)
        for operator in operators:
            for fact in operator.preconditions:
                uses[fact] += 1
        index: dict[int, list[Operator]] = defaultdict(list)
        index[-1] = []
        for operator in operators:
            rarest = min(
                operator.preconditions, key=lambda fact: (uses[fact], fact), default=-1
            )
            index[rarest].append(operator)
        return dict(index)


class _Reader:
    """The lines of a task, section by section."""

    def __init__(self, text: str) -> None:
        self._lines: Iterator[str] = iter(text.splitlines())

    def number(self) -> int:
        return int(next(self._lines))

    def section(self) -> list[str]:
        """The lines between a ``begin_`` line and its ``end_`` line."""
        next(self._lines)
        return list(iter(lambda: self._unless_end(next(self._lines)), None))

    def skip_section(self) -> None:
        self.section()

    def expect_version(self, version: int) -> None:
        found = self.section()
        if found != [str(version)]:
            raise ValueError(f"SAS+ version {' '.join(found)}: only version {version} is read")

    def variable(self) -> tuple[int, list[str]]:
        """The axiom layer (-1 for none) and the names of its values."""
        _name, layer, _count, *names = self.section()
        return int(layer), names

    @staticmethod
    def _unless_end(line: str) -> str | None:
        return None if line.startswith("end_") else line


def _pair(line: str) -> tuple[int, int]:
    variable, value = line.split()
    return int(variable), int(value)


def _operator(number: int, lines: list[str], first: list[int]) -> Operator:
    rest = iter(lines[1:])
    preconditions = set()
    for _ in range(int(next(rest))):
        variable, value = _pair(next(rest))
        preconditions.add(first[variable] + value)
    effects = []
    for _ in range(int(next(rest))):
        _count, *numbers = map(int, next(rest).split())
        *pairs, variable, before, after = numbers
        conditions = frozenset(
            first[v] + value for v, value in zip(pairs[::2], pairs[1::2], strict=True)
        )
        effects.append(Effect(conditions, first[variable] + after))
        if before >= 0:
            preconditions.add(first[variable] + before)
    return Operator(number, lines[0], frozenset(preconditions), tuple(effects), int(next(rest)))


def _axiom(lines: list[str], first: list[int], layers: list[int]) -> Axiom:
    *pairs, head = lines[1:]
    variable, _before, after = map(int, head.split())
    conditions = frozenset(first[v] + value for v, value in map(_pair, pairs))
    return Axiom(conditions, first[variable] + after, layers[variable])
