"""Dialogues that ask for speech: the text to say is copied exactly."""

from collections.abc import Sequence
from random import Random

from deployments.models.dialogue import (
    Dialogue,
    Message,
    Split,
    answer,
    call,
    dialogue,
    failed_call,
    file_name,
    split_of,
    user,
    words,
)
from deployments.models.encyclopedia import EncyclopediaGenerator
from deployments.models.headwords import headword, with_article
from deployments.models.stories import BOXES, NAMES, THINGS

KIND = "speech"

QUOTED = (
    'Say "{}" aloud.',
    'Say "{}".',
    "Say '{}' aloud.",
    "Please say '{}'.",
    'Make a recording of "{}".',
    'How does "{}" sound?',
    'Speak the words "{}".',
    'Read "{}" to me.',
)
ANNOUNCED = (
    "Say: {}",
    "Speak: {}",
    "Read this aloud: {}",
    "Read aloud: {}",
    "Turn this into speech: {}",
    "Read out the following sentence: {}",
    "I want to hear this: {}",
    "Please say this aloud: {}",
    "Record this: {}",
    "Convert to audio: {}",
)
VARIED_QUOTED = (
    'Can you say "{}" for me?',
    'I want to hear "{}".',
    'Please speak "{}" slowly.',
    'Record "{}" for my voicemail.',
    'Make an audio clip that says "{}".',
    'Speak up: "{}"',
    'Call out "{}".',
    'Whisper "{}".',
    'Shout "{}"!',
    'Recite "{}".',
    "Utter '{}'.",
    'My phone should greet with "{}". Record that.',
    'Say "{}" to my guests.',
    'Tell everyone "{}" in a loud voice.',
    '"{}": read that to me.',
    '"{}" as speech, please.',
    "Turn '{}' into sound.",
    'Synthesize "{}".',
    "I need an MP3 that says '{}'.",
    'Create a voice message: "{}"',
    'Could you read "{}" to the class?',
    'Let the speaker play "{}".',
    "The robot should say '{}'.",
    'Practise saying "{}" with me.',
    'How do you say "{}"? Let it sound.',
)
VARIED_ANNOUNCED = (
    "Create a voice message: {}",
    "Voice message: {}",
    "Say the following: {}",
    "Tell it to me aloud: {}",
    "Read me this: {}",
    "The children cannot read yet. Read it to them: {}",
    "Here is a text to speak: {}",
    "Make this audible: {}",
    "Audio: {}",
    "Text to speech: {}",
    "Please narrate: {}",
    "Let the robot speak: {}",
    "Say this to the visitors: {}",
    "Speak these words: {}",
    "Recite: {}",
    "For the answering machine: {}",
    "I am driving, so read this to me: {}",
    "Can you say this? {}",
    "Speech, please: {}",
    "Please record the sentence that follows: {}",
    "My message to the team, spoken: {}",
    "Sound out: {}",
    "I need a recording. Text: {}",
    "Broadcast: {}",
    "Tell the passengers: {}",
)
SENTENCES = (
    "{n} likes {word}.",
    "The {things} are in the {box}.",
    "Good morning, {n}.",
    "Good night, {n} and {m}!",
    "It is {hour} o'clock.",
    "Welcome to {place}.",
    "The train to {place} leaves at {hour}:{minute} from platform {digit}.",
    "Happy birthday, {n}!",
    "Your order number is {number}.",
    "{n}, please call {m} back.",
    "Dinner is ready in {minute} minutes.",
    "Do you know {a_word}?",
    "{n} has {number} {things}.",
    "I would like {a_word}, please.",
    "Today we talk about {word} and {other}.",
    "Please bring the {things} to {n}.",
    "What a nice {word}!",
    "Attention: the {word} is closed",
    "{n} and {m} went to {place}",
    "hello {n}",
    "{word} {other} {things}",
)
PLACES_TO_GO = words(
    "Athens Berlin Boston Cairo Chicago Dublin Geneva Helsinki Kyoto Lima Lisbon London Lyon "
    "Madrid Milan Munich Naples Oslo Paris Porto Prague Rome Seoul Sydney Tokyo Venice Vienna "
    "Warsaw Zurich"
)
DEFINITION_SHARE = 0.2
"""Share of texts that are a sentence of the encyclopedia."""

FAILURE_SHARE = 0.02
encyclopedia = EncyclopediaGenerator()


def recording(rng: Random, split: Split) -> Dialogue:
    """One text to say and an answer with the name of its file."""
    return _recording(rng, sentence(rng, split), QUOTED, ANNOUNCED)


def varied_recording(rng: Random, split: Split) -> Dialogue:
    """The same in many more words."""
    return _recording(rng, sentence(rng, split), VARIED_QUOTED, VARIED_ANNOUNCED)


def _recording(
    rng: Random, text: str, quoted: Sequence[str], announced: Sequence[str]
) -> Dialogue:
    if rng.random() < 0.45:
        text = text if rng.random() < 0.5 else text.rstrip(".")
        quotes = [q for q in quoted if "'" not in text or "'{}'" not in q]
        asked = user(rng.choice(quotes).format(text))
    else:
        asked = user(rng.choice(announced).format(text))
    if rng.random() < FAILURE_SHARE:
        return dialogue(KIND, [asked, *failed_call(rng, KIND, {"text": text})])
    return dialogue(KIND, [asked, *spoken(rng, text)])


def spoken(rng: Random, text: str) -> list[Message]:
    """The call that says ``text``, and the answer."""
    name = file_name(rng, "speech", "wav")
    seconds = rng.randint(8, 60) / 10
    result = f"Speech saved as {name} ({seconds} s)."
    return [*call(KIND, {"text": text}, result), answer(f"Here is your recording: {name}")]


def sentence(rng: Random, split: Split) -> str:
    """Something to say."""
    while rng.random() < DEFINITION_SHARE:
        title, found = encyclopedia.article(rng, split)
        text = found[-1]["content"].removeprefix(f"{title}: ")
        if len(text) <= 70 and not set(text) & set("\"'`"):
            return str(text)
    while True:
        one, other = headword(rng, split), headword(rng, split)
        n, m = rng.sample(NAMES, 2)
        text = rng.choice(SENTENCES).format(
            n=n,
            m=m,
            word=one,
            other=other,
            a_word=with_article(one),
            things=rng.choice(THINGS),
            box=rng.choice(BOXES),
            place=rng.choice(PLACES_TO_GO),
            hour=rng.randint(1, 12),
            minute=rng.randint(10, 59),
            digit=rng.randint(1, 9),
            number=rng.randint(2, 9999),
        )
        if split_of(text) == split:
            return text
