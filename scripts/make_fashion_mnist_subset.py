"""Make the subset of Fashion-MNIST that ships with the package, from the published files.

Usage: python scripts/make_fashion_mnist_subset.py [FOLDER]
"""

import sys
from pathlib import Path

import numpy as np

from widthwise.data import fashion_mnist

PER_CLASS = {"train": 100, "test": 50}
TARGET = Path(__file__).parents[1] / "src/widthwise/data/fashion_mnist_subset.npz"


def main() -> None:
    """Take the first images of each class, in the published order."""
    folder = sys.argv[1] if len(sys.argv) > 1 else None
    arrays = {}
    for split in ("train", "test"):
        images, labels = fashion_mnist(folder, split=split)
        firsts = [np.flatnonzero(labels == c)[: PER_CLASS[split]] for c in range(10)]
        chosen = np.sort(np.concatenate(firsts))
        arrays[f"{split}_images"], arrays[f"{split}_labels"] = images[chosen], labels[chosen]
    np.savez_compressed(TARGET, **arrays)
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
