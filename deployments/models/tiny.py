"""A Llama of one million parameters that calls tools on templated prompts: for tests."""

import shutil
from pathlib import Path

from deployments.models.assembly import assemble, write_chat_files

WEIGHTS_DIR = Path(__file__).parent / "tiny"


def prepare(target: Path) -> Path:
    """Puts the committed weights, the tokenizer and the template together in ``target``."""

    def write(folder: Path) -> None:
        for path in WEIGHTS_DIR.iterdir():
            shutil.copyfile(path, folder / path.name)
        write_chat_files(folder)

    return assemble(target, sorted(WEIGHTS_DIR.iterdir()), write)
