"""Independent trainings of one architecture: the tests that one network cannot give."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from widthwise.observables.weight_statistics.survey import Survey
from widthwise.weights import BipartiteGaussian, Fit, LikelihoodRatio, fit, likelihood_ratio

FEWEST = 3
"""Fewest members for the test whether rows and columns are tied."""


@dataclass(frozen=True, eq=False)
class EnsembleLayer:
    """One matrix in several independent networks.

    Attributes
    ----------
    name, role
        Of the matrix.
    law
        The Gaussian law of five numbers fitted to all members.
    structured
        Whether rows or columns differ more than independent entries would.
    tied
        For square matrices, whether rows and columns count the same neurons; None for others.
    """

    name: str
    role: str
    law: Fit[BipartiteGaussian]
    structured: LikelihoodRatio
    tied: LikelihoodRatio | None


def ensemble_tests(surveys: Sequence[Survey]) -> list[EnsembleLayer]:
    """Test the matrices that independent networks share, by name and shape.

    Parameters
    ----------
    surveys
        Of networks trained independently, from different seeds: epochs of one network are not.

    Returns
    -------
    One for each matrix that all have, in the order of the first.

    Raises
    ------
    ValueError
        If there are fewer than three networks, or they share no matrix.
    """
    if len(surveys) < FEWEST:
        raise ValueError(
            f"{len(surveys)} checkpoints were given: {FEWEST} independent networks are needed"
        )
    tables = [{layer.matrix.name: layer.matrix for layer in one.layers} for one in surveys]
    found = []
    for name, first in tables[0].items():
        members = [table[name] for table in tables if name in table]
        if len(members) < len(tables) or {member.shape for member in members} != {first.shape}:
            continue
        stack = np.stack([member.read() for member in members])
        square = first.shape[0] == first.shape[1]
        law = fit(stack, "bipartite")
        found.append(
            EnsembleLayer(
                name,
                first.role,
                law,
                likelihood_ratio(law, "isotropic", "bipartite"),
                likelihood_ratio(stack) if square else None,
            )
        )
    if not found:
        raise ValueError("the checkpoints share no matrix of one name and shape")
    return found
