"""The tags of ChatML and of Hermes tool calls, and the text around a tool's result."""

from pathlib import Path

TEXT_END = "<|endoftext|>"
TURN_START = "<|im_start|>"
TURN_END = "<|im_end|>"
TAGS = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
"""One token each, and not special, so that detokenised text keeps them."""

CALL_END = TAGS[1]
"""The engine intercepts at this token."""

GENERATION_PROMPT = f"{TURN_START}assistant\n"
RESULT_PREFIX = f"{TURN_END}\n{TURN_START}tool\n<tool_response>\n"
RESULT_SUFFIX = f"\n</tool_response>{TURN_END}\n{GENERATION_PROMPT}"

CHAT_TEMPLATE_FILE = Path(__file__).parent / "chat_template.jinja"


def inserted(result: str) -> str:
    """What follows ``</tool_call>``: a tool's ``result`` and the opening of the next turn."""
    return RESULT_PREFIX + result + RESULT_SUFFIX
