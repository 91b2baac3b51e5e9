import time
from fractions import Fraction

import pytest
from calls import make_call
from hypothesis import given
from hypothesis import strategies as st

from augment_workers.base import AugmentationError
from augment_workers.calculator import MAX_CHARACTERS, Calculator, evaluate


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("12*7", "84"),
        ("(3+4)*5-6/2", "32"),
        ("-7 % 3", "2"),
        ("7//2", "3"),
        ("10/5", "2"),
        ("10/4", "2.5"),
        ("1/3", "0.333333"),
        ("1/3*3", "1"),
        ("0.1+0.2", "0.3"),
        ("2/3", "0.666667"),
        ("1234567.8912345", "1234567.891234"),
        ("0.00001234567", "1.23457e-05"),
        ("1 - 1/10**9", "1"),
        ("-0.0", "0"),
        ("-sqrt(2)*0", "0"),
        ("2**100", "1267650600228229401496703205376"),
        ("10**20/10**18", "100"),
        ("2**-3", "0.125"),
        ("2^10", "1024"),
        ("2*3^2", "18"),
        ("2**0.5", "1.414214"),
        ("1000*1.0041667**360", "4467.797705"),
        ("(-1)**99999999", "-1"),
        ("5*$3 =", "15"),
        ("3×4÷2−1", "5"),  # noqa: RUF001
        ("pi*2", "6.283185"),
    ],
)
def test_infix(expression: str, value: str) -> None:
    assert evaluate(expression) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("add(1, 2, 3)", "6"),
        ("subtract(5, 8)", "-3"),
        ("multiply(12, 7)", "84"),
        ("divide(7, 2)", "3.5"),
        ("remainder(10, 3)", "1"),
        ("power(2, 10)", "1024"),
        ("pow(2, 0.5)", "1.414214"),
        ("sqrt(144)", "12"),
        ("sqrt(2)", "1.414214"),
        ("sqrt(10**300)", "1" + "0" * 150),
        ("sqrt(2.25)", "1.5"),
        ("log(1000)", "3"),
        ("log(8, 2)", "3"),
        ("floor(log(1000, 10))", "3"),
        ("log(2)", "0.30103"),
        ("ln(e)", "1"),
        ("exp(1)", "2.718282"),
        ("gcd(12, 18)", "6"),
        ("lcm(4, 6, 10)", "60"),
        ("choose(5, 2)", "10"),
        ("permutate(5, 2)", "20"),
        ("factorial(20)", "2432902008176640000"),
        ("abs(-3)", "3"),
        ("round(2.5)", "3"),
        ("round(-2.5)", "-3"),
        ("round(2.675, 2)", "2.68"),
        ("round(1234, -2)", "1200"),
        ("floor(-1.5)", "-2"),
        ("ceil(7/2)", "4"),
        ("min(3, 1, 2)", "1"),
        ("max(3, 1, 2)", "3"),
        ("Sqrt(16) + GCD(4, 6)", "6"),
    ],
)
def test_functions(expression: str, value: str) -> None:
    assert evaluate(expression) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1,200*3", "3600"),
        ("1,000,000.5*2", "2000001"),
        ("(1,200+5)*3", "3615"),
        ("gcd(12,180)", "12"),
        ("gcd(1,200)", "1"),
        ("gcd(12,180,210)", "6"),
        ("sqrt(1,296)", "36"),
        ("add((1,200),3)", "1203"),
        ("max(sqrt(1,296),100)", "100"),
    ],
)
def test_commas(expression: str, value: str) -> None:
    assert evaluate(expression) == value


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("9**9**9", "too large"),
        ("2**10**8", "too large"),
        ("0.5**5000", "too close to zero"),
        ("9" * 299 + "*" * 2 + "9", "characters"),
        ("10**308*10", "too large"),
        ("1e400", "too large"),
        ("exp(1000)", "too large"),
        ("factorial(10**7)", "0 to 170"),
        ("factorial(-1)", "0 to 170"),
        ("choose(10**6,5*10**5)", "too large"),
        ("choose(5, -1)", "from 0 up"),
        ("permutate(10**6,10**5)", "too large"),
        ("lcm(10**300, 10**299+1)", "too large"),
        ("round(1.5, 10**9)", "at most 30"),
        ("(" * 290, "nested"),
        ("(" * 40 + "1" + ")" * 40, "nested"),
        ("2**" * 99 + "2", "too large"),
        ("1/0", "division by zero"),
        ("0**-1", "division by zero"),
        ("5 % 0", "division by zero"),
        ("sqrt(-4)", "not a real number"),
        ("(-8)**(1/3)", "not a real number"),
        ("log(0)", "positive number"),
        ("log(5, 1)", "positive number"),
        ("", "not arithmetic"),
        ("five times six", "not arithmetic"),
        ("1,20*3", "not arithmetic"),
        ("1,2", "not arithmetic"),
        ("1or 2", "not arithmetic"),
        ("0x10", "not arithmetic"),
        ("1_000", "not arithmetic"),
        ("2j", "not arithmetic"),
        ("add(*3)", "not arithmetic"),
        ("1 if 2 else 3", "not arithmetic"),
        ("foo(3)", "no function foo, only add"),
        ("x+1", "x is not a number"),
        ("True", "not a number"),
        ("sqrt", "in parentheses"),
        ("sqrt*2", "in parentheses"),
        ("max(sqrt, 2)", "in parentheses"),
        ("sqrt(1,2)", "takes 1 number, not 2"),
        ("log(1,2,3)", "takes 1 or 2 numbers, not 3"),
        ("add(1)", "takes 2 or more numbers, not 1"),
        ("gcd(1.5, 2)", "whole numbers, not 1.5"),
        ('__import__("os").system("id")', "not understood"),
        ("().__class__", "not understood"),
        ("[x for x in 1]", "not understood"),
        ('"a"*9', "not understood"),
        ("add(1, b=2)", "not understood"),
        ("1;2", "not understood"),
    ],
)
def test_refuses(expression: str, reason: str) -> None:
    started_s = time.thread_time()
    with pytest.raises(AugmentationError, match=reason):
        evaluate(expression)
    # The bound is a millisecond; the slack is for a slow machine, not for hangs.
    assert time.thread_time() - started_s < 0.5


def test_long_sums_work() -> None:
    assert evaluate("1+" * (MAX_CHARACTERS // 2 - 1) + "1") == str(MAX_CHARACTERS // 2)


@st.composite
def _expressions(draw: st.DrawFn, depth: int = 3) -> tuple[str, Fraction]:
    if depth == 0 or draw(st.booleans()):
        number = draw(st.decimals(-(10**6), 10**6, places=2))
        return f"({number})", Fraction(number)
    left, left_value = draw(_expressions(depth=depth - 1))
    right, right_value = draw(_expressions(depth=depth - 1))
    match draw(st.sampled_from("+-*")):
        case "+":
            return f"({left}+{right})", left_value + right_value
        case "-":
            return f"({left}-{right})", left_value - right_value
        case _:
            return f"({left}*{right})", left_value * right_value


@given(_expressions())
def test_agrees_with_exact_fractions(case: tuple[str, Fraction]) -> None:
    expression, value = case
    difference = evaluate(f"{expression}-({value.numerator}/{value.denominator})")
    assert difference == "0"


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=5))
def test_thousands_commas_change_nothing_outside_functions(numbers: list[int]) -> None:
    assert evaluate("+".join(f"{number:,}" for number in numbers)) == str(sum(numbers))


@given(st.text(alphabet="0123456789.,+-*/%()^ esqrtlogcdmahfi", max_size=40))
def test_any_text_gives_a_number_or_an_error(text: str) -> None:
    try:
        value = evaluate(text)
    except AugmentationError:
        return
    float(value)


async def test_calculator_answers_a_call() -> None:
    call = make_call(arguments={"expression": "6*7"})
    events = [event async for event in Calculator().run(call)]
    assert events == [call.result("42")]
