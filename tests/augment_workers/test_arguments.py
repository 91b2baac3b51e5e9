import threading
from typing import Any

import pytest
from live_server import live_server
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from augment_workers.arguments import ArgumentCheck, schema_problem

SCHEMA = {
    "type": "object",
    "properties": {"points": {"type": "array", "items": {"$ref": "#/$defs/point"}}},
    "$defs": {"point": {"type": "integer"}},
}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"points": [1, 2]}, None),
        ({"points": [1, "2"]}, "arguments.points[1]: '2' is not of type 'integer'"),
        ([1], "arguments: [1] is not of type 'object'"),
    ],
)
def test_arguments_are_held_against_the_schema(arguments: Any, problem: str | None) -> None:
    assert ArgumentCheck(SCHEMA).problem_with(arguments) == problem


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        (SCHEMA, None),
        (["type"], "is no mapping"),
        ({"type": "objekt"}, "'objekt' is not valid"),
    ],
)
def test_a_schema_is_looked_at(schema: Any, problem: str | None) -> None:
    found = schema_problem(schema)
    assert found is None if problem is None else problem in str(found)


def test_a_schema_of_somebody_else_fetches_nothing() -> None:
    asked = threading.Event()

    async def answer(request: Request) -> Response:
        asked.set()
        return JSONResponse({"type": "object"})

    with live_server(Starlette(routes=[Route("/{path:path}", answer)])) as port:
        check = ArgumentCheck({"$ref": f"http://127.0.0.1:{port}/schema.json"})
        problem = check.problem_with({})
    assert problem is not None and "cannot be found" in problem
    assert not asked.is_set()
