"""The examples of ``configs/examples``, and the servers that they speak of."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "configs" / "examples"
WEATHER_URL = "http://127.0.0.1:8100"


def augmentations_of(name: str, *, weather_url: str = WEATHER_URL) -> dict[str, Any]:
    """The augmentations of an example, on this machine's Python and ports."""
    text = (FOLDER / name).read_text().replace(WEATHER_URL, weather_url)
    text = text.replace(".venv/bin/python", sys.executable)
    text = text.replace("configs/examples/", f"{FOLDER}/")
    (application,) = yaml.safe_load(text)["applications"]
    found: dict[str, Any] = application["args"]["augmentations"]
    return found


def weather_app() -> Any:
    """The web service of the example."""
    path = FOLDER / "weather_service.py"
    spec = importlib.util.spec_from_file_location("weather_service", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["weather_service"] = module  # FastAPI looks for annotations there
    spec.loader.exec_module(module)
    return module.app
