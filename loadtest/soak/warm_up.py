"""What makes a server take the memory that it takes once and keeps.

oneDNN, which multiplies matrices on CPUs, compiles a kernel for every number of rows that it
meets, and keeps as many as fit its cache; games stay for the sessions that may go on with them.
Growth until then is no leak.
"""

from collections.abc import Iterable
from pathlib import Path
from random import Random

import httpx

from loadtest.load.locust_run import LocustRun

BATCH_SIZES = range(2, 260)
"""Tokens of an iteration: oneDNN keeps 1,024 kernels, and a layer has four shapes."""

TOKEN_IDS = range(1000, 2000)
"""Ordinary tokens, in the vocabularies of all models."""

GAME_SECONDS = 40.0
GAME_USERS = 12
GAME_OPTIONS = ("--kinds", "alfworld", "--max-tokens", "60", "--think-scale", "0.05")
"""Games that are begun and soon left, more of them than are kept."""

TIMEOUT_S = 300.0


def compute_batches(url: str, sizes: Iterable[int] = BATCH_SIZES, seed: int = 0) -> None:
    """Has a prompt of every size computed, one after the other.

    Raises:
        httpx.HTTPError: if the server does not do so.
    """
    rng = Random(seed)
    with httpx.Client(base_url=url, timeout=TIMEOUT_S) as client:
        model = client.get("/v1/models").raise_for_status().json()["data"][0]["id"]
        for size in sizes:
            prompt = rng.choices(TOKEN_IDS, k=size)
            body = {"model": model, "prompt": prompt, "max_tokens": 1}
            client.post("/v1/completions", json=body).raise_for_status()


def begin_games(url: str, folder: Path) -> None:
    """Has more games begun than are kept."""
    LocustRun(url, GAME_USERS, GAME_SECONDS, folder, GAME_OPTIONS).run()
