"""Reads from vLLM's source, without importing it, what the scheduler plugin relies on.

``python vllm_contract.py FOLDER`` prints the contract of the vLLM whose package is FOLDER, to
be kept beside the tests as ``contract/<release>.json``.
"""

import ast
import json
import sys
from pathlib import Path
from typing import TypedDict

SCHEDULER = "v1/core/sched/scheduler.py"
SOURCES = {
    "Scheduler": SCHEDULER,
    "AsyncScheduler": "v1/core/sched/async_scheduler.py",
    "KVCacheManager": "v1/core/kv_cache_manager.py",
    "EngineCore": "v1/engine/core.py",
    "KVCacheCoordinator": "v1/core/kv_cache_coordinator.py",
    "SingleTypeKVCacheManager": "v1/core/single_type_kv_cache_manager.py",
    "BlockPool": "v1/core/block_pool.py",
    "BlockHashToBlockMap": "v1/core/block_pool.py",
    "KVCacheBlock": "v1/core/kv_cache_utils.py",
    "Request": "v1/request.py",
}


class Contract(TypedDict):
    """Signatures, attributes and calls of one release.

    Attributes:
        parameters: ``Class.method`` to the names of its parameters.
        attributes: Class to what its instances have: names assigned to ``self`` in
            ``__init__``, fields and properties.
        calls: ``Scheduler`` method to the methods of ``self`` that it calls.
    """

    parameters: dict[str, list[str]]
    attributes: dict[str, list[str]]
    calls: dict[str, list[str]]


def read_contract(package: Path) -> Contract:
    """The contract of the vLLM at ``package``."""
    contract = Contract(parameters={}, attributes={}, calls={})
    for class_name, source in SOURCES.items():
        tree = ast.parse((package / source).read_text())
        found = _class(tree, class_name)
        methods = _methods(found)
        for name, method in methods.items():
            arguments = method.args
            contract["parameters"][f"{class_name}.{name}"] = [
                argument.arg
                for argument in arguments.posonlyargs + arguments.args + arguments.kwonlyargs
            ]
        contract["attributes"][class_name] = sorted(_attributes(found, methods))
        if class_name == "Scheduler":
            contract["calls"] = {
                name: sorted(_called(method)) for name, method in methods.items()
            }
    return contract


def _class(tree: ast.Module, name: str) -> ast.ClassDef:
    (found,) = [
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name
    ]
    return found


def _methods(found: ast.ClassDef) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in found.body if isinstance(node, ast.FunctionDef)}


def _attributes(found: ast.ClassDef, methods: dict[str, ast.FunctionDef]) -> set[str]:
    fields = {
        node.target.id
        for node in found.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    properties = {
        name
        for name, method in methods.items()
        if any(ast.unparse(one) == "property" for one in method.decorator_list)
    }
    assigned = _assigned(methods["__init__"]) if "__init__" in methods else set()
    return fields | properties | assigned


def _assigned(method: ast.FunctionDef) -> set[str]:
    return {
        node.attr
        for node in ast.walk(method)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


def _called(method: ast.FunctionDef) -> set[str]:
    return {
        node.func.attr
        for node in ast.walk(method)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "self"
    }


if __name__ == "__main__":
    json.dump(read_contract(Path(sys.argv[1])), sys.stdout, indent=1)
    sys.stdout.write("\n")
