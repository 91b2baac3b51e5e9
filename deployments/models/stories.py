"""The texts of the arithmetic questions, and the expressions that solve them.

Fields of a text: ``a b c`` are numbers, ``n m`` people, ``things`` what they own, ``box`` what
holds it (plural), ``r`` the result of the step before.
"""

from dataclasses import dataclass
from typing import Literal

from deployments.models.dialogue import words

Numbers = Literal["any", "falling", "small", "divisible", "money", "shared", "change"]


@dataclass(frozen=True, slots=True)
class Story:
    """One kind of question.

    Attributes:
        questions: Phrasings with the same meaning.
        steps: The expressions to calculate, one call each.
        answer: The final turn.
        numbers: What a, b and c may be: ``falling`` is a > b > c, ``small`` at most 20,
            ``divisible`` makes a a multiple of b, ``money`` gives b two decimals,
            ``shared`` makes a - b a multiple of c, ``change`` makes a more than b * c.
    """

    questions: tuple[str, ...]
    steps: tuple[str, ...]
    answer: str
    numbers: Numbers = "any"


PLAIN = "The answer is {r}."

PLAIN_STORIES = (
    Story(
        (
            "What is {a} times {b}?",
            "What is {a} * {b}?",
            "Multiply {a} by {b}.",
            "Compute {a} x {b}.",
            "What is the product of {a} and {b}?",
            "How much is {a} multiplied by {b}?",
            "{a} * {b} = ?",
        ),
        ("{a}*{b}",),
        PLAIN,
    ),
    Story(
        (
            "What is {a} plus {b}?",
            "What is {a} + {b}?",
            "Add {a} and {b}.",
            "Calculate {a} + {b}.",
            "What is the sum of {a} and {b}?",
            "How much is {a} plus {b}?",
            "{a}+{b}",
        ),
        ("{a}+{b}",),
        PLAIN,
    ),
    Story(
        (
            "What is {a} minus {b}?",
            "What is {a} - {b}?",
            "Subtract {b} from {a}.",
            "Calculate {a} - {b}.",
            "What is the difference between {a} and {b}?",
            "How much is {a} minus {b}?",
        ),
        ("{a}-{b}",),
        PLAIN,
    ),
    Story(
        (
            "What is {a} divided by {b}?",
            "What is {a} / {b}?",
            "Divide {a} by {b}.",
            "Compute {a} / {b}.",
            "How much is {a} over {b}?",
        ),
        ("{a}/{b}",),
        PLAIN,
    ),
    Story(
        ("What is {b}% of {a}?", "Calculate {b} percent of {a}.", "How much is {b}% of {a}?"),
        ("{a}*{b}/100",),
        PLAIN,
    ),
    Story(
        ("What is {a} * ({b} + {c})?", "Compute {a} times the sum of {b} and {c}."),
        ("{a}*({b}+{c})",),
        PLAIN,
    ),
    Story(
        ("What is ({a} + {b}) * {c}?", "Add {a} and {b}, then multiply by {c}."),
        ("({a}+{b})*{c}",),
        PLAIN,
    ),
    Story(
        ("What is {a} + {b} + {c}?", "Add up {a}, {b} and {c}.", "Sum {a}, {b} and {c}."),
        ("{a}+{b}+{c}",),
        PLAIN,
    ),
    Story(
        ("What is {a} * {b} - {c}?", "Multiply {a} by {b} and subtract {c}."),
        ("{a}*{b}-{c}",),
        PLAIN,
    ),
    Story(
        (
            "What is the square root of {a}?",
            "Calculate the square root of {a}.",
            "sqrt({a}) = ?",
        ),
        ("sqrt({a})",),
        PLAIN,
    ),
    Story(
        ("What is {a} squared?", "Calculate the square of {a}."),
        ("{a}**2",),
        PLAIN,
    ),
    Story(
        (
            "What is {a} to the power of {b}?",
            "Calculate {a}^{b}.",
            "Raise {a} to the power {b}.",
        ),
        ("{a}**{b}",),
        PLAIN,
        "small",
    ),
    Story(
        (
            "What is the gcd of {a} and {b}?",
            "What is the greatest common divisor of {a} and {b}?",
        ),
        ("gcd({a}, {b})",),
        PLAIN,
    ),
    Story(
        (
            "What is the lcm of {a} and {b}?",
            "What is the least common multiple of {a} and {b}?",
        ),
        ("lcm({a}, {b})",),
        PLAIN,
    ),
    Story(
        (
            "What is the remainder of {a} divided by {b}?",
            "What remains when {a} is divided by {b}?",
        ),
        ("remainder({a}, {b})",),
        PLAIN,
    ),
    Story(
        (
            "In how many ways can you choose {b} out of {a}?",
            "How many ways are there to choose {b} of {a} people?",
        ),
        ("choose({a}, {b})",),
        "There are {r} ways.",
        "small",
    ),
    Story(
        ("What is the natural logarithm of {a}?", "Calculate ln of {a}."),
        ("ln({a})",),
        PLAIN,
    ),
)

ONE_STEP_STORIES = (
    Story(
        (
            "{n} has {a} {box} of {b} {things}. How many {things} does {n} have?",
            "{n} has {a} {box} with {b} {things} each. How many {things} are there in total?",
            "There are {b} {things} in each of {a} {box}. How many {things} are there?",
            "{n} buys {a} {box} of {things}. Each holds {b} {things}. "
            "How many {things} is that?",
        ),
        ("{a}*{b}",),
        "There are {r} {things}.",
    ),
    Story(
        (
            "{n} has {a} {things} and buys {b} more. How many {things} does {n} have now?",
            "{n} has {a} {things}. {m} gives {n} {b} more. How many {things} does {n} have?",
            "{n} found {a} {things} yesterday and {b} today. How many {things} did {n} find?",
        ),
        ("{a}+{b}",),
        "{n} has {r} {things}.",
    ),
    Story(
        (
            "{n} has {a} {things} and {m} has {b}. How many {things} do they have together?",
            "{n} has {a} {things}. {m} has {b} {things}. How many do they have in total?",
        ),
        ("{a}+{b}",),
        "Together they have {r} {things}.",
    ),
    Story(
        (
            "{n} has {a} {things} and gives away {b}. How many {things} are left?",
            "{n} had {a} {things} and lost {b}. How many {things} does {n} still have?",
            "There are {a} {things}. {n} takes {b} of them. How many {things} remain?",
            "{n} bakes {a} {things} and sells {b}. How many {things} are left?",
        ),
        ("{a}-{b}",),
        "{r} {things} are left.",
        "falling",
    ),
    Story(
        (
            "{n} has {a} {things} and {m} has {b}. How many more {things} does {n} have?",
            "{n} collected {a} {things}, {m} only {b}. How many more did {n} collect?",
        ),
        ("{a}-{b}",),
        "{n} has {r} more {things}.",
        "falling",
    ),
    Story(
        (
            "{n} shares {a} {things} equally among {b} friends. How many does each friend get?",
            "{a} {things} are split evenly between {b} children. How many does each child get?",
            "{n} puts {a} {things} into {b} {box}, the same number in each. "
            "How many per piece?",
        ),
        ("{a}/{b}",),
        "Each gets {r} {things}.",
        "divisible",
    ),
    Story(
        (
            "One of the {things} costs {b} dollars. How much do {a} {things} cost?",
            "{n} buys {a} {things} for ${b} each. How much does {n} pay?",
            "{a} {things} cost ${b} each. What is the total price?",
        ),
        ("{a}*{b}",),
        "The total is {r} dollars.",
        "money",
    ),
    Story(
        (
            "{n} drives {a} kilometres an hour for {b} hours. How far does {n} get?",
            "A train goes {a} km per hour. How far does it travel in {b} hours?",
        ),
        ("{a}*{b}",),
        "The distance is {r} kilometres.",
    ),
    Story(
        (
            "A room is {a} metres long and {b} metres wide. What is its area?",
            "What is the area of a rectangle of {a} by {b} metres?",
        ),
        ("{a}*{b}",),
        "The area is {r} square metres.",
    ),
    Story(
        (
            "{n} earns {a} dollars a week. How much does {n} earn in {b} weeks?",
            "{n} saves ${a} every month. How much has {n} saved after {b} months?",
        ),
        ("{a}*{b}",),
        "{n} has {r} dollars.",
    ),
    Story(
        ("A shirt costs {a} dollars and is {b}% off. How many dollars is the discount?",),
        ("{a}*{b}/100",),
        "The discount is {r} dollars.",
    ),
    Story(
        ("{b}% of the {a} {things} are red. How many {things} are red?",),
        ("{a}*{b}/100",),
        "{r} {things} are red.",
    ),
)

TWO_STEP_STORIES = (
    Story(
        (
            "{n} has {a} {box} of {b} {things} and buys {c} more. How many {things} now?",
            "{n} has {a} {box} with {b} {things} each, and {c} loose {things}. "
            "How many in all?",
            "{n} has {a} {box} of {b} {things}. {m} brings {c} more {things}. "
            "How many are there?",
        ),
        ("{a}*{b}", "{r}+{c}"),
        "There are {r} {things}.",
    ),
    Story(
        (
            "{n} has {a} {box} of {b} {things} and loses {c}. How many {things} are left?",
            "{n} buys {a} {box} with {b} {things} each and gives {c} to {m}. "
            "How many are left?",
        ),
        ("{a}*{b}", "{r}-{c}"),
        "{r} {things} are left.",
    ),
    Story(
        (
            "{n} has {a} {things} and {m} has {b}. Each costs {c} dollars. What do all cost?",
            "{n} buys {a} {things} and {m} buys {b}. Each costs ${c}. How much do they pay?",
        ),
        ("{a}+{b}", "{r}*{c}"),
        "Together that is {r} dollars.",
    ),
    Story(
        ("{n} has {a} {things}, buys {b} more and then gives {c} away. How many are left?",),
        ("{a}+{b}", "{r}-{c}"),
        "{r} {things} are left.",
        "falling",
    ),
    Story(
        ("{n} had {a} {things}, found {b} and lost {c}. How many {things} does {n} have now?",),
        ("{a}+{b}", "{r}-{c}"),
        "{n} has {r} {things}.",
        "falling",
    ),
    Story(
        (
            "{n} has {a} {things} and gives away {b}. The rest goes equally to {c} friends. "
            "How many does each friend get?",
            "Of {a} {things}, {b} are broken. {n} puts the others into {c} equal {box}. "
            "How many are in each?",
        ),
        ("{a}-{b}", "{r}/{c}"),
        "Each has {r} {things}.",
        "falling",
    ),
    Story(
        (
            "{n} pays with ${a} for {b} {things} that cost ${c} each. How much is the change?",
            "{n} has {a} dollars and buys {b} {things} for {c} dollars each. What is left?",
        ),
        ("{b}*{c}", "{a}-{r}"),
        "{r} dollars are left.",
    ),
)

NAMES = words(
    "Alice Ann Anna Ben Bob Cara Carol Dan David Emma Eva Finn Frank Grace Gus Hana Henry "
    "Irene Ivan Jack Jane Julia Kai Karen Lena Leo Lucy Mark Mary Max Nick Nora Olga Omar "
    "Paul Peter Pia Quinn Rita Rosa Sam Sara Simon Steve Tara Tina Tom Uma Vera Victor "
    "Wendy Will Xena Yara Zoe"
)

THINGS = words(
    "apples balls books bottles buttons cakes candles cards chairs coins cookies cups eggs "
    "hats keys lamps lemons marbles nails oranges pencils pens photos plants plates shells "
    "shirts spoons stamps stars stickers tickets toys"
)

BOXES = words("bags baskets boxes crates jars packs rows shelves trays")
