"""Labelled grey images: Fashion-MNIST and MNIST as published, and a subset that ships with us."""

import os
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import UInt8

from widthwise.data.idx import read_idx

Split = Literal["train", "test"]

_PREFIX = {"train": "train", "test": "t10k"}
_DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
_SUBSET = "fashion_mnist_subset.npz"


class Images(NamedTuple):
    """Grey images and their classes, as published: unsigned bytes.

    Attributes
    ----------
    images
        Pixels, 0 to 255.
    labels
        Classes, 0 to 9.
    """

    images: UInt8[np.ndarray, "n height width"]
    labels: UInt8[np.ndarray, " n"]


def fashion_mnist(
    path: str | Path | None = None, *, split: Split = "train", count: int | None = None
) -> Images:
    """Read Fashion-MNIST (60,000 training and 10,000 test images, 28 x 28, ten classes).

    Parameters
    ----------
    path
        Folder with the four published files (``train-images-idx3-ubyte.gz`` ...; unpacked files are
        read too). Default: the environment variable ``WIDTHWISE_FASHION_MNIST``, else the folder
        of Debian's package ``dataset-fashion-mnist``.
    split
        ``"train"`` or ``"test"``.
    count
        Only the first so many images.

    Returns
    -------
    Images

    Raises
    ------
    FileNotFoundError
        If the folder does not hold the files; the message says how to get them.
    ValueError
        If a file is truncated or damaged, or ``split`` or ``count`` is impossible.

    Notes
    -----
    H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
    Learning Algorithms" (2017), arXiv 1708.07747.
    """
    folder = path or os.environ.get("WIDTHWISE_FASHION_MNIST") or _DEBIAN_FASHION_MNIST
    advice = (
        "install Debian's dataset-fashion-mnist, or name the folder with the four published files "
        "by `path` or the environment variable WIDTHWISE_FASHION_MNIST, or use "
        "data.fashion_mnist_subset()"
    )
    return _read_split(Path(folder), split, count, advice)


def mnist(
    path: str | Path | None = None, *, split: Split = "train", count: int | None = None
) -> Images:
    """Read MNIST from a folder with its four published files.

    Parameters
    ----------
    path
        Folder with ``train-images-idx3-ubyte.gz`` and its three companions, packed or not.
        Default: the environment variable ``WIDTHWISE_MNIST``.
    split, count
        As in [`fashion_mnist`][widthwise.data.fashion_mnist].

    Returns
    -------
    Images

    Raises
    ------
    FileNotFoundError
        If no folder is named, or it does not hold the files.
    ValueError
        If a file is truncated or damaged, or ``split`` or ``count`` is impossible.
    """
    folder = path or os.environ.get("WIDTHWISE_MNIST")
    advice = (
        "name the folder with the four published files by `path` or the environment variable "
        "WIDTHWISE_MNIST"
    )
    if folder is None:
        raise FileNotFoundError(f"No folder with MNIST is known; {advice}.")
    return _read_split(Path(folder), split, count, advice)


def fashion_mnist_subset(*, split: Split = "train", count: int | None = None) -> Images:
    """Return the part of Fashion-MNIST that ships with the package.

    The first 100 training and the first 50 test images of each class, in the published order:
    1000 and 500 images. MIT licence (Zalando SE, 2017), in the file beside the data.

    Parameters
    ----------
    split, count
        As in [`fashion_mnist`][widthwise.data.fashion_mnist].

    Returns
    -------
    Images

    Examples
    --------
    >>> images, labels = fashion_mnist_subset(count=3)
    >>> images.shape, labels.tolist()
    ((3, 28, 28), [9, 0, 0])
    """
    _check_split(split)
    with as_file(files("widthwise.data") / _SUBSET) as path, np.load(path) as arrays:
        both = Images(arrays[f"{split}_images"], arrays[f"{split}_labels"])
    return _first(both, count)


def _read_split(folder: Path, split: Split, count: int | None, advice: str) -> Images:
    _check_split(split)
    images, labels = (
        read_idx(_find(folder, f"{_PREFIX[split]}-{kind}", advice))
        for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
    )
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise ValueError(
            f"{folder} holds images of shape {images.shape} and labels of shape {labels.shape}; "
            "as many labels as images are needed: copy the published files again."
        )
    return _first(Images(images, labels), count)


def _find(folder: Path, stem: str, advice: str) -> Path:
    for name in (f"{stem}.gz", stem, stem.replace("-idx", ".idx")):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{folder} has no file {stem}.gz; {advice}.")


def _check_split(split: str) -> None:
    if split not in _PREFIX:
        raise ValueError(f"split={split!r} is unknown; choose 'train' or 'test'.")


def _first(both: Images, count: int | None) -> Images:
    if count is None:
        return both
    if not 1 <= count <= len(both.labels):
        raise ValueError(
            f"count={count} images were asked for; there are {len(both.labels)}: "
            f"choose 1 to {len(both.labels)}."
        )
    return Images(both.images[:count], both.labels[:count])
