"""The model of the image augmentation's default: it draws coloured shapes from words."""

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"
"""A folder as ``StableDiffusionPipeline.from_pretrained`` reads it."""
