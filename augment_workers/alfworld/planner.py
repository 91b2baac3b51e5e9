"""Finds plans: weighted A* with the FF heuristic (Hoffmann and Nebel, 2001)."""

import heapq
import itertools
import time
from collections import defaultdict

from augment_workers.alfworld.sas import Axiom, Operator, State, Task

GREED = 2
"""How much the estimate counts beside the cost so far: plans cost up to this much more."""


class Planner:
    """Plans for the states of one task."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._estimate = _RelaxedPlan(task)

    def plan(self, state: State, timeout_s: float = 30.0) -> list[Operator] | None:
        """The operators that lead from ``state`` to the goal; None when nothing does.

        Raises:
            TimeoutError: when the search takes longer.
        """
        due_s = time.monotonic() + timeout_s
        order = itertools.count()
        came: dict[State, tuple[State, Operator] | None] = {state: None}
        costs = {state: 0}
        open_states = [(0, next(order), 0, state)]
        while open_states:
            _, _, cost, here = heapq.heappop(open_states)
            if cost > costs[here]:
                continue
            if self._task.is_goal(here):
                return _path(came, here)
            if time.monotonic() > due_s:
                raise TimeoutError(f"no plan within {timeout_s:g} s")
            for operator in self._task.applicable(here):
                there = self._task.successor(here, operator)
                # Looking around costs nothing and must not be for nothing.
                new_cost = cost + max(1, operator.cost)
                if new_cost >= costs.get(there, new_cost + 1):
                    continue
                estimate = self._estimate(there)
                if estimate is None:
                    continue
                costs[there], came[there] = new_cost, (here, operator)
                key = new_cost + GREED * estimate
                heapq.heappush(open_states, (key, next(order), new_cost, there))
        return None


def _path(came: dict[State, tuple[State, Operator] | None], state: State) -> list[Operator]:
    operators = []
    while (step := came[state]) is not None:
        state, operator = step
        operators.append(operator)
    return operators[::-1]


class _RelaxedPlan:
    """The cost of a plan if nothing that became true ever became false."""

    def __init__(self, task: Task) -> None:
        self._goal = task.goal
        # Each effect by itself: the conditions it needs, the fact it adds, what that costs.
        self._rules: list[tuple[State, int, int]] = []
        for operator in task.operators:
            for effect in operator.effects:
                conditions = operator.preconditions | effect.conditions
                if effect.fact not in conditions:
                    self._rules.append((conditions, effect.fact, max(1, operator.cost)))
        self._rules += [_derivation(axiom) for axiom in task.axioms]
        self._users: dict[int, list[int]] = defaultdict(list)
        for number, (conditions, _, _) in enumerate(self._rules):
            for fact in conditions:
                self._users[fact].append(number)
        self._free = [number for number, rule in enumerate(self._rules) if not rule[0]]

    def __call__(self, state: State) -> int | None:
        """The estimate for ``state``; None when the goal cannot be reached from it."""
        costs = dict.fromkeys(state, 0)
        missing = [len(conditions) for conditions, _, _ in self._rules]
        spent = [cost for _, _, cost in self._rules]
        supporter: dict[int, int] = {}
        queue = [(0, fact) for fact in state]
        unmet = len(self._goal)

        def reach(number: int) -> None:
            fact = self._rules[number][1]
            if spent[number] < costs.get(fact, spent[number] + 1):
                costs[fact], supporter[fact] = spent[number], number
                heapq.heappush(queue, (spent[number], fact))

        for number in self._free:
            reach(number)
        while queue and unmet:
            cost, fact = heapq.heappop(queue)
            if cost > costs[fact]:
                continue
            unmet -= fact in self._goal
            for number in self._users[fact]:
                missing[number] -= 1
                spent[number] += cost
                if not missing[number]:
                    reach(number)
        return None if unmet else self._cost_of_supporters(supporter)

    def _cost_of_supporters(self, supporter: dict[int, int]) -> int:
        chosen: set[int] = set()
        facts = list(self._goal)
        while facts:
            number = supporter.get(facts.pop())
            if number is not None and number not in chosen:
                chosen.add(number)
                facts += self._rules[number][0]
        return sum(self._rules[number][2] for number in chosen)


def _derivation(axiom: Axiom) -> tuple[State, int, int]:
    return axiom.conditions, axiom.fact, 0
