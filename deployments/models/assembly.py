"""Writes a model folder once, whole or not at all."""

import hashlib
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from deployments.models.markup import CHAT_TEMPLATE_FILE

logger = logging.getLogger(__name__)

FINGERPRINT_FILE = "fingerprint.txt"


def assemble(target: Path, inputs: Iterable[Path], write: Callable[[Path], None]) -> Path:
    """Makes ``target`` by ``write`` unless it stands already for the same ``inputs``.

    The folder is written under another name and renamed when it is complete, so that a
    reader never sees a part of it.

    Args:
        target: The model folder.
        inputs: Files whose content decides whether the folder must be made anew; this
            package's template and code count by themselves.
        write: Fills the empty folder that it is given.
    """
    wanted = _fingerprint(inputs)
    stamp = target / FINGERPRINT_FILE
    if stamp.is_file() and stamp.read_text() == wanted:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    logger.info("Preparing the model %s in %s.", target.name, target)
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as scratch:
        made = Path(scratch, "made")
        made.mkdir()
        write(made)
        (made / FINGERPRINT_FILE).write_text(wanted)
        if target.exists():
            target.rename(Path(scratch, "outdated"))
        made.rename(target)
    logger.info("The model %s is ready, %.0f s.", target.name, time.monotonic() - started_s)
    return target


def write_chat_files(folder: Path) -> None:
    """Adds the chat template and the generation settings that every model here shares."""
    shutil.copyfile(CHAT_TEMPLATE_FILE, folder / CHAT_TEMPLATE_FILE.name)
    config = json.loads((folder / "config.json").read_text())
    settings = {key: config[key] for key in ("eos_token_id", "pad_token_id")}
    (folder / "generation_config.json").write_text(json.dumps(settings, indent=2))


def _fingerprint(inputs: Iterable[Path]) -> str:
    code = [Path(__file__).with_name(name) for name in ("smollm2.py", "gguf_weights.py")]
    digest = hashlib.sha256()
    for path in (CHAT_TEMPLATE_FILE, Path(__file__), *code, *inputs):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
