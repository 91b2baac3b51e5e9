import asyncio

import pytest

from augment_workers.base import ToolSpec
from deployments.api.server_tools import ServerTool, ServerTools, UnknownToolError
from deployments.config import AugmentationSection


@pytest.fixture
async def tools():
    section = AugmentationSection(type="calculator")
    return await ServerTools.of({"calculator": section, "abacus": section})


def test_a_tool_is_described_by_its_implementation(tools):
    tool = tools["abacus"]
    assert tool.kind == "abacus"
    assert tool.description
    assert "expression" in tool.parameters["properties"]
    assert "abacus" in tools and "other" not in tools


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        ("calculator", ("calculator",)),
        (" abacus , calculator ,", ("abacus", "calculator")),
        (["abacus", "abacus"], ("abacus",)),
        ("all", ("calculator", "abacus")),
        ("", ()),
    ],
)
def test_select(tools, names, kinds):
    assert tools.select(names) == kinds


def test_an_unknown_name_is_an_error_that_names_the_known(tools):
    with pytest.raises(UnknownToolError, match=r"^x, y: .* calculator, abacus$"):
        tools.select("x,calculator,y")


class FakeWorker:
    """As much of a handle as is used: says what a test scripts."""

    def __init__(self, said):
        self.tools = self
        self._said = said

    async def remote(self):
        if isinstance(self._said, Exception):
            raise self._said
        await asyncio.sleep(self._said if isinstance(self._said, float) else 0)
        return self._said


SPEC = ToolSpec(description="d", parameters={"type": "object"}, typical_duration_s=1.0)
MCP = AugmentationSection(type="mcp", options={"command": "server"})


async def test_a_worker_is_asked_for_tools_that_nobody_declares():
    sections = {"numbers": MCP, "calculator": AugmentationSection(type="calculator")}
    workers = {"numbers": FakeWorker({"add": SPEC, "count": SPEC})}
    tools = await ServerTools.of(sections, workers)
    assert [(tool.kind, tool.section) for tool in tools] == [
        ("add", "numbers"),
        ("count", "numbers"),
        ("calculator", "calculator"),
    ]
    assert tools.select("all") == ("add", "count", "calculator")


async def test_two_tools_of_one_name_are_told_apart_by_a_prefix():
    workers = {"numbers": FakeWorker({"calculator": SPEC})}
    sections = {"calculator": AugmentationSection(type="calculator"), "numbers": MCP}
    with pytest.raises(ValueError, match=r"calculator and numbers both have a tool .*prefix"):
        await ServerTools.of(sections, workers)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            RuntimeError("trace\nRuntimeError: the MCP server x does not start"),
            "numbers: the MCP",
        ),
        (9.0, r"numbers: its worker has not said within 0\.01 s"),
    ],
)
async def test_a_worker_that_cannot_say(said, message):
    with pytest.raises(RuntimeError, match=message):
        await ServerTools.of({"numbers": MCP}, {"numbers": FakeWorker(said)}, timeout_s=0.01)


def test_descriptions_are_defused():
    class Shouting:
        def defuse(self, text):
            return text.upper()

        def defuse_all(self, value):
            return {self.defuse(key): value for key, value in value.items()}

    (tool,) = ServerTools([ServerTool("add", "numbers", SPEC)]).defused(Shouting())
    assert (tool.kind, tool.description, tool.parameters) == ("add", "D", {"TYPE": "object"})
