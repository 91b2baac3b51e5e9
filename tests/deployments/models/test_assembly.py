"""A model folder is written once, whole, and again when what it is made of changes."""

from pathlib import Path

import pytest

from deployments.models.assembly import assemble


class Writer:
    """Writes one file and counts how often."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, folder: Path) -> None:
        self.runs += 1
        (folder / "model.txt").write_text(f"run {self.runs}")


def test_a_second_preparation_writes_nothing(tmp_path: Path) -> None:
    source, write = tmp_path / "source", Writer()
    source.write_text("weights")
    for _ in range(2):
        assert assemble(tmp_path / "cache" / "model", [source], write) == (
            tmp_path / "cache" / "model"
        )
    assert write.runs == 1


def test_a_changed_input_is_noticed(tmp_path: Path) -> None:
    source, target, write = tmp_path / "source", tmp_path / "cache" / "model", Writer()
    for text in ("old", "new"):
        source.write_text(text)
        assemble(target, [source], write)
    assert (target / "model.txt").read_text() == "run 2"
    assert [path.name for path in target.parent.iterdir()] == ["model"]


def test_a_failure_leaves_the_old_folder_alone(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "cache" / "model"
    source.write_text("old")
    assemble(target, [source], Writer())
    source.write_text("new")

    def fail(folder: Path) -> None:
        (folder / "model.txt").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        assemble(target, [source], fail)
    assert (target / "model.txt").read_text() == "run 1"
    assert [path.name for path in target.parent.iterdir()] == ["model"]
