"""The process that games are forked from: TextWorld loads once, and every game has its own.

Run by :class:`~augment_workers.alfworld.engine.Engine` as ``python -m``. Standard input is
a socket, on which come the sockets of new games. A game's socket is its leash: its process
ends as soon as the other end is closed, for whatever reason, in the middle of anything.
"""

import gc
import os
import queue
import select
import signal
import socket
import sys
import threading
import time
import traceback
from typing import NoReturn

from augment_workers.alfworld.protocol import Act, Fault, Start, decode, encode

_RECEIVE_BYTES = 1 << 16


def main() -> None:
    """Forks a process for each socket that comes, until the engine closes its end."""
    control = socket.socket(fileno=0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends us.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # Nobody waits for the games.
    fault = _load()
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not data:
            return
        with socket.socket(fileno=descriptors[0]) as leash:
            if fault is not None:
                leash.sendall(encode(fault))
            elif os.fork() == 0:
                control.close()
                _play(leash)


def _load() -> Fault | None:
    """Loads TextWorld; says why that is not possible, if so."""
    try:
        from augment_workers.alfworld.environment import warm_up

        warm_up()
    except Exception as error:
        traceback.print_exc()
        return Fault(
            reason=f"TextWorld cannot be loaded by {sys.executable}:"
            f" {type(error).__name__}: {error}; install textworld, alfworld and"
            " fast-downward-translate there"
        )
    gc.collect()
    gc.freeze()  # So that the games share this memory.
    return None


class _Rest:
    """When the player gave the game something to do last; shared by its two threads."""

    def __init__(self, idle_s: float) -> None:
        self.idle_s = idle_s
        self.busy = True
        self._since_s = 0.0

    def begin(self) -> None:
        self._since_s = time.monotonic()
        self.busy = False

    def left_s(self) -> float:
        """Seconds until the player has been away for too long."""
        if self.busy:
            return self.idle_s
        return max(0.0, self._since_s + self.idle_s - time.monotonic())


def _play(leash: socket.socket) -> NoReturn:
    """Plays one game in a process of its own, from the first message to the last."""
    from augment_workers.alfworld.environment import Game

    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    try:
        start = decode(_first_line(leash))
        assert isinstance(start, Start)
        rest = _Rest(start.idle_s)
        threading.Thread(target=_read, args=(leash, lines, rest)).start()
        game = Game(start)
        leash.sendall(encode(game.observation))
        while True:
            rest.begin()
            act = decode(lines.get())
            rest.busy = True
            assert isinstance(act, Act)
            leash.sendall(encode(game.act(act.command)))
    except Exception as error:
        traceback.print_exc()
        leash.sendall(encode(Fault(reason=f"{type(error).__name__}: {error}")))
    finally:
        os._exit(1)


def _first_line(leash: socket.socket) -> bytes:
    """The message before which there is nothing to do, and after which comes no other yet."""
    line = b""
    while not line.endswith(b"\n"):
        data = leash.recv(_RECEIVE_BYTES)
        if not data:
            os._exit(0)
        line += data
    return line


def _read(leash: socket.socket, lines: queue.SimpleQueue[bytes], rest: _Rest) -> None:
    """Passes lines on, and ends the process when there will be no more."""
    unfinished = b""
    try:
        while True:
            ready, _, _ = select.select([leash], [], [], rest.left_s())
            if ready:
                data = leash.recv(_RECEIVE_BYTES)
                if not data:
                    return
                *whole, unfinished = (unfinished + data).split(b"\n")
                for line in whole:
                    lines.put(line)
            elif not rest.left_s():
                leash.sendall(encode(Fault(reason=f"nobody played for {rest.idle_s:g} s")))
                return
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
