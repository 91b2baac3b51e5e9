"""A picture of a profile: the time of an iteration against its tokens, with S marked."""

import math
from collections.abc import Sequence
from io import BytesIO
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from intercept_core.policy.cost_profile import CostProfile
from intercept_core.policy.profile_fit import MeasuredIteration

WIDTH, HEIGHT = 1200, 760
LEFT, RIGHT, TOP, BOTTOM = 100, 40, 70, 80
COLORS = ("#1f6fb4", "#d95f02", "#1b9e77", "#7f4fa0", "#8a6d3b")
GREY, LIGHT, MARK = "#444444", "#dddddd", "#c00000"
DOT = 5
MOST_TICKS = 9


class LogAxis:
    """Maps positive values to pixels, a decade to a length.

    Args:
        values: What has to fit.
        first: Pixel of the least.
        last: Pixel of the greatest.
    """

    def __init__(self, values: Sequence[float], first: float, last: float) -> None:
        self._low, self._high = min(values) / 1.15, max(values) * 1.15
        self._first = first
        self._length = (last - first) / math.log(self._high / self._low)

    def __call__(self, value: float) -> float:
        return self._first + math.log(value / self._low) * self._length

    def ticks(self) -> list[float]:
        """Round numbers within, few enough to be told apart."""
        decades = range(
            math.floor(math.log10(self._low)), math.floor(math.log10(self._high)) + 1
        )
        for steps in ((1, 2, 5), (1, 3), (1,)):
            found = [step * 10.0**decade for decade in decades for step in steps]
            found = [tick for tick in found if self._low <= tick <= self._high]
            if len(found) <= MOST_TICKS:
                break
        return found


def check_ending(path: Path) -> None:
    """Refuses a path that :func:`write_plot` could not write for its ending.

    Raises:
        ValueError: naming the path and what to do.
    """
    try:
        picture_format = Image.registered_extensions()[path.suffix.lower()]
        Image.new("RGB", (1, 1)).save(BytesIO(), picture_format)
    except (KeyError, OSError):
        raise ValueError(
            f"{path}: {path.suffix or 'no ending'} is no format of pictures; end it with .png"
        ) from None


def write_plot(
    path: Path, title: str, profile: CostProfile, measured: Sequence[MeasuredIteration]
) -> None:
    """Writes a picture in the format of the path's ending.

    Filled dots were fitted, hollow ones held out; a line is what the fit says of the stage's
    iterations.

    Raises:
        OSError: if it cannot be written.
    """
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    predicted = [_predicted_s(profile, made) for made in measured]
    tokens = [made.query_tokens for made in measured]
    x = LogAxis([*tokens, profile.saturation_tokens], LEFT, WIDTH - RIGHT)
    y = LogAxis([*predicted, *(made.seconds for made in measured)], HEIGHT - BOTTOM, TOP)
    _frame(draw, title, x, y)
    _saturation(draw, x(profile.saturation_tokens), profile.saturation_tokens)
    stages = groupby(measured, key=lambda made: made.decoding)
    for number, (decoding, made) in enumerate(stages):
        color = COLORS[number % len(COLORS)]
        stage = sorted(made, key=lambda one: one.query_tokens)
        line = [(x(one.query_tokens), y(_predicted_s(profile, one))) for one in stage]
        draw.line(line, fill=color, width=2)
        for one in stage:
            _dot(draw, x(one.query_tokens), y(one.seconds), color, hollow=one.held_out)
        _legend(draw, number, decoding, stage[0].context_tokens, color)
    image.save(path)


def _predicted_s(profile: CostProfile, made: MeasuredIteration) -> float:
    return profile.cost_model().forward_s(made.query_tokens, made.context_tokens)


def _frame(draw: ImageDraw.ImageDraw, title: str, x: LogAxis, y: LogAxis) -> None:
    bottom = HEIGHT - BOTTOM
    for tick in x.ticks():
        draw.line([(x(tick), TOP), (x(tick), bottom)], fill=LIGHT)
        draw.text((x(tick), bottom + 8), f"{tick:,.0f}", GREY, _font(15), anchor="ma")
    for tick in y.ticks():
        draw.line([(LEFT, y(tick)), (WIDTH - RIGHT, y(tick))], fill=LIGHT)
        draw.text((LEFT - 8, y(tick)), f"{tick * 1e3:,g}", GREY, _font(15), anchor="rm")
    draw.rectangle([LEFT, TOP, WIDTH - RIGHT, bottom], outline=GREY)
    middle = (LEFT + WIDTH - RIGHT) / 2
    draw.text((middle, HEIGHT - 24), "query tokens of an iteration", GREY, _font(16), "mm")
    draw.text((12, TOP - 24), "time of an iteration, ms", GREY, _font(16), anchor="lm")
    draw.text((WIDTH / 2, 22), title, "black", _font(19), anchor="mm")


def _saturation(draw: ImageDraw.ImageDraw, x: float, tokens: int) -> None:
    draw.line([(x, TOP), (x, HEIGHT - BOTTOM)], fill=MARK, width=2)
    anchor = "ra" if x > WIDTH / 2 else "la"
    aside = -8 if anchor == "ra" else 8
    at = (x + aside, HEIGHT - BOTTOM - 30)
    draw.text(at, f"S = {tokens:,} tokens", MARK, _font(17), anchor=anchor)


def _dot(draw: ImageDraw.ImageDraw, x: float, y: float, color: str, *, hollow: bool) -> None:
    box = [x - DOT, y - DOT, x + DOT, y + DOT]
    draw.ellipse(box, fill="white" if hollow else color, outline=color, width=2)


def _legend(
    draw: ImageDraw.ImageDraw, number: int, decoding: int, contexts: int, color: str
) -> None:
    at_y = TOP + 20 + 24 * number
    _dot(draw, LEFT + 20, at_y, color, hollow=False)
    text = f"{decoding} generating over {contexts:,} tokens, and prompts"
    if not decoding:
        text = "prompts alone (hollow: held out of the fit)"
    draw.text((LEFT + 34, at_y), text, GREY, _font(15), anchor="lm")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
