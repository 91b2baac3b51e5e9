"""The calculator's numbers: exact where that is possible, bounded everywhere.

A value is an ``int`` or a ``Fraction`` (both exact) or, where a function is irrational or
an exact fraction would grow past the bound, a ``float``. Nothing here takes longer than
some microseconds, whatever its arguments: the bounds are checked before the work.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

Number = int | Fraction | float

MAX_BITS = 1024
"""Size limit of a whole number: 308 digits, what a float can still approximate."""

MAX_PLACES = 30
"""Most decimal places, before or after the point, that ``round`` takes."""

_TOO_LARGE = f"the result is too large: whole numbers may have {MAX_BITS} bits (308 digits)"


class ArithmeticRefusal(Exception):
    """An operation without an answer, or whose answer would be too large."""


@dataclass(frozen=True, slots=True)
class Function:
    """One named function.

    Attributes:
        max_arguments: None when there is no upper limit.
        whole: Whether every argument must be a whole number.
    """

    name: str
    apply: Callable[..., Number]
    min_arguments: int
    max_arguments: int | None
    whole: bool = False

    def __call__(self, *arguments: Number) -> Number:
        """Checks the arguments, applies the function and bounds its result."""
        count = len(arguments)
        if count < self.min_arguments or count > (self.max_arguments or count):
            raise ArithmeticRefusal(f"{self.name} takes {self._arity()}, not {count}")
        for argument in arguments:
            require_number(argument)
            if self.whole and not isinstance(argument, int):
                raise ArithmeticRefusal(
                    f"{self.name} takes whole numbers, not {format_number(argument)}"
                )
        return bounded(self.apply(*arguments))

    def _arity(self) -> str:
        low, high = self.min_arguments, self.max_arguments
        if high is None:
            return f"{low} or more numbers"
        if low == high:
            return f"{low} number{'' if low == 1 else 's'}"
        return f"{low} or {high} numbers"


def require_number(value: object) -> None:
    """Refuses what is no number, such as the name of a function without its arguments."""
    if isinstance(value, Function):
        raise ArithmeticRefusal(f"{value.name} needs its numbers in parentheses")
    if type(value) not in (int, Fraction, float):
        raise ArithmeticRefusal(f"{value!r} is not a number")


def bounded(value: Number) -> Number:
    """``value`` in its simplest type, within the size limit.

    Raises:
        ArithmeticRefusal: when it is not real, not finite or too large.
    """
    if isinstance(value, Fraction):
        if value.denominator == 1:
            value = value.numerator
        elif max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
            value = float(value)
    if isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise ArithmeticRefusal(_TOO_LARGE)
    elif isinstance(value, complex):
        raise ArithmeticRefusal("the result is not a real number")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ArithmeticRefusal(_TOO_LARGE)
    return value


def divide(a: Number, b: Number) -> Number:
    """``a / b``, exact for exact arguments."""
    if isinstance(a, float) or isinstance(b, float):
        return a / b
    return Fraction(a) / b


def power(base: Number, exponent: Number) -> Number:
    """``base ** exponent``; refused before it is computed when the result would be huge."""
    if isinstance(exponent, Fraction) or isinstance(base, float):
        return _real_power(base, exponent)
    if isinstance(exponent, float) or base in (0, 1, -1):
        return base**exponent
    size = max(abs(base.numerator), base.denominator)
    if math.log2(size) * abs(exponent) <= MAX_BITS:
        return Fraction(base) ** exponent
    if isinstance(base, Fraction) or exponent < 0:
        return _real_power(base, exponent)
    raise ArithmeticRefusal(_TOO_LARGE)


def _real_power(base: Number, exponent: Number) -> Number:
    if base < 0 and not isinstance(exponent, int):
        raise ArithmeticRefusal("a root of a negative number is not a real number")
    result: Number = float(base) ** float(exponent)
    if result == 0 and base != 0:
        raise ArithmeticRefusal("the result is too close to zero")
    return result


def _sqrt(x: Number) -> Number:
    if x < 0:
        raise ArithmeticRefusal("the square root of a negative number is not a real number")
    if not isinstance(x, float):
        exact = Fraction(x)
        root = Fraction(math.isqrt(exact.numerator), math.isqrt(exact.denominator))
        if root * root == exact:
            return root
    return math.sqrt(x)


def _log(x: Number, base: Number = 10) -> Number:
    if x <= 0 or base <= 0 or base == 1:
        raise ArithmeticRefusal("a logarithm needs a positive number and a base other than 1")
    logarithm = math.log10(x) if base == 10 else math.log(x) / math.log(base)
    nearest = round(logarithm)
    # log(1000, 10) is 2.9999999999999996 in floats: whole answers are taken exactly.
    return nearest if abs(nearest) <= MAX_BITS and power(base, nearest) == x else logarithm


def _ln(x: Number) -> Number:
    return _log(x, math.e)


def _round(x: Number, places: Number = 0) -> Number:
    if not isinstance(places, int) or abs(places) > MAX_PLACES:
        raise ArithmeticRefusal(f"round takes at most {MAX_PLACES} decimal places")
    unit = Fraction(10) ** -places
    # Halves go away from zero, as in school, not to the even neighbour as in Python.
    magnitude = math.floor(abs(Fraction(x)) / unit + Fraction(1, 2)) * unit
    return -magnitude if x < 0 else magnitude


def _factorial(n: int) -> int:
    if not 0 <= n <= 170:
        raise ArithmeticRefusal("factorial takes whole numbers from 0 to 170")
    return math.factorial(n)


def _choose(n: int, k: int) -> int:
    _require_counts("choose", n, k)
    k = min(k, n - k) if 0 <= k <= n else k
    # n over k is at most (n e / k)^k.
    if k > 0 and n > 0 and k * math.log2(n * math.e / k) > 2 * MAX_BITS:
        raise ArithmeticRefusal(_TOO_LARGE)
    return math.comb(n, k)


def _permutate(n: int, k: int) -> int:
    _require_counts("permutate", n, k)
    if k > 0 and n > 0 and k * math.log2(n) > 2 * MAX_BITS:
        raise ArithmeticRefusal(_TOO_LARGE)
    return math.perm(n, k)


def _require_counts(name: str, n: int, k: int) -> None:
    if n < 0 or k < 0:
        raise ArithmeticRefusal(f"{name} takes numbers from 0 up")


def _product(*numbers: Number) -> Number:
    product: Number = 1
    for number in numbers:
        product = bounded(product * number)
    return product


_TABLE = (
    Function("add", lambda *numbers: sum(numbers), 2, None),
    Function("subtract", lambda a, b: a - b, 2, 2),
    Function("multiply", _product, 2, None),
    Function("divide", divide, 2, 2),
    Function("remainder", lambda a, b: a % b, 2, 2),
    Function("power", power, 2, 2),
    Function("pow", power, 2, 2),
    Function("sqrt", _sqrt, 1, 1),
    Function("log", _log, 1, 2),
    Function("ln", _ln, 1, 1),
    Function("exp", lambda x: math.exp(x), 1, 1),
    Function("gcd", math.gcd, 2, None, whole=True),
    Function("lcm", math.lcm, 2, None, whole=True),
    Function("choose", _choose, 2, 2, whole=True),
    Function("permutate", _permutate, 2, 2, whole=True),
    Function("factorial", _factorial, 1, 1, whole=True),
    Function("abs", abs, 1, 1),
    Function("round", _round, 1, 2),
    Function("floor", math.floor, 1, 1),
    Function("ceil", math.ceil, 1, 1),
    Function("min", min, 2, None),
    Function("max", max, 2, None),
)
FUNCTIONS: Mapping[str, Function] = {function.name: function for function in _TABLE}


def format_number(value: Number) -> str:
    """``value`` as a short decimal.

    Whole numbers are written out. Others get six decimals (six significant digits below
    1), less trailing zeros; a float past 1e15, whose later digits mean nothing, gets ten
    significant digits.
    """
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and abs(value) >= 1e15:
        return f"{value:.10g}"
    if -1 < value < 1:
        return f"{float(value) + 0.0:.6g}"  # No negative zero.
    millionths = round(abs(Fraction(value)) * 10**6)
    whole, rest = divmod(millionths, 10**6)
    decimals = f"{rest:06}".rstrip("0")
    return ("-" if value < 0 else "") + (f"{whole}.{decimals}" if decimals else f"{whole}")
