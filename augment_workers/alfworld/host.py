"""The process that games are forked from: TextWorld loads once, and every game has its own.

Run by :class:`~augment_workers.alfworld.engine.Engine` as ``python -m``. Standard input is
a socket, on which come the sockets of new games. A game's socket is its leash: its process
ends as soon as the other end is closed, for whatever reason, in the middle of anything.
"""

import gc
import os
import queue
import signal
import socket
import sys
import threading
import traceback
from typing import BinaryIO, NoReturn

from augment_workers.alfworld.protocol import Act, Fault, Start, decode, encode


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


def _play(leash: socket.socket) -> NoReturn:
    """Plays one game in a process of its own, from the first message to the last."""
    from augment_workers.alfworld.environment import Game

    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    try:
        reader = leash.makefile("rb")
        start = decode(reader.readline())
        assert isinstance(start, Start)
        leash.settimeout(start.idle_s)
        threading.Thread(target=_read, args=(reader, lines, leash, start.idle_s)).start()
        game = Game(start)
        leash.sendall(encode(game.observation))
        while True:
            act = decode(lines.get())
            assert isinstance(act, Act)
            leash.sendall(encode(game.act(act.command)))
    except Exception as error:
        traceback.print_exc()
        leash.sendall(encode(Fault(reason=f"{type(error).__name__}: {error}")))
    finally:
        os._exit(1)


def _read(
    reader: BinaryIO, lines: queue.SimpleQueue[bytes], leash: socket.socket, idle_s: float
) -> None:
    """Passes lines on, and ends the process when there will be no more."""
    try:
        for line in reader:
            lines.put(line)
    except TimeoutError:
        leash.sendall(encode(Fault(reason=f"nobody played for {idle_s:g} s")))
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
