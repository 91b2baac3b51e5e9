import pytest

from deployments.config import AugmentationSection
from deployments.server_tools import ServerTools, UnknownToolError


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
