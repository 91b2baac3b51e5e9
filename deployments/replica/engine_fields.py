"""The engine arguments that the installed vLLM knows, without importing vLLM."""

import ast
import importlib.util
from functools import cache
from pathlib import Path

_SOURCES = {
    "engine/arg_utils.py": ("EngineArgs", "AsyncEngineArgs"),
    "entrypoints/launchers/cli_args.py": ("BaseFrontendArgs", "FrontendArgs"),
}


@cache
def engine_fields() -> frozenset[str]:
    """Names of the fields of ``AsyncEngineArgs`` and ``FrontendArgs``.

    They are read from vLLM's source: an import takes ten seconds and half a gigabyte in
    every process that checks a configuration.

    Returns:
        The names; empty when vLLM is not installed here (a head node without an engine), in
        which case only the replica can check.
    """
    spec = importlib.util.find_spec("vllm")
    if spec is None or spec.origin is None:
        return frozenset()
    root = Path(spec.origin).parent
    names: set[str] = set()
    for source, classes in _SOURCES.items():
        names |= _annotated_names(root / source, classes)
    return frozenset(names)


def _annotated_names(source: Path, classes: tuple[str, ...]) -> set[str]:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    return {
        statement.target.id
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name in classes
        for statement in node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }
