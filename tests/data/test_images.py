"""The published files, a user's folder, and the shipped subset."""

import gzip
import struct

import numpy as np
import pytest

from widthwise import data
from widthwise.data.images import _DEBIAN_FASHION_MNIST, Split


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def folder(tmp_path):
    """Three training and two test images in the published format, one pair of files unpacked."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 3), ("t10k", 2)):
        images = rng.integers(0, 256, (count, 28, 28), np.uint8)
        labels = np.arange(count, dtype=np.uint8)
        for kind, array in (("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels)):
            if split == "train":
                (tmp_path / f"{split}-{kind}.gz").write_bytes(gzip.compress(idx(array)))
            else:
                (tmp_path / f"{split}-{kind}").write_bytes(idx(array))
    return tmp_path


@pytest.mark.parametrize("read", [data.mnist, data.fashion_mnist])
def test_reads_a_users_folder_packed_or_not(folder, read):
    train, test = read(folder), read(str(folder), split="test")
    assert train.images.shape == (3, 28, 28)
    assert train.labels.tolist() == [0, 1, 2]
    assert test.images.shape == (2, 28, 28)
    assert read(folder, count=2).labels.tolist() == [0, 1]
    expected = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)
    np.testing.assert_array_equal(train.images, expected)


@pytest.mark.parametrize(
    ("read", "variable"),
    [(data.mnist, "WIDTHWISE_MNIST"), (data.fashion_mnist, "WIDTHWISE_FASHION_MNIST")],
)
def test_environment_names_the_folder(folder, monkeypatch, read, variable):
    monkeypatch.setenv(variable, str(folder))
    assert len(read().labels) == 3


def test_missing_files_say_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("WIDTHWISE_MNIST", raising=False)
    with pytest.raises(FileNotFoundError, match="WIDTHWISE_MNIST"):
        data.mnist()
    with pytest.raises(FileNotFoundError, match="no file train-images-idx3-ubyte"):
        data.mnist(tmp_path)
    with pytest.raises(FileNotFoundError, match="fashion_mnist_subset"):
        data.fashion_mnist(tmp_path)


def spoil(path, kind):
    raw = gzip.decompress(path.read_bytes())
    content = {
        "cut gzip": path.read_bytes()[:-20],
        "no gzip": b"hello",
        "cut data": gzip.compress(raw[:-1]),
        "cut header": gzip.compress(raw[:7]),
        "no idx": gzip.compress(b"hello world, this is no idx file"),
        "empty": gzip.compress(b""),
    }
    path.write_bytes(content[kind])


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("cut gzip", "truncated"),
        ("no gzip", "truncated or no gzip"),
        ("cut data", "promises"),
        ("cut header", "header"),
        ("no idx", "no idx file"),
        ("empty", "no idx file"),
    ],
)
def test_damaged_files_are_refused(folder, kind, message):
    spoil(folder / "train-images-idx3-ubyte.gz", kind)
    with pytest.raises(ValueError, match=message):
        data.mnist(folder)


def test_files_that_do_not_belong_together_are_refused(folder):
    labels = idx(np.zeros(5, np.uint8))
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    with pytest.raises(ValueError, match="as many labels as images"):
        data.mnist(folder)


@pytest.mark.parametrize("count", [0, 4])
def test_impossible_counts_are_refused(folder, count):
    with pytest.raises(ValueError, match="choose 1 to 3"):
        data.mnist(folder, count=count)


def test_subset_is_balanced():
    sizes: dict[Split, int] = {"train": 100, "test": 50}
    for split, each in sizes.items():
        images, labels = data.fashion_mnist_subset(split=split)
        assert images.shape == (10 * each, 28, 28)
        assert images.dtype == labels.dtype == np.uint8
        assert np.bincount(labels).tolist() == [each] * 10
        # The pixels of all 60,000 images have mean 0.2860 and standard deviation 0.3530.
        assert np.mean(images / 255) == pytest.approx(0.286, abs=0.01)
        assert np.std(images / 255) == pytest.approx(0.353, abs=0.01)


@pytest.mark.skipif(not _DEBIAN_FASHION_MNIST.is_dir(), reason="Fashion-MNIST is not installed")
def test_subset_is_a_part_of_the_published_files():
    published = data.fashion_mnist(_DEBIAN_FASHION_MNIST, split="test", count=1000)
    subset = data.fashion_mnist_subset(split="test")
    rows = {image.tobytes(): label for image, label in zip(*published, strict=True)}
    for image, label in zip(*subset, strict=True):
        assert rows[image.tobytes()] == label
