"""What ``infercept demo`` asks, and how an answer is judged."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """A question with one right answer.

    Attributes:
        kind: The augmentation that helps with it.
        text: What the user says.
        expected: A number or a word that a right answer has in it.
        replies: What the human answers, if the model asks.
        makes_file: Whether the tool has to make a file, whose name is in a right answer.
    """

    kind: str
    text: str
    expected: str
    replies: tuple[str, ...] = ()
    makes_file: bool = False

    def is_answered_by(self, answer: str) -> bool:
        """Whether ``answer`` has the expected number or word in it, not as part of another."""
        plain = re.sub(r"(?<=\d),(?=\d{3})", "", answer)
        pattern = rf"(?<![\w.]){re.escape(self.expected)}(?!\w|\.\d)"
        return re.search(pattern, plain, re.IGNORECASE) is not None


QUESTIONS = (
    Question(
        "calculator", "Tom has 12 boxes of 37 apples. How many apples does Tom have?", "444"
    ),
    Question(
        "calculator",
        "Anna has 348 coins and buys 967 more. How many coins does Anna have now?",
        "1315",
    ),
    Question("calculator", "What is 23 * (17 + 42)?", "1357"),
    Question("calculator", "If a bus seats 52 passengers, how many fit in 9 buses?", "468"),
    Question("calculator", "What is the square root of 1764?", "42"),
    Question(
        "calculator",
        "There were 430 fans in the stadium and 185 went home early. How many stayed?",
        "245",
    ),
    Question("calculator", "How many minutes are there in 18 hours?", "1080"),
    Question("calculator", "In how many ways can you choose 3 out of 12?", "220"),
    Question(
        "calculator",
        "There are 5 shelves of 22 jars, but 13 jars were dropped. How many jars survive?",
        "97",
    ),
    Question("calculator", "What is the lcm of 84 and 36?", "252"),
    Question("retrieval", "Who was Marie Curie?", "chemist"),
    Question("retrieval", "What is a violin?", "instrument"),
    Question("retrieval", "Tell me about Mount Everest.", "mountain"),
    Question("retrieval", "What does photosynthesis mean?", "synthesis"),
    Question("retrieval", "Who is Isaac Newton?", "mathematician"),
    Question("alfworld", "Play a game of ALFWorld.", "won"),
    Question("alfworld", "Start a household game and win it.", "won"),
    Question("alfworld", "Play ALFWorld until you win.", "won"),
    Question("chatbot", "Ask me what my favourite colour is.", "green", ("green",)),
    Question("chatbot", "Plan a weekend trip for me.", "Lisbon", ("Lisbon", "in May")),
    Question("chatbot", "Please buy 12 candles, but check with me first.", "buy", ("Yes.",)),
    Question("image", "Draw a red circle.", "image", makes_file=True),
    Question("image", "Please paint a blue square.", "image", makes_file=True),
    Question("image", "Can you draw a green heart?", "image", makes_file=True),
    Question("speech", 'Say "Good morning, Anna" aloud.', "recording", makes_file=True),
    Question(
        "speech",
        "Read this aloud: The train to Vienna leaves at 9:45 from platform 3.",
        "recording",
        makes_file=True,
    ),
)
"""Word problems, questions to the encyclopedia, games, chats, pictures and recordings."""
