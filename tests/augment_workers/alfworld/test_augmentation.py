import asyncio
import importlib.util
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from calls import ENDS, lose_its_caller
from listed_commands import listed_commands

from augment_workers.alfworld.augmentation import WON, Alfworld, describe
from augment_workers.alfworld.engine import Engine, Episode
from augment_workers.alfworld.games import read_games
from augment_workers.alfworld.protocol import Act, Observation, Start
from augment_workers.alfworld.searcher import Searcher
from augment_workers.base import AugmentationError
from augment_workers.registry import RegistryError, check_options
from augment_workers.runner import execute
from intercept_core.bus.messages import Accepted, Call, Progress, Result

MakeCall = Callable[..., Call]
TEST_GAMES = [game for game in read_games() if game.split == "test"]
GAME = TEST_GAMES[0].name


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Player:
    """One session of an augmentation."""

    def __init__(self, alfworld: Alfworld, make_call: MakeCall, session_id: str = "s") -> None:
        self._alfworld = alfworld
        self._make_call = make_call
        self._session_id = session_id

    async def do(self, action: str, **arguments: Any) -> str:
        call = self._make_call(
            session_id=self._session_id, arguments={"action": action, **arguments}
        )
        *_, last = [event async for event in self._alfworld.run(call)]
        assert isinstance(last, Result)
        return last.text


@pytest.fixture
async def alfworld(engine: Engine) -> AsyncIterator[Alfworld]:
    made = Alfworld(engine=engine)
    yield made
    await made.close()


@pytest.fixture
def player(alfworld: Alfworld, make_call: MakeCall) -> Player:
    return Player(alfworld, make_call)


def games_of(engine: Engine) -> set[int]:
    """The processes of the games that are being played."""
    return {child.pid for child in psutil.Process(engine.pid).children()}


def signal_all(pids: set[int], number: signal.Signals) -> None:
    """Signals those that still live."""
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).send_signal(number)


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not done():
            await asyncio.sleep(0.01)


async def test_a_game_is_played_to_its_end(engine: Engine, player: Player) -> None:
    before = games_of(engine)
    text = await player.do("start", game=GAME)
    assert text.startswith("You are in the middle of a room.")
    assert f"\nYour task is to: {TEST_GAMES[0].task}.\nYou can: go to " in text
    searcher = Searcher(text)
    while not text.endswith(WON):
        command = searcher.move().command
        assert command in listed_commands(text)
        text = await player.do(command)
        searcher.observe(text)
    await until(lambda: games_of(engine) <= before)
    with pytest.raises(AugmentationError, match=r"No game is under way. Begin one with"):
        await player.do("look")


async def test_the_host_sees_progress_while_a_game_is_made(
    alfworld: Alfworld, make_call: MakeCall
) -> None:
    call = make_call(kind="alfworld", arguments={"action": "start"})
    events = [e async for e in execute(alfworld, call, worker="w", result_limit_chars=4000)]
    accepted, progress, result = events
    assert isinstance(accepted, Accepted) and isinstance(result, Result)
    assert isinstance(progress, Progress) and progress.eta_s is not None


async def test_a_command_that_is_not_possible_changes_nothing(player: Player) -> None:
    first = await player.do("start", game=GAME)
    for action in ("take the moon", "go to nowhere 7", "start over", "'; rm -rf /"):
        answer = await player.do(action)
        assert answer.startswith("Nothing happens.\n")
        assert listed_commands(answer) == listed_commands(first)


async def test_commands_are_read_with_tolerance(player: Player) -> None:
    first = await player.do(" Start ", game=GAME)
    command = listed_commands(first)[0]
    answer = await player.do(f"  {command.upper().replace(' ', '  ')}\n")
    assert answer.startswith(f"You arrive at {command.removeprefix('go to ')}.")


async def test_commands_that_are_not_listed_work(player: Player) -> None:
    assert "inventory" not in await player.do("start", game=GAME)
    assert (await player.do("inventory")).startswith("You are not carrying anything.\n")


async def test_sessions_have_games_of_their_own(
    alfworld: Alfworld, make_call: MakeCall
) -> None:
    ann, bob = (Player(alfworld, make_call, name) for name in ("ann", "bob"))
    start = await ann.do("start", game=GAME)
    await bob.do("start", game=GAME)
    there = listed_commands(start)[0]
    await ann.do(there)
    assert there not in listed_commands(await ann.do("look"))
    assert there in listed_commands(await bob.do("look"))


async def test_seed_and_session_decide_which_game_comes(
    engine: Engine, make_call: MakeCall
) -> None:
    async def starts(seed: int, session_id: str) -> list[str]:
        alfworld = Alfworld(engine=engine, seed=seed)
        player = Player(alfworld, make_call, session_id)
        texts = [await player.do("start") for _ in range(2)]
        await alfworld.close()
        return texts

    once = await starts(0, "ann")
    assert once == await starts(0, "ann")
    assert once[0] != once[1]
    assert once[0] not in (*await starts(1, "ann"), *await starts(0, "bob"))


async def test_unknown_games_are_refused(player: Player) -> None:
    with pytest.raises(AugmentationError, match=f"no game {GAME[:-1]}. There are .*{GAME}"):
        await player.do("start", game=GAME[:-1])


async def test_a_second_call_of_a_session_does_not_disturb_the_first(
    alfworld: Alfworld, make_call: MakeCall
) -> None:
    player = Player(alfworld, make_call)
    first, second = await asyncio.gather(
        player.do("start"), player.do("look"), return_exceptions=True
    )
    assert "Your task is to" in str(first)
    assert str(second) == "The last action of this game is still under way."


async def test_idle_games_end_at_the_next_call_of_anyone(
    engine: Engine, make_call: MakeCall
) -> None:
    clock = Clock()
    before = games_of(engine)
    alfworld = Alfworld(engine=engine, idle_s=60.0, clock=clock)
    ann, bob = (Player(alfworld, make_call, name) for name in ("ann", "bob"))
    await ann.do("start")
    clock.now_s = 59.0
    await ann.do("look")
    await bob.do("start")
    clock.now_s = 118.0
    await bob.do("look")
    assert len(games_of(engine) - before) == 2
    clock.now_s = 121.0
    await bob.do("look")
    await until(lambda: len(games_of(engine) - before) == 1)
    with pytest.raises(AugmentationError, match="No game is under way"):
        await ann.do("look")
    await alfworld.close()
    await until(lambda: games_of(engine) <= before)


async def test_idle_games_end_by_themselves(engine: Engine, make_call: MakeCall) -> None:
    before = games_of(engine)
    alfworld = Alfworld(engine=engine, idle_s=0.5, clock=Clock())
    player = Player(alfworld, make_call)
    await player.do("start")
    await until(lambda: games_of(engine) <= before)
    with pytest.raises(AugmentationError, match=r"nobody played for 0.5 s. Begin one with"):
        await player.do("look")
    await alfworld.close()


async def test_at_the_cap_the_game_that_rests_longest_ends(
    engine: Engine, make_call: MakeCall
) -> None:
    alfworld = Alfworld(engine=engine, max_games=2)
    ann, bob, eve = (Player(alfworld, make_call, name) for name in ("ann", "bob", "eve"))
    await ann.do("start")
    await bob.do("start")
    await ann.do("look")
    await eve.do("start")
    await ann.do("look")
    with pytest.raises(AugmentationError, match="No game is under way"):
        await bob.do("look")
    await alfworld.close()


async def test_at_the_cap_games_at_work_are_spared(engine: Engine, make_call: MakeCall) -> None:
    alfworld = Alfworld(engine=engine, max_games=1)
    ann, bob = (Player(alfworld, make_call, name) for name in ("ann", "bob"))
    started, refused = await asyncio.gather(
        ann.do("start"), bob.do("start"), return_exceptions=True
    )
    assert isinstance(started, str)
    assert isinstance(refused, AugmentationError) and refused.retryable
    assert str(refused).startswith("All 1 games are being played")
    await alfworld.close()


async def test_a_crash_in_the_middle_of_a_game_is_told(engine: Engine, player: Player) -> None:
    before = games_of(engine)
    await player.do("start")
    (pid,) = games_of(engine) - before
    psutil.Process(pid).kill()
    with pytest.raises(AugmentationError, match=r"ended unexpectedly. Begin one with"):
        await player.do("look")
    assert "Your task" in await player.do("start")


async def test_the_loss_of_the_parent_of_all_games_spares_them(
    engine: Engine, alfworld: Alfworld, make_call: MakeCall
) -> None:
    ann, bob = (Player(alfworld, make_call, name) for name in ("ann", "bob"))
    await ann.do("start")
    psutil.Process(engine.pid).kill()
    assert "Your task" in await bob.do("start")
    assert "You can: " in await ann.do("look")


@pytest.mark.parametrize("action", ["start", "look"])
async def test_cancellation_leaves_no_process(
    engine: Engine, alfworld: Alfworld, make_call: MakeCall, action: str
) -> None:
    before = games_of(engine)
    player = Player(alfworld, make_call)
    if action != "start":
        await player.do("start")
        signal_all(games_of(engine) - before, signal.SIGSTOP)
    work = asyncio.ensure_future(player.do(action))
    await asyncio.sleep(0)  # Now it waits for the game.
    await until(lambda: len(games_of(engine) - before) == 1)
    pids = games_of(engine) - before
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    signal_all(pids, signal.SIGCONT)
    await until(lambda: games_of(engine) <= before)
    with pytest.raises(AugmentationError, match="No game is under way"):
        await player.do("look")


@pytest.mark.parametrize("end", ENDS)
async def test_without_a_caller_no_process_is_left(
    engine: Engine,
    alfworld: Alfworld,
    make_call: MakeCall,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
) -> None:
    before = games_of(engine)
    ask = Episode.ask
    is_asked = asyncio.Event()

    async def ask_a_stopped_one(episode: Episode, message: Start | Act) -> Observation:
        await until(lambda: bool(games_of(engine) - before))
        # before it hears anything that it could answer
        signal_all(games_of(engine) - before, signal.SIGSTOP)
        is_asked.set()
        return await ask(episode, message)

    monkeypatch.setattr(Episode, "ask", ask_a_stopped_one)
    call = make_call(kind="alfworld", arguments={"action": "start"})
    await lose_its_caller(alfworld, call, end, is_asked.is_set)
    signal_all(games_of(engine) - before, signal.SIGCONT)
    await until(lambda: games_of(engine) <= before)


def test_each_call_may_have_an_event_loop_of_its_own(
    engine: Engine, make_call: MakeCall
) -> None:
    alfworld = Alfworld(engine=engine)
    player = Player(alfworld, make_call)
    assert "Your task" in asyncio.run(player.do("start"))
    assert "You can: " in asyncio.run(player.do("look"))
    asyncio.run(alfworld.close())


async def test_games_of_a_data_folder(
    engine: Engine, make_call: MakeCall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALFWORLD_DATA", str(tmp_path))
    name = "json_2.1.1/valid_unseen/look_at_obj/trial_1"
    folder = tmp_path / name
    folder.mkdir(parents=True)
    (folder / "game.tw-pddl").write_text(json.dumps(_as_alfworld_writes_it(0)))
    alfworld = Alfworld(engine=engine, split="valid_unseen")
    player = Player(alfworld, make_call)
    start = await player.do("start")
    assert TEST_GAMES[0].task in start
    assert start == await player.do("start", game=name)
    await alfworld.close()


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "is no game of TextWorld"), ('{"grammar": ""}', "lacks pddl_domain, pddl_problem")],
)
async def test_a_file_that_is_no_game(
    engine: Engine, make_call: MakeCall, tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "game.tw-pddl").write_text(content)
    alfworld = Alfworld(tmp_path, engine=engine)
    with pytest.raises(AugmentationError, match=message):
        await Player(alfworld, make_call).do("start")
    await alfworld.close()


def test_folders_without_games_are_refused(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"data: .* holds no file game.tw-pddl; give the"):
        Alfworld(tmp_path / "missing", engine=engine)
    (tmp_path / "train" / "one").mkdir(parents=True)
    (tmp_path / "train" / "one" / "game.tw-pddl").touch()
    with pytest.raises(ValueError, match="no folder 'test' with games in it; there are: train"):
        Alfworld(tmp_path, split="test", engine=engine)
    with pytest.raises(ValueError, match=r"'valid' is no split .* train and test"):
        Alfworld(split="valid", engine=engine)


async def test_an_interpreter_without_textworld_says_so(
    make_call: MakeCall, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@" 2>/dev/null\n')
    python.chmod(0o755)
    alfworld = Alfworld(python=python)
    with pytest.raises(AugmentationError, match=r"TextWorld cannot be loaded by .*; install"):
        await Player(alfworld, make_call).do("start")
    await alfworld.close()


def test_options() -> None:
    assert check_options("alfworld", {"data": "/data", "idle_s": 5}) == {
        "data": Path("/data"),
        "idle_s": 5.0,
    }
    with pytest.raises(RegistryError, match="no option dta; there are: data, split, seed"):
        check_options("alfworld", {"dta": "/data"})


def test_long_lists_are_cut() -> None:
    places = [f"go to shelf {number}" for number in range(30)]
    seen = Observation(text="A room.", commands=[*places, "help", "open shelf 1"])
    text = describe(seen, max_commands=3)
    assert text == "A room.\nYou can: open shelf 1, go to shelf 0, go to shelf 1 and 28 more."
    assert listed_commands(text) == ["open shelf 1", "go to shelf 0", "go to shelf 1"]


def _as_alfworld_writes_it(number: int) -> dict[str, Any]:
    found = importlib.util.find_spec("alfworld")  # not imported: that takes long
    assert found is not None
    folder = Path(found.origin or "").parent / "data"
    game = TEST_GAMES[number]
    grammar = (folder / "alfred.twl2").read_text()
    return {
        "pddl_domain": (folder / "alfred.pddl").read_text(),
        "grammar": grammar.replace("UNKNOWN GOAL", game.task),
        "pddl_problem": game.problem,
        "solvable": True,
    }
