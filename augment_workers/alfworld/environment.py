"""One game in TextWorld. Imports TextWorld, so only the engine's processes import this."""

import functools
import importlib.util
import json
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import Any

from augment_workers.alfworld import downward
from augment_workers.alfworld.games import read_games
from augment_workers.alfworld.protocol import Observation, Start

_Z_MACHINE = "textworld.envs.zmachine.jericho"


def _load_textworld() -> None:
    """Makes TextWorld importable where its compiled dependencies are not installed."""
    if importlib.util.find_spec("fast_downward.interface") is None:
        downward.install()
    if importlib.util.find_spec("jericho") is None:
        # The interpreter of another sort of games, imported by TextWorld all the same.
        missing = ModuleType(_Z_MACHINE)
        missing.JerichoEnv = None  # type: ignore[attr-defined]
        sys.modules[_Z_MACHINE] = missing


_load_textworld()

from alfworld.agents.environment.alfred_tw_env import AlfredDemangler  # noqa: E402
from alfworld.info import ALFRED_PDDL_PATH, ALFRED_TWL2_PATH  # noqa: E402
from textworld.core import EnvInfos  # noqa: E402
from textworld.envs.pddl import PddlEnv, textgen  # noqa: E402
from textworld.logic import Rule  # noqa: E402


def _spare_work() -> None:
    """Makes a step in TextWorld take a tenth of its time, with the same outcome."""

    def parse_once(parse: Callable[..., Any]) -> Callable[..., Any]:
        kept = functools.lru_cache(maxsize=4096)(parse)
        # TextWorld writes into what it gets.
        return lambda *args, **kwargs: deepcopy(kept(*args, **kwargs))

    def copy_context(context: dict[str, Any]) -> dict[str, Any]:
        # Upstream also copies the entities in it, which nobody changes.
        copied = {name: dict(context[name]) for name in ("variables", "mapping")}
        return {**context, **copied}

    textgen._parse_and_convert = parse_once(textgen._parse_and_convert)
    textgen.copy_context = copy_context
    Rule.parse_conjunctive_query = functools.lru_cache(4096)(Rule.parse_conjunctive_query)


_spare_work()

_WELCOME = "-= Welcome to TextWorld, ALFRED! =-"
_GOAL = "UNKNOWN GOAL"


def warm_up() -> None:
    """Plays a little, so that processes forked from this one have everything parsed."""
    game = Game(read_games()[0].start())
    for command in game.observation.commands[:2]:
        game.act(command)


class Game:
    """A game under way.

    Args:
        start: Which game.

    Attributes:
        observation: What the player sees now.

    Raises:
        OSError: when the file of the game cannot be read.
        ValueError: when it is none.
    """

    def __init__(self, start: Start) -> None:
        infos = EnvInfos(won=True, admissible_commands=True, policy_commands=start.planned)
        self._environment = AlfredDemangler(PddlEnv(infos), shuffle=False)
        self._environment.load(_game_data(start))
        self._state = self._environment.reset()
        # One plan wins the whole game; TextWorld would make another after each step.
        infos.policy_commands = False
        self.observation = self._observe()

    def act(self, command: str) -> Observation:
        """Types a command; one that is not possible changes nothing."""
        self._state, _score, _done = self._environment.step(command)
        self.observation = self._observe()
        return self.observation

    def _observe(self) -> Observation:
        text = str(self._state.feedback).replace(_WELCOME, "")
        return Observation(
            text="\n".join(
                " ".join(line.split()) for line in text.splitlines() if line.strip()
            ),
            commands=list(self._state["admissible_commands"]),
            won=bool(self._state["won"]),
            plan=list(self._state.get("policy_commands") or ()),
        )


def _game_data(start: Start) -> dict[str, Any]:
    if start.file:
        try:
            data: dict[str, Any] = json.loads(Path(start.file).read_text())
        except ValueError as error:
            raise ValueError(f"{start.file} is no game of TextWorld: {error}") from None
        missing = {"pddl_domain", "grammar", "pddl_problem"} - data.keys()
        if missing:
            raise ValueError(f"{start.file} is no game: it lacks {', '.join(sorted(missing))}")
        return data
    return {
        "pddl_domain": Path(ALFRED_PDDL_PATH).read_text(),
        "grammar": Path(ALFRED_TWL2_PATH).read_text().replace(_GOAL, start.task),
        "pddl_problem": start.problem,
    }
