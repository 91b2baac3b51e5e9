"""Counts right pictures of the model of shapes: ``python -m`` this module."""

import argparse
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from PIL import Image

from augment_workers.diffusion import Diffusion, DiffusionSettings
from augment_workers.shapes import WEIGHTS
from augment_workers.shapes.judge import judge
from augment_workers.shapes.scene import COLORS, SHAPES, Scene, held_out

WORDINGS = (
    "I would like one {} please",
    "my little sister wants {} for her birthday",
    "could you sketch {} for me?",
    "a poster that shows {}",
    "the logo of our shop: {}",
    "make {} appear",
)
"""Ways to ask that training has not seen."""

BATCH = 22


def main(argv: Sequence[str] | None = None) -> None:
    """Prints how many pictures have the color, the shape and the background asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=WEIGHTS)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    model = Diffusion(DiffusionSettings(model=str(options.model)))
    print(f"{'prompts':32}{'color':>9}{'shape':>9}{'both':>9}{'behind':>9}{'of':>6}")
    for name, asked in prompt_sets(Random(options.seed)).items():
        found = [judge(picture) for picture in _drawn(model, [text for text, _ in asked])]
        pairs = [(scene, seen) for (_, scene), seen in zip(asked, found, strict=True)]
        color = [scene.color == seen.color for scene, seen in pairs]
        shape = [scene.shape == seen.shape for scene, seen in pairs]
        both = [all(rights) for rights in zip(color, shape, strict=True)]
        behind = [scene.background_color == seen.background_color for scene, seen in pairs]
        counts = "".join(f"{sum(rights):9}" for rights in (color, shape, both, behind))
        print(f"{name:32}{counts}{len(pairs):6}")


def prompt_sets(rng: Random) -> dict[str, list[tuple[str, Scene]]]:
    """Prompts and what they ask for, by how much of them training has seen."""
    every = [(color, shape) for color in COLORS for shape in SHAPES]
    seen = [pair for pair in every if not held_out(*pair)]
    unseen = [pair for pair in every if held_out(*pair)]
    plain = [(f"a {color} {shape}", Scene(shape, color)) for color, shape in every]
    worded = [
        (rng.choice(WORDINGS).format(f"a {color} {shape}"), Scene(shape, color))
        for color, shape in seen
    ]
    return {
        "plain, every pair": plain,
        "captions, pairs of training": [_caption(*pair, rng) for pair in seen],
        "captions, pairs held out": [_caption(*pair, rng) for pair in unseen * 4],
        "other wordings": worded,
    }


def _caption(color: str, shape: str, rng: Random) -> tuple[str, Scene]:
    background = rng.choice([None, *(name for name in COLORS if name != color)])
    scene = Scene(shape, color, background, rng.choice(["", "small", "big"]))
    return scene.caption(rng), scene


def _drawn(model: Diffusion, prompts: Sequence[str]) -> Iterator[Image.Image]:
    for start in range(0, len(prompts), BATCH):
        for made in model.draw(prompts[start : start + BATCH], lambda *_: True):
            if isinstance(made, Exception):
                raise made
            yield Image.open(io.BytesIO(made))


if __name__ == "__main__":
    main()
