"""How the speech engines are set up in the configuration."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class EspeakOptions(BaseModel):
    """How eSpeak NG speaks.

    Attributes:
        words_per_minute: Pace.
        pitch: Of the voice, 0 to 99.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    words_per_minute: int = Field(default=175, ge=80, le=450)
    pitch: int = Field(default=50, ge=0, le=99)


class BarkOptions(BaseModel):
    """Which Bark speaks, and where.

    Attributes:
        model: Id or folder of a model that transformers' ``BarkModel`` loads.
        device: Where it runs, as torch names it; ``auto`` takes a GPU if there is one.
        dtype: Of its weights; ``auto`` is ``float16`` on GPUs and ``float32`` elsewhere.
        min_eos_p: Probability of the end of the speech at which it does end, which cuts off
            babble behind the text; None leaves the end to chance.
        piece_characters: Bark speaks fifteen seconds at most, so a longer text is spoken in
            pieces of this many characters, cut between sentences where possible.
        pause_s: Silence between two pieces.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(default="suno/bark-small", min_length=1)
    device: str = Field(default="auto", min_length=1)
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    min_eos_p: float | None = Field(default=0.2, gt=0, le=1)
    piece_characters: int = Field(default=180, ge=20, le=220)
    pause_s: float = Field(default=0.25, ge=0, le=5)
