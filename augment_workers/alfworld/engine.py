"""The augmentation's end of the processes in which games are played."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path

from augment_workers.alfworld.protocol import (
    Act,
    Fault,
    Message,
    Observation,
    Start,
    decode,
    encode,
)

STOP_TIMEOUT_S = 5.0
_PROJECT = Path(__file__).parents[2]
_RECEIVE_BYTES = 1 << 16


class EngineError(Exception):
    """A game that cannot go on; its process has ended or will."""


class Episode:
    """One game, in a process that lives as long as this object is open.

    Works from any event loop, also from a new one for each call.
    """

    def __init__(self, leash: socket.socket) -> None:
        leash.setblocking(False)
        self._leash = leash
        self._received = b""

    async def ask(self, message: Start | Act) -> Observation:
        """Sends ``message`` and waits for what the player sees then.

        When this is cancelled, the game cannot go on: close it.

        Raises:
            EngineError: when the game cannot go on, and why.
        """
        loop = asyncio.get_running_loop()
        # One that has ended takes nothing; what it said last is still to be read.
        with contextlib.suppress(OSError):
            await loop.sock_sendall(self._leash, encode(message))
        try:
            answer = await self._receive()
        except OSError as error:
            raise EngineError("its process ended unexpectedly") from error
        if isinstance(answer, Observation):
            return answer
        raise EngineError(answer.reason if isinstance(answer, Fault) else f"it said {answer}")

    def close(self) -> None:
        """Ends the game's process, whatever it is doing."""
        self._leash.close()

    async def _receive(self) -> Message:
        loop = asyncio.get_running_loop()
        while b"\n" not in self._received:
            data = await loop.sock_recv(self._leash, _RECEIVE_BYTES)
            if not data:
                raise ConnectionResetError("end of stream")
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        return decode(line)


class Engine:
    """Starts games, each in a process of its own.

    Args:
        python: An interpreter that can import TextWorld and ALFWorld; this one if None.

    Raises:
        OSError: when the interpreter cannot be run.
    """

    def __init__(self, python: Path | None = None) -> None:
        self._python = str(python or sys.executable)
        self._launch()

    async def begin(self, start: Start) -> tuple[Episode, Observation]:
        """A new game and what its player sees first.

        Raises:
            EngineError: when it cannot begin, and why.
        """
        try:
            return await self._begin(start)
        except EngineError:
            if self._is_there():
                raise
        # The process was killed: by the operator, or for want of memory.
        self._stop()
        self._launch()
        return await self._begin(start)

    def close(self) -> None:
        """Ends the process from which games are forked; open games go on."""
        self._stop()

    @property
    def pid(self) -> int:
        """The process from which games are forked."""
        return self._process.pid

    def _launch(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [self._python, "-m", "augment_workers.alfworld.host"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,  # TextWorld prints what nobody asked for.
                env=_environment(),
            )
        self._control = ours
        self._stop = weakref.finalize(self, _stop, self._process, ours)

    def _is_there(self) -> bool:
        """Whether the other end of the control socket is open; it never says anything."""
        try:
            return bool(self._control.recv(1, socket.MSG_DONTWAIT))
        except BlockingIOError:
            return True
        except OSError:
            return False

    async def _begin(self, start: Start) -> tuple[Episode, Observation]:
        ours, theirs = socket.socketpair()
        episode = Episode(ours)
        try:
            with theirs:
                socket.send_fds(self._control, [b"\0"], [theirs.fileno()])
            return episode, await episode.ask(start)
        except OSError as error:
            episode.close()
            raise EngineError(f"it cannot begin: {error}") from error
        except BaseException:
            episode.close()
            raise


def _stop(process: subprocess.Popen[bytes], control: socket.socket) -> None:
    control.close()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, (str(_PROJECT), os.environ.get("PYTHONPATH"))))
    return {
        # The package makes this folder, by default in the home directory.
        "ALFWORLD_DATA": tempfile.gettempdir(),
        **os.environ,
        "PYTHONPATH": path,
        "PYTHONWARNINGS": "ignore",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
