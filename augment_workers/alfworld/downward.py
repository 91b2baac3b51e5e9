"""What TextWorld takes from the package ``fast_downward``, without its compiled library.

TextWorld plays PDDL games with a build of Fast Downward that exists as source code alone:
a compiler would have to be there, and some minutes. The translator of Fast Downward comes
as a package of plain Python; with :mod:`augment_workers.alfworld.sas` in place of the rest,
:func:`install` completes it to the interface that TextWorld expects.
"""

import contextlib
import ctypes
import functools
import importlib
import io
from collections.abc import Iterator
from typing import Any

from augment_workers.alfworld.planner import Planner
from augment_workers.alfworld.sas import Operator, State, Task

# Nothing that a player could do or see is simplified away; invariants only cost time.
_TRANSLATOR_OPTIONS = (
    *("--invariant-generation-max-candidates", "0"),
    "--full-encoding",
    "--keep-unreachable-facts",
    "--skip-variable-reordering",
    "--keep-unimportant-variables",
    *("domain", "problem"),
)


class AtomRecord(ctypes.Structure):
    """A fact, laid out as TextWorld allocates it."""

    _fields_ = (("_name", ctypes.c_char * 1024),)

    @property
    def name(self) -> str:
        """The translator's name, such as ``Atom opened(fridge)``."""
        return bytes(self._name).decode()


class OperatorRecord(ctypes.Structure):
    """An operator, laid out as TextWorld allocates it."""

    _fields_ = (
        ("id", ctypes.c_int),
        ("_name", ctypes.c_char * 1024),
        ("nb_effect_atoms", ctypes.c_int),
    )

    @property
    def name(self) -> str:
        """The action and its arguments."""
        return bytes(self._name).decode()


class Library:
    """The functions of the compiled library by their names there; one task, one state."""

    def __init__(self) -> None:
        self._plan: list[Operator] = []

    def load_sas(self, sas: bytes) -> None:
        """Begins anew with this task."""
        self._task = _task(sas.decode())
        self._planner = _planner(self._task)
        self._state: State = self._task.initial

    def load_sas_replan(self, sas: bytes) -> None:
        """Nothing: the planner works on the task that is played."""

    def get_state_size(self) -> int:
        """Number of facts that hold."""
        return len(self._state)

    def get_state(self, records: Any) -> None:
        """Writes the facts that hold."""
        for record, fact in zip(records, sorted(self._state), strict=True):
            record._name = self._task.names[fact].encode()

    def get_applicable_operators_count(self) -> int:
        """Number of operators that can be applied."""
        return len(self._task.applicable(self._state))

    def get_applicable_operators(self, records: Any) -> None:
        """Writes the operators that can be applied."""
        self._write(records, self._task.applicable(self._state))

    def apply_operator(self, number: int, records: Any) -> int:
        """Applies an operator and writes what it makes true."""
        operator = self._task.operators[number]
        fired = operator.fired(self._state)
        for record, fact in zip(records, fired, strict=True):
            record._name = self._task.names[fact].encode()
        self._state = self._task.successor(self._state, operator)
        return len(fired)

    def check_goal(self) -> bool:
        """Whether the game is won."""
        return self._task.is_goal(self._state)

    def replan(self, _verbose: bool) -> bool:
        """Looks for a way to win from here."""
        self._plan = self._planner.plan(self._state) or []
        return bool(self._plan)

    def get_last_plan_length(self) -> int:
        """Length of the plan that was found last."""
        return len(self._plan)

    def get_last_plan(self, records: Any) -> None:
        """Writes the plan that was found last."""
        self._write(records, self._plan)

    def _write(self, records: Any, operators: list[Operator]) -> None:
        for record, operator in zip(records, operators, strict=True):
            record.id = operator.id
            record._name = operator.name.encode()
            record.nb_effect_atoms = len(operator.fired(self._state))


def install() -> None:
    """Completes the translator's package, which TextWorld must not have imported yet."""
    package: Any = importlib.import_module("fast_downward")
    # TextWorld reaches for these as attributes.
    for module in ("translate", "translate.pddl", "translate.pddl.f_expression"):
        importlib.import_module(f"fast_downward.{module}")
    package.Atom = AtomRecord
    package.Operator = OperatorRecord
    package.load_lib = Library
    package.close_lib = lambda library: None
    package.pddl2sas = pddl2sas


@functools.lru_cache(maxsize=4)  # TextWorld translates one game four times.
def _translate(domain: str, problem: str) -> tuple[Any, str]:
    from fast_downward.translate import main, normalize, options
    from fast_downward.translate.pddl_parser import lisp_parser, parsing_functions

    options.set_options(_TRANSLATOR_OPTIONS)
    parsed_domain = lisp_parser.parse_nested_list(domain.split("\n"))
    parsed_problem = lisp_parser.parse_nested_list(problem.split("\n"))
    _declare_constants(parsed_domain, parsed_problem)
    with contextlib.redirect_stdout(io.StringIO()):
        task = parsing_functions.parse_task(parsed_domain, parsed_problem)
        normalize.normalize(task)
        output = io.StringIO()
        main.pddl_to_sas(task).output(output)
    return task, output.getvalue()


def pddl2sas(
    domain: str, problem: str, verbose: bool = False, optimize: bool = False
) -> tuple[Any, str]:
    """Translates a game; both flags are for the compiled library."""
    return _translate(domain, problem)


@functools.lru_cache(maxsize=1)
def _task(sas: str) -> Task:
    return Task(sas)


@functools.lru_cache(maxsize=1)
def _planner(task: Task) -> Planner:
    return Planner(task)


def _declare_constants(domain: list[Any], problem: list[Any]) -> None:
    """Moves the objects of the problem to the constants of the domain, in place.

    ALFRED's domain names objects that only a problem declares, or no one at all where a
    game has no sink; Fast Downward has become too strict for either.
    """
    (objects,) = (part for part in problem if part[0] == ":objects")
    argument_types = {
        name: [kind for _, dash, kind in zip(*[iter(arguments)] * 3, strict=True)]
        for part in domain
        if part[0] == ":predicates"
        for name, *arguments in part[1:]
        if "-" in arguments
    }
    undeclared = {
        argument: kind
        for literal in _literals(domain, argument_types)
        for argument, kind in zip(literal[1:], argument_types[literal[0]], strict=True)
        if not argument.startswith("?") and argument not in objects
    }
    constants = [":constants", *objects[1:]]
    for name, kind in undeclared.items():
        constants += [name, "-", kind]
    objects[1:] = []
    before = next(i for i, part in enumerate(domain) if part[0] == ":predicates")
    domain.insert(before, constants)


def _literals(node: Any, predicates: dict[str, list[str]]) -> Iterator[list[str]]:
    if not isinstance(node, list) or not node or node[0] == ":predicates":
        return
    if node[0] in predicates and all(isinstance(part, str) for part in node):
        yield node
    for part in node:
        yield from _literals(part, predicates)
