"""Least squares over relative errors, with coefficients that are never negative."""

import numpy as np
from numpy.typing import ArrayLike

RIDGE = 1e-9
"""Keeps columns that always grow together solvable, without moving what is determined."""


class RelativeFit:
    """Sums of weighted observations ``seconds = row * coefficients``.

    Each observation counts by its relative error, so that short and long times are fitted
    alike.

    Args:
        columns: Length of a row.
    """

    def __init__(self, columns: int) -> None:
        self._normal = np.zeros((columns, columns))
        self._moment = np.zeros(columns)

    def plus(self, other: "RelativeFit") -> "RelativeFit":
        """The observations of both."""
        both = RelativeFit(len(self._moment))
        both._normal = self._normal + other._normal
        both._moment = self._moment + other._moment
        return both

    def add(
        self,
        rows: ArrayLike,
        seconds: ArrayLike,
        weights: ArrayLike = 1.0,
    ) -> None:
        """Takes in observations.

        Args:
            rows: One, or several: [observations, columns].
            seconds: What each took, positive: [observations].
            weights: How much each counts: [observations], or one for all.
        """
        values = np.atleast_2d(np.asarray(rows, dtype=float))
        taken_s = np.atleast_1d(np.asarray(seconds, dtype=float))
        scaled = np.asarray(weights, dtype=float) / taken_s**2
        self._normal += (values.T * scaled) @ values
        self._moment += values.T @ (scaled * taken_s)

    def forget(self, kept: float) -> None:
        """Lets all observations so far weigh ``kept`` of what they did."""
        self._normal *= kept
        self._moment *= kept

    def coefficients(self) -> list[float]:
        """The best coefficients; zero for a column that has only seen zeros.

        An active set: a negative coefficient is held at zero, and the rest fitted again.
        """
        active = [int(column) for column in np.flatnonzero(np.diag(self._normal))]
        coefficients = np.zeros(len(self._moment))
        while active:
            normal = self._normal[np.ix_(active, active)]
            scale = np.sqrt(np.diag(normal))
            system = normal / np.outer(scale, scale) + RIDGE * np.eye(len(active))
            scaled = np.linalg.solve(system, self._moment[active] / scale)
            if (scaled >= 0).all():
                coefficients[active] = scaled / scale
                break
            del active[int(np.argmin(scaled))]
        return [float(value) for value in coefficients]
