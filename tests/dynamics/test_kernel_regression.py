"""Kernel regression against dense linear algebra, and what happens when it is stopped."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from widthwise import networks as nn
from widthwise.data import as_unit_inputs, fashion_mnist_subset
from widthwise.dynamics import NotConverged, Solver, kernel_regression, predict
from widthwise.dynamics import kernel_solver as solving

RNG = np.random.default_rng(5)
NET = nn.Sequential(nn.Dense(4), nn.Relu(), nn.Dense(1), parametrization=nn.NTK(1.4, 0.1))
X, NEW = RNG.standard_normal((300, 5)), RNG.standard_normal((40, 5))
Y = np.sin(X[:, :2])
ITERATIVE = Solver(method="iterative", rank=30, tolerance=1e-9)


def fit(x: Any = X, y: Any = Y, ridge: Any = 0.1, solver: Any = ITERATIVE, **options: Any):
    return kernel_regression(NET, x, y, ridge=ridge, solver=solver, **options)


@pytest.fixture(scope="module")
def solution():
    matrix = np.asarray(NET.kernel(X).ntk)
    ridge = 0.1 * np.trace(matrix) / len(X)
    return np.linalg.solve(matrix + ridge * np.eye(len(X)), Y)


@pytest.mark.parametrize("solver", [ITERATIVE, Solver(), replace(ITERATIVE, memory="400 KB")])
def test_both_methods_solve_the_system(solution, solver):
    found = fit(solver=solver)
    assert found.method == ("direct" if solver.method == "auto" else "iterative")
    np.testing.assert_allclose(found.weights, solution, atol=1e-6 * np.abs(solution).max())
    assert found.converged
    assert found.residual.max() < 1e-9
    assert found.residuals.shape == (found.iterations + 1, 2)
    cross = np.asarray(NET.kernel(NEW, X).ntk)
    np.testing.assert_allclose(found.predict(NEW), cross @ solution, atol=1e-6)
    # the same units of the ridge as in the prediction of trained ensembles
    trained = predict(NET, X, Y, NEW, diag_reg=0.1).ntk.mean
    np.testing.assert_allclose(found.predict(NEW), trained, atol=1e-6)


def test_one_output_without_an_axis_and_the_other_kernel():
    found = fit(y=Y[:, 0], which="nngp")
    trained = predict(NET, X, Y, NEW, diag_reg=0.1).nngp.mean[:, 0]
    np.testing.assert_allclose(found.predict(NEW), trained, atol=1e-6)


@pytest.mark.slow
def test_float32_reaches_a_small_residual():
    found = fit(x=X.astype(np.float32), ridge=1e-3, solver=replace(ITERATIVE, rank=100))
    matrix = found.kernel.todense(dtype=np.float64) + found.ridge * np.eye(len(X))
    error = np.linalg.norm(Y - matrix @ found.weights, axis=0) / np.linalg.norm(Y, axis=0)
    np.testing.assert_allclose(found.residual, error, rtol=1e-3)
    assert error.max() < 1e-9


def test_classes_of_images():
    (images, labels), (new, answers) = (fashion_mnist_subset(split=s) for s in ("train", "test"))
    x = np.asarray(as_unit_inputs(images[:300]), np.float32)
    x_new = np.asarray(as_unit_inputs(new), np.float32)
    names = np.array([10 * label for label in labels[:300]], np.int64)
    one, two = (fit(x, names, solver=s) for s in (ITERATIVE, Solver()))
    np.testing.assert_array_equal(one.classify(x_new), two.classify(x_new))
    np.testing.assert_allclose(one.predict(x_new).sum(axis=1), 1.0, atol=1e-6)
    accuracy = one.accuracy(x_new, answers.astype(np.int64) * 10)
    share = np.mean(one.classify(x_new) == answers.astype(np.int64) * 10)
    assert accuracy.value == pytest.approx(share)
    assert accuracy.standard_error == pytest.approx(np.sqrt(share * (1 - share) / 499))
    assert share > 0.7
    with pytest.raises(ValueError, match="labels have shape"):
        one.accuracy(x_new, answers[:3])


class Killed(Exception):
    pass


@pytest.mark.parametrize("last", [0, 4])
def test_a_killed_solve_goes_on_with_the_same_digits(tmp_path, monkeypatch, last):
    whole = fit()
    write = solving.Checkpoint.write_progress

    def write_or_die(self, progress):
        if progress.iterate.iteration > last:
            raise Killed
        write(self, progress)

    with monkeypatch.context() as dying:
        dying.setattr(solving.Checkpoint, "write_progress", write_or_die)
        with pytest.raises(Killed):
            fit(checkpoint=tmp_path / "state")
    assert (tmp_path / "state" / "iterate.nc").exists() == (last > 0)
    monkeypatch.setattr(solving, "pivoted_cholesky", None)  # it is read
    again = fit(checkpoint=tmp_path / "state")
    np.testing.assert_array_equal(again.weights, whole.weights)
    np.testing.assert_array_equal(again.residuals, whole.residuals)
    # finished, it is found again at once
    monkeypatch.setattr(solving, "conjugate_gradients", lambda *_, **__: iter(()))
    np.testing.assert_array_equal(fit(checkpoint=tmp_path / "state").weights, whole.weights)


def test_checkpoints_that_do_not_fit(tmp_path):
    fit(checkpoint=tmp_path)
    for change in ({"y": 2 * Y}, {"x": X[::-1].copy()}, {"ridge": 1e-3}, {"which": "nngp"}):
        with pytest.raises(ValueError, match="another problem"):
            fit(checkpoint=tmp_path, **change)
    content = (tmp_path / "iterate.nc").read_bytes()
    (tmp_path / "iterate.nc").write_bytes(content[:-100])
    with pytest.raises(ValueError, match="cut short or damaged: delete"):
        fit(checkpoint=tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="cannot be written"):
        fit(checkpoint=tmp_path / "file")


def test_what_has_not_converged_says_so():
    short = replace(ITERATIVE, max_iterations=2)
    with pytest.raises(NotConverged, match="after 2 iterations, and tolerance is 1e-09"):
        fit(solver=short)
    found = fit(solver=replace(short, on_failure="return"))
    assert not found.converged
    assert found.iterations == 2
    assert found.residual.max() > 1e-9


def test_refusals(monkeypatch):
    bad = X.copy()
    bad[3, 2] = np.nan
    for given, message in (
        ({"ridge": -1e-3}, "ridge is -0.001"),
        ({"x": bad}, "1 numbers that are not finite"),
        ({"y": Y * np.inf}, "y has .* NaN or infinite"),
        ({"y": Y[:-1]}, r"y has shape \(299, 2\)"),
        ({"solver": Solver(method="direct", memory=10)}, "needs 720 KB for 300 points"),
    ):
        with pytest.raises(ValueError, match=message):
            fit(**given)
    for wrong in ({"tolerance": 0.0}, {"rank": 0}, {"max_iterations": 0}, {"memory": "all"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Solver(**wrong)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="targets were numbers"):
        fit().classify(NEW)
    # a kernel that is none: its diagonal is right, the rest much too large
    monkeypatch.setattr(nn.KernelOperator, "todense", lambda *_, **__: 9 * np.ones((300, 300)))
    with pytest.raises(ValueError, match="not positive definite"):
        fit(solver=Solver(method="direct"), ridge=1e-20)


def test_the_choice_of_a_method():
    assert Solver().is_direct(10_000)
    assert not Solver().is_direct(20_000)
    assert not Solver(memory="100MB").is_direct(10_000)
    assert Solver(method="direct").is_direct(20_000)
    assert Solver().columns(60_000) == 2_000
    assert Solver().tiles(60_000) == 8_000_000_000 - 16 * 60_000 * 2_000
    assert Solver(memory="1GB").columns(10**6) == 31
