"""Matrices and models whose numbers were worked out independently of the library."""

import numpy as np
import pytest

from widthwise.weights import TiedGaussian


@pytest.fixture(scope="session")
def sines():
    """The ensemble ``sin(1 + 3k + 2i + 5j + ij)`` of K matrices m x n."""

    def of(members: int, rows: int, columns: int) -> np.ndarray:
        k, i, j = np.ogrid[:members, :rows, :columns]
        return np.sin(1.0 + 3 * k + 2 * i + 5 * j + i * j)

    return of


@pytest.fixture(scope="session")
def p() -> TiedGaussian:
    standard = np.array([[0.9, 0.2, -0.1], [0.2, 0.7, 0.15], [-0.1, 0.15, 0.6]])
    trivial = np.array([[0.5, 0.1], [0.1, 0.4]])
    return TiedGaussian(6, np.array([0.8, -0.3]), trivial, standard, 0.35, 0.25)


@pytest.fixture(scope="session")
def q() -> TiedGaussian:
    standard = np.array([[0.5, 0, 0.1], [0, 0.4, 0], [0.1, 0, 0.3]])
    trivial = np.array([[0.3, -0.05], [-0.05, 0.6]])
    return TiedGaussian(6, np.array([0.1, 0.2]), trivial, standard, 0.2, 0.45)
