"""What the model of shapes learns to draw, and how people may ask for it."""

import math
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw

SIZE_PIXELS = 32
_FINE = 8
"""Scenes are drawn this many times larger, then shrunk, for smooth edges."""

Color = tuple[int, int, int]

COLORS: Mapping[str, Color] = {
    "red": (220, 30, 30),
    "blue": (40, 60, 220),
    "green": (30, 160, 60),
    "yellow": (240, 220, 40),
    "orange": (245, 130, 10),
    "purple": (130, 40, 170),
    "pink": (250, 140, 190),
    "black": (15, 15, 15),
    "white": (245, 245, 245),
    "gray": (128, 128, 128),
    "brown": (120, 70, 30),
}
SHAPES = ("circle", "square", "triangle", "star", "cross", "diamond", "ring", "heart")
RADII: Mapping[str, float] = {"small": 5.5, "": 9.0, "big": 13.0}
"""Half the extent of a shape in pixels, by its size; usually none is named."""

_OTHER_WORDS: Mapping[str, Sequence[str]] = {
    "gray": ("grey",),
    "purple": ("violet",),
    "circle": ("disc", "dot", "ball"),
    "square": ("box",),
    "cross": ("plus sign",),
    "diamond": ("rhombus",),
    "ring": ("donut",),
    "small": ("little", "tiny"),
    "big": ("large", "huge"),
}
_OPENINGS = (
    *("", "", "", "an image of ", "a picture of ", "a drawing of ", "a painting of "),
    *("draw ", "please draw ", "paint ", "a photo of ", "an icon with ", "show me "),
)
_BACKGROUNDS = ("on a {} background", "with a {} background", "on {}", "against a {} wall")


def held_out(color: str, shape: str) -> bool:
    """Whether the pair is kept from training, to see if the model combines what it knows."""
    return SHAPES.index(shape) == 3 * list(COLORS).index(color) % len(SHAPES)


@dataclass(frozen=True, slots=True)
class Scene:
    """One shape before a plain background.

    Attributes:
        shape: Of :data:`SHAPES`.
        color: Of :data:`COLORS`.
        background: Of :data:`COLORS`, another one; None for the usual one.
        size: Of :data:`RADII`.
    """

    shape: str
    color: str
    background: str | None = None
    size: str = ""

    @classmethod
    def sample(cls, rng: Random) -> "Scene":
        """Any scene that is not held out."""
        while True:
            shape, color = rng.choice(SHAPES), rng.choice(list(COLORS))
            if not held_out(color, shape):
                break
        background = rng.choice([*COLORS]) if rng.random() < 0.6 else None
        if background == color:
            background = None
        return cls(shape, color, background, rng.choice(["", "", *RADII]))

    @property
    def background_color(self) -> Color:
        """What is drawn behind the shape."""
        usual = "gray" if self.color == "white" else "white"
        return COLORS[self.background or usual]

    def caption(self, rng: Random) -> str:
        """One of the ways to ask for this scene."""
        words = [_word(part, rng) for part in (self.size, self.color, self.shape) if part]
        noise = [_noise(rng)] if rng.random() < 0.15 else []
        what = " ".join([*noise, *words])
        article = "an" if what[0] in "aeiou" else "a"
        text = rng.choice(_OPENINGS) + (f"{article} {what}" if rng.random() < 0.85 else what)
        if self.background is not None:
            where = rng.choice(_BACKGROUNDS).format(_word(self.background, rng))
            text = f"{text} {where}" if rng.random() < 0.9 else f"{where}, {text}"
        return text + (f" {_noise(rng)}" if rng.random() < 0.1 else "")

    def draw(self, x: float = 0.0, y: float = 0.0, scale: float = 1.0) -> Image.Image:
        """The picture, with the shape moved by ``x`` and ``y`` pixels and resized."""
        side = SIZE_PIXELS * _FINE
        image = Image.new("RGB", (side, side), self.background_color)
        center = (side / 2 + x * _FINE, side / 2 + y * _FINE)
        _draw(
            ImageDraw.Draw(image),
            self.shape,
            center,
            RADII[self.size] * scale * _FINE,
            COLORS[self.color],
            self.background_color,
        )
        return image.resize((SIZE_PIXELS, SIZE_PIXELS), Image.Resampling.BOX)

    def draw_anywhere(self, rng: Random) -> Image.Image:
        """The picture, not quite in the middle."""
        return self.draw(rng.uniform(-2, 2), rng.uniform(-2, 2), rng.uniform(0.93, 1.07))


def _word(word: str, rng: Random) -> str:
    others = _OTHER_WORDS.get(word, ())
    return rng.choice(others) if others and rng.random() < 0.3 else word


def _noise(rng: Random) -> str:
    """A word that means nothing here: the model is to look past those it does not know."""
    return "".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, 8)))


def _draw(
    pen: ImageDraw.ImageDraw,
    shape: str,
    center: tuple[float, float],
    radius: float,
    color: Color,
    behind: Color,
) -> None:
    def box(left: float, top: float, right: float, bottom: float) -> list[float]:
        x, y = center
        return [x + left * radius, y + top * radius, x + right * radius, y + bottom * radius]

    def polygon(corners: Sequence[tuple[float, float]]) -> None:
        x, y = center
        pen.polygon([(x + a * radius, y + b * radius) for a, b in corners], fill=color)

    match shape:
        case "circle":
            pen.ellipse(box(-1, -1, 1, 1), fill=color)
        case "ring":
            pen.ellipse(box(-1, -1, 1, 1), fill=color)
            pen.ellipse(box(-0.55, -0.55, 0.55, 0.55), fill=behind)
        case "square":
            pen.rectangle(box(-0.9, -0.9, 0.9, 0.9), fill=color)
        case "cross":
            pen.rectangle(box(-0.33, -1, 0.33, 1), fill=color)
            pen.rectangle(box(-1, -0.33, 1, 0.33), fill=color)
        case "triangle":
            polygon([(0, -1), (1, 0.85), (-1, 0.85)])
        case "diamond":
            polygon([(0, -1), (0.7, 0), (0, 1), (-0.7, 0)])
        case "star":
            turns = [(k * math.pi / 5, 0.42 if k % 2 else 1.0) for k in range(10)]
            polygon([(math.sin(angle) * r, -math.cos(angle) * r) for angle, r in turns])
        case "heart":
            pen.ellipse(box(-1, -0.85, 0.04, 0.15), fill=color)
            pen.ellipse(box(-0.04, -0.85, 1, 0.15), fill=color)
            polygon([(-0.94, -0.1), (0, -0.35), (0.94, -0.1), (0, 1)])
        case _:
            raise ValueError(f"shape: {shape!r} is none of {', '.join(SHAPES)}")
