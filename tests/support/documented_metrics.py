"""The tables of docs/metrics.md."""

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
OURS = "ray_infercept_"
COMMON = {
    "Interceptions and memory": {"model_name", "engine"},
    "The bus": {"model_name"},
    "vLLM": {"model_name", "engine", "ReplicaId"},
}
"""Labels that a section names once for all its metrics."""


@dataclass(frozen=True, slots=True)
class Documented:
    """A row of a table.

    Attributes:
        name: As exported; a counter's ends with ``_total``.
        type: As Prometheus says it.
        labels: Those that the tables tell of.
    """

    name: str
    type: str
    labels: frozenset[str]

    @property
    def family(self) -> str:
        """Its name without the ending that belongs to its type."""
        return self.name.removesuffix("_total") if self.type == "counter" else self.name


def documented() -> list[Documented]:
    """All rows of all tables."""
    rows, common = [], set()
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            common = COMMON.get(line.removeprefix("## "), set())
        if line.startswith("| `ray_"):
            name, type, labels, *_ = (cell.strip() for cell in line.strip("|").split("|"))
            own = re.findall(r"`(\w+)`", labels)
            rows.append(Documented(name.strip("`"), type, frozenset(common | set(own))))
    return rows
