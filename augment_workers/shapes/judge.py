"""Says what a picture shows, by comparing it with drawings of every shape."""

from functools import cache

import numpy as np
from PIL import Image

from augment_workers.shapes.scene import COLORS, SHAPES, SIZE_PIXELS, Scene

_SHIFTS = range(-3, 4)
"""Pixels by which a shape may be off the middle."""

_SCALES = np.linspace(0.5, 1.6, 12)


def judge(picture: Image.Image) -> Scene:
    """Shape, color and background of the scene that ``picture`` is most like."""
    pixels = np.asarray(picture.convert("RGB"), dtype=np.float32)
    if pixels.shape[:2] != (SIZE_PIXELS, SIZE_PIXELS):
        raise ValueError(f"picture: {pixels.shape[:2]} pixels, not {SIZE_PIXELS} squared")
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    behind = np.median(border, axis=0)
    distances = np.linalg.norm(pixels - behind, axis=-1)
    inside = distances >= 0.7 * np.quantile(distances, 0.97)
    color = np.median(pixels[inside], axis=0)
    way = color - behind
    cover = np.clip((pixels - behind) @ way / max(float(way @ way), 1.0), 0, 1)
    return Scene(_shape_of(cover), _nearest(color), _nearest(behind))


def _nearest(color: np.ndarray) -> str:
    return min(COLORS, key=lambda name: float(np.linalg.norm(color - np.array(COLORS[name]))))


def _shape_of(cover: np.ndarray) -> str:
    """The shape of which a drawing overlaps most with ``cover``, its share of each pixel."""
    drawings = _drawings()
    shared = np.minimum(drawings, cover.ravel()).sum(-1)
    either = np.maximum(drawings, cover.ravel()).sum(-1)
    best = int(np.argmax(shared / np.maximum(either, 1e-6)))
    return SHAPES[best // (len(_SCALES) * len(_SHIFTS) ** 2)]


@cache
def _drawings() -> np.ndarray:
    """Every shape in every size and place, as the share of each pixel that it covers."""
    drawn = [
        np.asarray(Scene(shape, "black", "white").draw(x, y, scale).convert("L"))
        for shape in SHAPES
        for scale in _SCALES
        for x in _SHIFTS
        for y in _SHIFTS
    ]
    dark, light = min(map(np.min, drawn)), max(map(np.max, drawn))
    stack = np.stack(drawn).reshape(len(drawn), -1).astype(np.float32)
    return (light - stack) / np.float32(int(light) - int(dark))
