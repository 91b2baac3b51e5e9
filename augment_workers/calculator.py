"""Arithmetic for language models: exact, bounded, and no Python in disguise."""

import ast
import operator
import re
from collections.abc import AsyncIterator, Callable
from fractions import Fraction
from math import e, pi
from typing import Any, ClassVar

from simpleeval import (  # type: ignore[import-untyped]
    FunctionNotDefined,
    InvalidExpression,
    NameNotDefined,
    SimpleEval,
)

from augment_workers.arithmetic import (
    FUNCTIONS,
    ArithmeticRefusal,
    Number,
    bounded,
    divide,
    format_number,
    power,
    require_number,
)
from augment_workers.base import Augmentation, AugmentationError
from intercept_core.bus.messages import Call, Event

MAX_CHARACTERS = 300
MAX_NESTING = 30

_TOKEN = re.compile(
    r"""(?P<grouped>\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?)
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<name>[A-Za-z_]\w*)
      | (?P<symbol>\*\*|//|[-+*/%(),])
      | (?P<space>\s+)""",
    re.VERBOSE | re.ASCII,
)
_SIGNS = str.maketrans(
    {
        "\N{MULTIPLICATION SIGN}": "*",
        "\N{DIVISION SIGN}": "/",
        "\N{MINUS SIGN}": "-",
        "\N{EN DASH}": "-",
        "^": "**",
        "$": "",
    }
)


class Calculator(Augmentation):
    """Evaluates one expression; see :func:`evaluate` for the language."""

    kind = "calculator"
    description = (
        "Evaluates arithmetic exactly: + - * / // % **, parentheses and "
        f"{', '.join(FUNCTIONS)}."
    )
    parameters: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {
            "expression": {"type": "string", "description": "For example (3+4)*12/5."}
        },
        "required": ["expression"],
        "additionalProperties": False,
    }
    typical_duration_s = 1e-4

    async def run(self, call: Call) -> AsyncIterator[Event]:
        """Yields the value; see :func:`evaluate` for the errors."""
        yield call.result(evaluate(call.arguments["expression"]))


def evaluate(expression: str) -> str:
    """The value of ``expression`` as a short decimal.

    The language is numbers, ``+ - * / // % ** ^`` (a power), parentheses, ``pi``, ``e``
    and the functions of :data:`~augment_workers.arithmetic.FUNCTIONS`. Whole numbers and
    decimals are computed as exact fractions, so ``0.1+0.2`` is ``0.3``. ``%`` is the
    remainder, never a percentage. A trailing ``=`` and dollar signs are ignored.

    A comma between groups of three digits is a thousands comma (``1,200*3`` is 3600),
    except directly between the parentheses of a function that takes several numbers:
    there it parts arguments, so ``gcd(12,180)`` is 12 and ``gcd(1,200)`` is 1, while
    ``sqrt(1,296)`` is 36.

    Raises:
        AugmentationError: when the expression cannot be read, has no real answer, or is
            too long, too deep or too large; within about a millisecond in every case.
    """
    if len(expression) > MAX_CHARACTERS:
        raise AugmentationError(
            f"The expression has {len(expression)} characters, at most {MAX_CHARACTERS} work."
        )
    try:
        value = _EVALUATOR.eval(_rewrite(expression.translate(_SIGNS).rstrip("= \n")))
        require_number(value)
        return format_number(value)
    except ZeroDivisionError:
        reason = "division by zero"
    except ArithmeticRefusal as error:
        reason = str(error)
    except FunctionNotDefined as error:
        reason = f"there is no function {error.func_name}, only {', '.join(FUNCTIONS)}"
    except NameNotDefined as error:
        reason = f"{error.name} is not a number; only pi and e have names"
    except OverflowError:
        reason = "a number is too large"
    except RecursionError:
        reason = "it is nested too deeply"
    except (SyntaxError, InvalidExpression):
        reason = "it is not arithmetic; write it like (3+4)*12/5 or gcd(12, 18)"
    raise AugmentationError(f"Cannot calculate {expression[:80]!r}: {reason}.")


def _rewrite(expression: str) -> str:
    """The expression as spaced tokens, thousands commas resolved.

    The spaces keep Python's lexer from seeing anything but decimal numbers, names and the
    operators above: no attributes, strings, hexadecimal or imaginary numbers get through.
    """
    tokens: list[str] = []
    parts_arguments: list[bool] = []
    position = 0
    while position < len(expression):
        match = _TOKEN.match(expression, position)
        if match is None:
            raise ArithmeticRefusal(f"{expression[position]!r} is not understood")
        text, kind = match.group(), match.lastgroup
        if kind == "grouped" and parts_arguments and parts_arguments[-1]:
            text = text.split(",", 1)[0]
        position += len(text)
        if kind == "name":
            text = text.lower()
        elif text == "(":
            function = FUNCTIONS.get(tokens[-1]) if tokens else None
            parts_arguments.append(function is not None and function.max_arguments != 1)
            if len(parts_arguments) > MAX_NESTING:
                raise ArithmeticRefusal(f"more than {MAX_NESTING} parentheses are nested")
        elif text == ")" and parts_arguments:
            parts_arguments.pop()
        if kind != "space":
            tokens.append(text.replace(",", "") if kind == "grouped" else text)
    return " ".join(tokens)


class _Evaluator(SimpleEval):  # type: ignore[misc]
    """simpleeval without everything that is not arithmetic, and with exact numbers."""

    def __init__(self) -> None:
        super().__init__(
            operators={
                ast.Add: _checked(operator.add),
                ast.Sub: _checked(operator.sub),
                ast.Mult: _checked(operator.mul),
                ast.Div: _checked(divide),
                ast.FloorDiv: _checked(operator.floordiv),
                ast.Mod: _checked(operator.mod),
                ast.Pow: _checked(power),
                ast.USub: _checked(operator.neg),
                ast.UAdd: _checked(operator.pos),
            },
            functions=dict(FUNCTIONS),
            names={"pi": pi, "e": e},
        )
        self.nodes = {
            ast.Expr: self._eval_expr,
            ast.UnaryOp: self._eval_unaryop,
            ast.BinOp: self._eval_binop,
            ast.Call: self._eval_call,
            ast.Name: self._eval_name,
            ast.Constant: self._eval_number,
        }

    @staticmethod
    def _eval_number(node: ast.Constant) -> Any:
        value: Any = node.value
        require_number(value)
        bounded(value)
        # The shortest text of a float is the decimal that was written.
        return bounded(Fraction(repr(value))) if isinstance(value, float) else value


def _checked(apply: Callable[..., Number]) -> Callable[..., Number]:
    def operation(*operands: Number) -> Number:
        for operand in operands:
            require_number(operand)
        return bounded(apply(*operands))

    return operation


_EVALUATOR = _Evaluator()
