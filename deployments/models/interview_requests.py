"""How people ask the model to talk to them first: the texts of the interviews."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InterviewRequests:
    """Texts for each sort of interview; ``{}`` is what it is about.

    Attributes:
        what: Requests to ask what something is.
        whether: Requests to ask whether something is so.
        habits: What may be so, behind ``I``.
        checks: Requests to ask before something is done.
        deeds: What may be done.
        tell: Requests to tell news.
        news: The news.
        plan: Requests to plan something together.
        sums: Requests to ask for a number, each with what is done with it.
        articles: Requests to ask what to look up.
        drawings: Requests to ask what to draw.
        coloured: Requests to ask for the colour of a drawing.
        sayings: Requests to ask what to say.
    """

    what: tuple[str, ...]
    whether: tuple[str, ...]
    habits: tuple[str, ...]
    checks: tuple[str, ...]
    deeds: tuple[str, ...]
    tell: tuple[str, ...]
    news: tuple[str, ...]
    plan: tuple[str, ...]
    sums: tuple[tuple[str, str], ...]
    articles: tuple[str, ...]
    drawings: tuple[str, ...]
    coloured: tuple[str, ...]
    sayings: tuple[str, ...]


PLAIN_REQUESTS = InterviewRequests(
    what=(
        "Ask me what my {} is.",
        "Ask me for my {}.",
        "Please ask me what my {} is.",
        "Can you ask me for my {}?",
        "Find out from me what my {} is.",
        "I want you to ask me about my {}.",
    ),
    whether=(
        "Ask me whether I {}.",
        "Ask me if I {}.",
        "Please ask me whether I {}.",
        "Find out from me if I {}.",
    ),
    habits=(
        *("like {word}", "need {number} {things}", "have a {thing}", "want some {word}"),
        *("know {name}", "live in {place}", "have been to {place}", "are friends with {name}"),
    ),
    checks=(
        "Check with me before you {}.",
        "Please {}, but check with me first.",
        "Confirm with me, then {}.",
        "Get my approval and {}.",
        "{}, but ask me first.",
    ),
    deeds=(
        "order {number} {things}",
        "book a table for {digit}",
        "book a flight to {place}",
        "send the {things} to {name}",
        "cancel the meeting with {name}",
        "delete the {things}",
        "buy {number} {things}",
        "call {name}",
        "invite {name} and {friend}",
        "sell my {things}",
    ),
    tell=(
        "Tell me in the chat that {}.",
        "Send me a message that {}.",
        "Let me know in the chat that {}.",
        "Write to me that {}.",
    ),
    news=(
        "the {things} have arrived",
        "{name} is here",
        "dinner for {name} is ready",
        "the train to {place} is late",
        "there are {number} {things} left",
        "{name} called",
        "the {things} are gone",
    ),
    plan=("Plan {} for me.", "Help me plan {}.", "Plan {} with me.", "Let us plan {}."),
    sums=(
        ("Ask me for a number and multiply it by {}.", "*"),
        ("Ask me for a number and add {} to it.", "+"),
        ("Ask me how many {things} I have and multiply by {}.", "*"),
        ("Ask me how many {things} I have and subtract {}.", "-"),
    ),
    articles=("Ask me what to look up and look it up.", "Ask me for a word, then explain it."),
    drawings=("Ask me what to draw and draw it.",),
    coloured=(
        "Draw a {thing}, but ask me for the colour first.",
        "Ask me for a colour and draw a {thing} in it.",
    ),
    sayings=("Ask me what to say and say it aloud.", "Ask me for a sentence and speak it."),
)

VARIED_REQUESTS = InterviewRequests(
    what=(
        "Ask about my {}.",
        "Would you ask me what my {} is?",
        "Inquire about my {}.",
        "Learn from me what my {} is.",
        "Interview me about my {}.",
        "I will tell you my {} if you ask.",
        "First ask me for my {}.",
        "Start by asking what my {} is.",
        "Have me tell you my {}.",
        "Write to me and ask for my {}.",
        "Send me a question about my {}.",
        "My {} is known to me alone. Put the question to me.",
        "Let me tell you my {} in the chat.",
        "Chat with me about my {}.",
        "Request my {} from me.",
        "I have not told you my {}. Ask for it.",
        "Consult me about my {}.",
        "You need my {}, so write me a message.",
        "Please get my {} from me.",
        "Nobody but me can say what my {} is. Ask.",
    ),
    whether=(
        "Would you ask me if I {}?",
        "Check with me whether I {}.",
        "Learn from me whether I {}.",
        "Put it to me: is it true that I {}?",
        "Write to me to find out whether I {}.",
        "I can tell you if I {}. Ask me.",
        "Question for me in the chat, please: whether I {}.",
    ),
    habits=(
        *PLAIN_REQUESTS.habits,
        *("own {number} {things}", "miss {name}", "sell {things}", "work in {place}"),
        *("collect {things}", "remember {name}", "believe in {word}", "trust {name}"),
    ),
    checks=(
        "Wait for my OK before you {}.",
        "Only {} if I allow it.",
        "Please do not {} without my permission.",
        "First get a yes from me, then {}.",
        "I have to approve it before you {}.",
        "Ask whether you may {}.",
        "Could you ask me first and then {}?",
        "{}, provided that I agree.",
        "{} once I have confirmed it.",
        "Never {} unless I say so.",
        "Get my go-ahead, then {}.",
        "Should you {}? Ask me.",
        "Before you {}, hear what I think of it.",
        "Get the green light from me and {}.",
        "I decide whether you {}. Ask me.",
        "Request my consent, then {}.",
        "You may {} after I have agreed.",
    ),
    deeds=(
        *PLAIN_REQUESTS.deeds,
        "write to {name}",
        "rent {number} {things}",
        "reserve a room in {place}",
        "pay {name}",
        "move the appointment with {name}",
        "publish the photos of {place}",
        "throw the {things} away",
        "hire {name}",
    ),
    tell=(
        "Message me that {}.",
        "Notify me that {}.",
        "Drop me a line saying that {}.",
        "Post in the chat that {}.",
        "Pass on to me that {}.",
        "Please say in the chat that {}.",
        "I should hear from you that {}.",
        "Use the chat to tell me that {}.",
        "Send word to me that {}.",
        "Put a note in the chat that {}.",
        "Ping me with the news that {}.",
    ),
    news=(
        *PLAIN_REQUESTS.news,
        "the meeting with {name} is over",
        "it is raining in {place}",
        "{name} and {friend} have won",
        "the shop has {number} {things}",
        "the flight to {place} is cancelled",
        "we need more {things}",
        "{name} is looking for {friend}",
    ),
    plan=(
        "We are planning {}. Ask us what matters.",
        "Could you arrange {} together with me?",
        "I am thinking about {}. Plan it with me.",
        "Let us prepare {} together.",
        "Draw up a plan for {} and ask me for the details.",
        "I want to arrange {}. What do you need from me?",
        "Sort out {} with me, please.",
        "My family wants {}. Let us plan it.",
        "Set up {} for us, but find out our wishes.",
        "Make plans for {} with me.",
        "Guide me through planning {}.",
        "Can we plan {} in the chat?",
        "You know how to plan {}. Interview me and do it.",
        "{} is coming up. Plan it with me.",
    ),
    sums=(
        ("Get a number from me and multiply it by {}.", "*"),
        ("I will give you a number if you ask. Add {} to it.", "+"),
        ("Request a number from me and subtract {}.", "-"),
        ("Find out from me how many {things} I have, then multiply by {}.", "*"),
        ("Let me tell you how many {things} I have, and add {}.", "+"),
        ("Learn how many {things} I have and take {} off.", "-"),
        ("Let me choose a number. What is it times {}?", "*"),
    ),
    articles=(
        "Find out from me which word to look up.",
        "I have a word in mind. Ask for it and explain it.",
        "Look something up, but let me choose what.",
        "Let me name a subject and tell me about it.",
        "Ask which article I would like to read, then search for it.",
    ),
    drawings=(
        "Find out from me what to draw, then draw it.",
        "I have a picture in mind. Ask me and draw it.",
        "Let me choose what you paint.",
        "Make a picture of what I tell you when you ask.",
        "Ask which picture I would like, then make it.",
    ),
    coloured=(
        "Draw a {thing} in a colour that I choose.",
        "Let me choose the colour of a {thing}, then draw it.",
        "Paint a {thing}. I will tell you the colour if you ask.",
        "Make a picture of a {thing}, after asking me which colour it has.",
    ),
    sayings=(
        "Find out from me what to say and record it.",
        "Ask which sentence to read aloud, then read it.",
        "Let me choose what you say aloud.",
        "Make a recording of what I write when you ask.",
    ),
)
