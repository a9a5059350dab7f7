"""``widthwise regress``: classes of images by kernel regression, up to all of Fashion-MNIST."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from widthwise.dynamics import KernelRegression

DataSet = Literal["fashion-mnist", "mnist", "fashion-mnist-subset"]


def regress(
    data: DataSet,
    /,
    *,
    train: int | None = None,
    test: int | None = None,
    kernel: Literal["ntk", "nngp"] = "ntk",
    depth: int = 3,
    ridge: float = 1e-3,
    tolerance: float = 1e-6,
    method: Literal["auto", "direct", "iterative"] = "auto",
    rank: int | None = None,
    memory: str = "8GB",
    checkpoint: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Classify images with the kernel of an infinitely wide ReLU network.

    Example: `widthwise regress fashion-mnist --checkpoint regression`

    The same command goes on where an interrupted one stopped, if it was given a checkpoint. Each
    image is scaled to squared length 784; weights have variance 2 / fan-in, biases 0.01.

    Parameters
    ----------
    data
        fashion-mnist, mnist, or the fashion-mnist-subset that ships with widthwise.
    train
        Only the first so many training images.
    test
        Only the first so many test images.
    kernel
        The tangent kernel, or that of the Bayesian network.
    depth
        Hidden layers.
    ridge
        What is added to the kernel's diagonal, as a multiple of its mean.
    tolerance
        Largest relative residual.
    method
        Cholesky factorization, or preconditioned conjugate gradients.
    rank
        Columns of the preconditioner.
    memory
        For the matrix, or the parts of it that are kept.
    checkpoint
        Folder in which an iterative solve keeps where it stands.
    json
        Print one JSON object.
    """
    import numpy as np

    from widthwise import networks as nn
    from widthwise.cli.output import print_json
    from widthwise.data import as_unit_inputs
    from widthwise.dynamics import Solver, kernel_regression
    from widthwise.experiments import keep_compiled

    keep_compiled()
    if depth < 1:
        raise ValueError(f"depth is {depth}: give at least 1 hidden layer")
    hidden = [layer for _ in range(depth) for layer in (nn.Dense(1), nn.Relu())]
    scales = nn.NTK(weight_std=2**0.5, bias_std=0.1)
    net = nn.Sequential(*hidden, nn.Dense(1), parametrization=scales)
    (images, labels), (new, answers) = _read(data, train, test)
    solver = Solver(
        method=method,
        tolerance=tolerance,
        rank=rank,
        memory=memory,
        progress=False if json else None,
    )
    found = kernel_regression(
        net,
        np.asarray(as_unit_inputs(images), np.float32),
        labels,
        which=kernel,
        ridge=ridge,
        solver=solver,
        checkpoint=checkpoint,
    )
    accuracy = found.accuracy(np.asarray(as_unit_inputs(new), np.float32), answers)
    result = {
        "data": data,
        "train": len(labels),
        "test": len(answers),
        "accuracy": float(accuracy.value),
        "standard_error": float(accuracy.standard_error),
        **_of(found),
    }
    if json:
        print_json(result)
    else:
        _print(result)


def _read(data: DataSet, train: int | None, test: int | None) -> list[Any]:
    """Read training and test images."""
    from widthwise import data as sets

    read = getattr(sets, data.replace("-", "_"))
    return [read(split=split, count=count) for split, count in (("train", train), ("test", test))]


def _of(found: "KernelRegression") -> dict[str, Any]:
    return {
        "method": found.method,
        "ridge": found.ridge,
        "residual": float(found.residual.max()),
        "iterations": found.iterations,
        "seconds": found.seconds,
    }


def _print(result: dict[str, Any]) -> None:
    from widthwise.cli.output import table

    accuracy = f"{result['accuracy']:.4f} ± {result['standard_error']:.4f}"
    rows = [
        ("accuracy on test images", accuracy),
        ("largest relative residual", f"{result['residual']:.2g}"),
        ("method", result["method"]),
        ("iterations", str(result["iterations"])),
        ("seconds to solve", f"{result['seconds']:.1f}"),
        ("ridge on the diagonal", f"{result['ridge']:.4g}"),
    ]
    title = f"{result['data']}: {result['train']} training and {result['test']} test images"
    table(("property", "value"), rows, title=title)
