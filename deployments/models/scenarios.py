"""More arithmetic questions, put together of many beginnings and endings.

Fields beside those of :mod:`deployments.models.stories`: ``s`` is who it is about, ``t`` the
same inside a sentence. What happens is told in the past, so that verbs fit everybody.
"""

from itertools import product

from deployments.models.stories import PLAIN, Numbers, Story

SUBJECTS = (
    *("I", "We", "They", "My aunt", "My neighbours", "Our class", "A gardener", "The cook"),
    *("A painter", "Two brothers", "The museum", "A small shop", "The twins", "A carpenter"),
    *("The mayor", "A tailor", "My grandfather", "Our team", "The school", "A fisherman"),
)

FRAMES = (
    "Determine {}.",
    "Please calculate {}.",
    "Can you compute {}?",
    "Figure out {} for me.",
    "How much would {} be?",
    "I need to know {}.",
    "Give me {}.",
    "Evaluate {}.",
    "Solve {}.",
    "Tell me {}.",
    "Find {}.",
    "{}, please.",
    "{}?",
    "Quick question: what is {}?",
    "What does {} come to?",
    "Any idea what {} is?",
    "Let me have the result of {}.",
    "My homework asks for {}.",
    "Could you check what {} is?",
    "I wonder how much {} is.",
    "Use the calculator for {}.",
)

_OPERATIONS: tuple[tuple[str, Numbers, tuple[str, ...]], ...] = (
    (
        "{a}+{b}",
        "any",
        ("{a} + {b}", "{a} plus {b}", "the sum of {a} and {b}", "{b} more than {a}"),
    ),
    ("{a}-{b}", "falling", ("{a} - {b}", "{a} minus {b}", "{a} less {b}", "{b} less than {a}")),
    (
        "{a}*{b}",
        "any",
        (
            *("{a} * {b}", "{a} x {b}", "{a} times {b}", "{a} multiplied by {b}"),
            "the product of {a} and {b}",
        ),
    ),
    (
        "{a}/{b}",
        "divisible",
        ("{a} / {b}", "{a} : {b}", "{a} divided by {b}", "{a} over {b}"),
    ),
    ("{a}*{b}/100", "any", ("{b}% of {a}", "{b} percent of {a}")),
    ("sqrt({a})", "any", ("the square root of {a}", "the root of {a}", "sqrt({a})")),
    ("{a}**2", "any", ("{a} squared", "the square of {a}")),
    ("{a}**3", "small", ("{a} cubed", "the cube of {a}")),
    ("{a}**{b}", "small", ("{a}^{b}", "{a} to the power of {b}", "{a} raised to {b}")),
    ("{a}/3", "any", ("a third of {a}",)),
    ("{a}/4", "any", ("a quarter of {a}",)),
    ("{a}/5", "any", ("a fifth of {a}",)),
    ("{a}*2", "any", ("twice {a}", "double {a}")),
    ("{a}*3", "any", ("three times {a}", "triple {a}")),
    ("({a}+{b})/2", "any", ("the mean of {a} and {b}", "the average of {a} and {b}")),
    ("{a}+{b}+{c}", "any", ("{a} + {b} + {c}", "{a} plus {b} plus {c}")),
    ("{a}*{b}+{c}", "any", ("{a} * {b} + {c}", "{a} times {b} plus {c}")),
    ("{a}*({b}+{c})", "any", ("{a} * ({b} + {c})", "{a} times the sum of {b} and {c}")),
    ("gcd({a}, {b})", "any", ("the greatest common divisor of {a} and {b}",)),
    ("lcm({a}, {b})", "any", ("the least common multiple of {a} and {b}",)),
    ("remainder({a}, {b})", "any", ("the remainder of {a} divided by {b}",)),
    ("ln({a})", "any", ("the natural logarithm of {a}",)),
)

OPERATION_STORIES = tuple(
    Story(
        tuple(frame.format(said) for frame, said in product(FRAMES, sayings)),
        (expression,),
        PLAIN,
        numbers,
    )
    for expression, numbers, sayings in _OPERATIONS
)

CONVERSION_STORIES = tuple(
    Story(questions, (f"{{a}}*{factor}",), PLAIN)
    for factor, questions in (
        (7, ("How many days are {a} weeks?", "Convert {a} weeks to days.")),
        (24, ("How many hours do {a} days have?", "Express {a} days in hours.")),
        (60, ("How many seconds are {a} minutes?", "Turn {a} minutes into seconds.")),
        (12, ("How many months make {a} years?", "{a} years, expressed in months?")),
        (12, ("How many eggs are {a} dozen?", "{s} bought {a} dozen eggs. How many eggs?")),
        (100, ("Convert {a} metres to centimetres.", "How many cents are {a} dollars?")),
        (1000, ("{a} kilos are how many grams?", "How many metres are {a} kilometres?")),
        (4, ("How many wheels do {a} cars have?", "How many legs have {a} horses?")),
        (8, ("How many legs have {a} spiders?", "Count the arms of {a} octopuses.")),
        (2, ("How many shoes are {a} pairs?", "{a} cyclists: how many wheels?")),
    )
)


def _stories(
    tellings: tuple[str, ...],
    endings: tuple[str, ...],
    steps: tuple[str, ...],
    answer: str,
    numbers: Numbers = "any",
) -> Story:
    """Every telling with every ending."""
    pairs = product(tellings, endings)
    return Story(tuple(f"{told} {ending}" for told, ending in pairs), steps, answer, numbers)


_TOTAL = (
    "How many {things} were there in total?",
    "Find the total number of {things}.",
    "Taken together, how many {things} were there?",
    "How many {things} does that make?",
    "How many is that overall?",
)
_REST = (
    "How many {things} were left over?",
    "What number remained?",
    "How many {things} were still there?",
    "Calculate what remained.",
    "How many does that leave?",
)
_BILL = (
    "What was the bill?",
    "How much was that?",
    "How much money was needed?",
    "Calculate the price of them all.",
)

SCENARIOS = (
    _stories(
        (
            "{s} picked {a} {things} before lunch and {b} after it.",
            "{s} painted {a} {things} in May and {b} in June.",
            "{a} {things} lay in the cellar and {b} in the attic.",
            "{s} owned {a} {things} and inherited another {b}.",
            "In the first hour {a} {things} arrived, in the second {b}.",
            "{s} counted {a} red {things} and {b} blue ones.",
            "{s} already had {a} {things} when a parcel with {b} more came.",
            "One drawer held {a} {things}, the other {b}.",
            "{s} wrapped {a} {things}; {n} wrapped {b}.",
            "{n} gave {a} {things} to the fair, and {m} gave {b}.",
        ),
        _TOTAL,
        ("{a}+{b}",),
        "There are {r} {things}.",
    ),
    _stories(
        (
            "{s} mended {a} {things} and threw {b} of them away.",
            "Of {a} {things}, {b} got lost.",
            "There were {a} {things} in the window until {n} bought {b}.",
            "{s} began with {a} {things}; by evening {b} had been used up.",
            "A chest held {a} {things}. {n} removed {b}.",
            "{a} {things} stood on the table before {b} fell off.",
            "{s} had to deliver {a} {things} and delivered {b} on the first day.",
            "{s} lent {b} of {a} {things} to {n}.",
        ),
        _REST,
        ("{a}-{b}",),
        "{r} {things} are left.",
        "falling",
    ),
    _stories(
        (
            "{s} wanted {a} {things} but owned just {b}.",
            "The plan called for {a} {things}. {n} brought {b}.",
            "{s} set out to collect {a} {things} and found {b} by noon.",
            "An album had room for {a} {things}, and {b} were in it.",
        ),
        (
            "How many more were needed?",
            "How many {things} were still to come?",
            "How many were lacking?",
            "What was the shortfall?",
        ),
        ("{a}-{b}",),
        "{r} more {things} are needed.",
        "falling",
    ),
    _stories(
        (
            "{n} scored {a} points and {m} {b}.",
            "This tower is {a} metres high and that one {b} metres.",
            "The red rope measures {a} centimetres, the green one {b}.",
            "A sofa costs {a} dollars, an armchair {b}.",
            "{n} walked {a} steps while {m} walked {b}.",
            "One village has {a} inhabitants, the next one {b}.",
        ),
        (
            "What is the difference?",
            "By how much do they differ?",
            "How much more is the first?",
            "How large is the gap between them?",
        ),
        ("{a}-{b}",),
        "The difference is {r}.",
        "falling",
    ),
    _stories(
        (
            "{s} stacked {a} {box}, and every one held {b} {things}.",
            "Each of the {a} {box} contained {b} {things}.",
            "A hall had {a} rows. In every row stood {b} {things}.",
            "{a} children brought {b} {things} each.",
            "{s} sorted the {things} into {a} {box} of {b}.",
            "Every day for {a} days, {t} made {b} {things}.",
            "On each of {a} pages there were {b} {things}.",
            "{s} ordered {a} {box}; a single one came with {b} {things}.",
            "{a} guests took {b} {things} each.",
        ),
        _TOTAL,
        ("{a}*{b}",),
        "There are {r} {things}.",
    ),
    _stories(
        (
            "{s} took {a} {things} to the till. One was {b} dollars.",
            "{s} ordered {a} {things}, each priced at ${b}.",
            "{a} {things} went for {b} dollars each.",
            "{s} hired {a} {things}, and the fee for each was {b} dollars.",
        ),
        _BILL,
        ("{a}*{b}",),
        "The total is {r} dollars.",
        "money",
    ),
    Story(
        (
            "A machine makes {a} {things} an hour. What does it make in {b} hours?",
            "{s} typed {a} words a minute for {b} minutes. How long was the text?",
            "A tap fills {a} litres a minute. How much water flows in {b} minutes?",
            "A hotel room costs {a} dollars a night. How much are {b} nights?",
            "A plane covers {a} kilometres an hour. How far is it after {b} hours?",
            "{s} put aside {a} dollars a week. How much was it after {b} weeks?",
            "A printer does {a} sheets a minute. How many sheets does it do in {b} minutes?",
            "A garden is {a} metres by {b} metres. Find its area.",
            "How large is a field that is {a} metres long and {b} metres wide?",
        ),
        ("{a}*{b}",),
        PLAIN,
    ),
    Story(
        (
            "{s} dealt {a} {things} out to {b} children, the same number to each. "
            "What was the share of one?",
            "{a} {things} fill exactly {b} equal {box}. How many {things} go into one?",
            "{b} friends won {a} dollars and split them fairly. How much for each?",
            "A ribbon of {a} centimetres is cut into {b} equal pieces. How long are they?",
            "{s} drove {a} kilometres in {b} hours. How fast was that?",
            "{a} pupils form {b} groups of one size. How many are in a group?",
            "If {a} {things} go evenly to {b} people, what does each person get?",
        ),
        ("{a}/{b}",),
        "Each gets {r}.",
        "divisible",
    ),
    Story(
        (
            "The bill is {a} dollars and the tip {b} percent. How much is the tip?",
            "A bank pays {b}% interest on {a} dollars. How many dollars is that?",
            "Of {a} voters, {b} percent said yes. How many was that?",
            "{s} saved {b}% of {a} dollars. How much was saved?",
        ),
        ("{a}*{b}/100",),
        PLAIN,
    ),
    Story(
        (
            "What is the perimeter of a rectangle of {a} by {b} metres?",
            "How long is a fence around a field of {a} by {b} metres?",
        ),
        ("2*({a}+{b})",),
        PLAIN,
    ),
)

TWO_STEP_SCENARIOS = (
    _stories(
        (
            "{s} stacked {a} {box} of {b} {things} and put {c} {things} on top.",
            "There were {a} {box} with {b} {things} in every one, and {c} more on the floor.",
            "{a} children brought {b} {things} each, and the teacher brought {c}.",
            "For {a} days {t} made {b} {things} a day, then another {c}.",
        ),
        _TOTAL,
        ("{a}*{b}", "{r}+{c}"),
        "There are {r} {things}.",
    ),
    _stories(
        (
            "{s} filled {a} {box}, {b} {things} in every one, and later {c} got lost.",
            "There were {a} {box} of {b} {things} until {n} borrowed {c} {things}.",
            "{a} guests brought {b} {things} each. {c} of them were thrown away.",
        ),
        _REST,
        ("{a}*{b}", "{r}-{c}"),
        "{r} {things} are left.",
    ),
    _stories(
        (
            "{n} ordered {a} {things} and {m} {b}, all at {c} dollars.",
            "{s} took {a} big {things} and {b} small ones, each for ${c}.",
        ),
        _BILL,
        ("{a}+{b}", "{r}*{c}"),
        "The total is {r} dollars.",
    ),
    _stories(
        (
            "{s} had {a} {things}, got {b} for a birthday and lost {c}.",
            "{a} {things} were in the shop. {b} were delivered and {c} were sold.",
            "{s} found {a} {things} on Monday, {b} on Tuesday, and gave {c} back.",
        ),
        _REST,
        ("{a}+{b}", "{r}-{c}"),
        "{r} {things} are left.",
        "falling",
    ),
    _stories(
        (
            "{s} had {a} {things}, kept {b} and dealt the others out to {c} friends.",
            "From {a} {things}, {n} removed {b}; what was left went evenly into {c} {box}.",
            "{s} made {a} {things}, sold {b} and packed the rest into {c} equal {box}.",
        ),
        ("How many was that for each?", "How many {things} made one share?", "Find one share."),
        ("{a}-{b}", "{r}/{c}"),
        "Each has {r} {things}.",
        "shared",
    ),
    _stories(
        (
            "{s} handed over {a} dollars for {b} {things} at {c} dollars each.",
            "{b} {things} at {c} dollars each were paid with {a} dollars.",
        ),
        ("What was the change?", "How much money came back?"),
        ("{b}*{c}", "{a}-{r}"),
        "{r} dollars are left.",
        "change",
    ),
)
