"""Augmentations whose results come from outside."""

from abc import abstractmethod

from augment_workers.base import Augmentation
from intercept_core.bus.messages import Answer, Question, Receipt


class Answerable(Augmentation):
    """An augmentation that asks somebody, and whose result is the answer.

    The server lists its open questions and brings it the answers, whichever replica they
    come to. It cannot run inline.
    """

    @abstractmethod
    def questions(self) -> list[Question]:
        """What waits for an answer, oldest first."""

    @abstractmethod
    def answer(self, answer: Answer) -> Receipt:
        """Takes an answer; the first to a question counts."""
