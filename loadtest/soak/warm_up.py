"""What makes a server take all the memory that its configuration lets it take.

Blocks of the KV cache come from the operating system when they are first written, and games
stay for the sessions that may go on with them. Growth until then is no leak.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random

import httpx

from loadtest.load.locust_run import LocustRun
from loadtest.soak.levels import Levels

FILLED_SHARE = 0.98
PROMPT_TOKENS = 11 * 128
"""Whole blocks, of any usual size: others would not be counted as cached."""

MOST_PROMPTS = 200
TOKEN_IDS = range(1000, 2000)
"""Ordinary tokens, in the vocabularies of all models."""

GAME_SECONDS = 40.0
GAME_USERS = 12
GAME_OPTIONS = ("--kinds", "alfworld", "--max-tokens", "60", "--think-scale", "0.05")
"""Games that are begun and soon left, more of them than are kept."""

TIMEOUT_S = 300.0


def fill_cache(url: str, levels: Callable[[], Levels], seed: int = 0) -> int:
    """Computes prompts until hardly any block is left that was never written.

    Args:
        url: The server's.
        levels: Asks it for its levels.
        seed: Of the prompts.

    Returns:
        How many prompts it took.
    """
    rng = Random(seed)
    with httpx.Client(base_url=url, timeout=TIMEOUT_S) as client:
        model = client.get("/v1/models").raise_for_status().json()["data"][0]["id"]
        for number in range(MOST_PROMPTS):
            body = {
                "model": model,
                "prompt": rng.choices(TOKEN_IDS, k=PROMPT_TOKENS),
                "max_tokens": 1,
            }
            client.post("/v1/completions", json=body).raise_for_status()
            device = levels().device
            if device["cached"] >= FILLED_SHARE * sum(device.values()):
                return number + 1
    raise RuntimeError(f"{url}: the KV cache is not full after {MOST_PROMPTS} prompts")


def begin_games(url: str, folder: Path) -> None:
    """Has more games begun than are kept."""
    LocustRun(url, GAME_USERS, GAME_SECONDS, folder, GAME_OPTIONS).run()
