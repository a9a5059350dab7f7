"""Infinite ensembles: archived functions of kernels, or of a kernel function."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Real, Shaped

from widthwise import dynamics
from widthwise.compat.neural_tangents.axes import OutputAxes
from widthwise.compat.neural_tangents.get import Get, answered, canonical
from widthwise.compat.neural_tangents.single import times
from widthwise.compat.neural_tangents.triple import ApplyFn, InitFn
from widthwise.dynamics import Gaussian, KernelMatrices, KernelPair

_ENSEMBLES = ("nngp", "ntk")
Kernels = dict[str, tuple[Any, Any, Any]]
"""Of each ensemble: kernel of the training points, of test with training, of test points."""


def gradient_descent_mse_ensemble(
    kernel_fn: Any,
    x_train: Shaped[ArrayLike, "..."],
    y_train: Real[ArrayLike, "..."],
    learning_rate: float | int = 1.0,
    diag_reg: float | int = 0.0,
    diag_reg_absolute_scale: bool = False,
    trace_axes: int | Sequence[int] = (-1,),
    **settings: Any,
) -> Callable[..., Any]:
    """Train an infinite ensemble of wide networks: :func:`widthwise.predict`.

    Parameters
    ----------
    kernel_fn
        The kernel function of a network, or any ``kernel_fn(x1, x2, get)``.
    x_train, y_train
        Training points and targets.
    learning_rate
        Factor of the times.
    diag_reg, diag_reg_absolute_scale
        What is added to the diagonal of the kernel, in units of trace / n or as it is.
    trace_axes
        Axes of the targets that the kernel lacks.
    settings
        Further arguments of ``kernel_fn``.

    Returns
    -------
    ``predict_fn(t=None, x_test=None, get=None, compute_cov=False)``: means, or with covariances
    ``Gaussian(mean, covariance)``, of the ensembles in ``get``. Kernels of the training points are
    kept. ``x_test=None`` predicts the training points, as ``x_test=x_train`` does.

    Raises
    ------
    TypeError
        If ``kernel_fn`` is no kernel function.
    """
    _require_kernel_fn(kernel_fn)
    y = jnp.asarray(y_train)
    solve = Ensembles(
        OutputAxes.of(y, trace_axes),
        y,
        {
            "learning_rate": learning_rate,
            "diag_reg": diag_reg,
            "diag_reg_absolute": diag_reg_absolute_scale,
        },
    )
    known: dict[str, Array] = {}

    def train(needed: tuple[str, ...]) -> dict[str, Array]:
        if rest := tuple(name for name in needed if name not in known):
            known.update(_kernels(kernel_fn, x_train, None, rest, settings))
        return known

    def predict_fn(
        t: Any = None,
        x_test: Shaped[ArrayLike, "..."] | None = None,
        get: Get = None,
        compute_cov: bool = False,
        **test_settings: Any,
    ) -> Any:
        wanted = canonical(get, _ENSEMBLES)
        needed = tuple(
            name for name in _ENSEMBLES if name in wanted or (name == "nngp" and compute_cov)
        )
        both = settings | test_settings
        k_train = train(needed)
        k_cross: dict[str, Any] = dict.fromkeys(needed)
        k_test = None
        if x_test is not None:
            k_cross = _kernels(kernel_fn, x_test, x_train, needed, both)
            k_test = kernel_fn(x_test, None, "nngp", **both) if compute_cov else None
        kernels = {name: (k_train[name], k_cross[name], k_test) for name in needed}

        def compute(names: tuple[str, ...]) -> tuple[Any, ...]:
            return tuple(solve(name, kernels, t, compute_cov=compute_cov) for name in names)

        return answered(get, _ENSEMBLES, compute, kind="Gaussians")

    return predict_fn


def gp_inference(
    k_train_train: Any,
    y_train: Real[ArrayLike, "..."],
    diag_reg: float | int = 0.0,
    diag_reg_absolute_scale: bool = False,
    trace_axes: int | Sequence[int] = (-1,),
) -> Callable[..., Any]:
    """Ensembles at the end of training, and Gaussian processes with a tangent kernel.

    Parameters
    ----------
    k_train_train
        Kernel of the training points: an array, or a tuple with ``nngp`` and ``ntk``.
    y_train, diag_reg, diag_reg_absolute_scale, trace_axes
        As for :func:`gradient_descent_mse_ensemble`.

    Returns
    -------
    ``predict_fn(get=None, k_test_train=None, k_test_test=None)``, with covariances if
    ``k_test_test`` is given. ``get`` knows ``"ntkgp"`` too, the posterior whose covariance is the
    tangent kernel. ``k_test_train=None`` predicts the training points.

    Raises
    ------
    ValueError
        When predicting, if a kernel is missing.
    """
    y = jnp.asarray(y_train)
    solve = Ensembles(
        OutputAxes.of(y, trace_axes),
        y,
        {"diag_reg": diag_reg, "diag_reg_absolute": diag_reg_absolute_scale},
    )

    def predict_fn(get: Get = None, k_test_train: Any = None, k_test_test: Any = None) -> Any:
        with_covariance = k_test_test is not None
        here = None if k_test_train is None else k_test_test

        def one(name: str) -> Any:
            trained, initial = ("ntk", "ntk") if name == "ntkgp" else (name, "nngp")
            kernels = {
                kind: (
                    _part("k_train_train", k_train_train, kind),
                    _part("k_test_train", k_test_train, kind),
                    _part("k_test_test", here, initial),
                )
                for kind in dict.fromkeys((trained, *((initial,) if with_covariance else ())))
            }
            kind = "ntk" if name == "ntk" else "nngp"
            if name == "ntkgp":  # a process whose covariance is the tangent kernel
                kernels = {"nngp": kernels["ntk"]}
            return solve(kind, kernels, None, compute_cov=with_covariance)

        def compute(names: tuple[str, ...]) -> tuple[Any, ...]:
            return tuple(map(one, names))

        given = _ENSEMBLES if get is None else get
        return answered(given, (*_ENSEMBLES, "ntkgp"), compute, kind="Gaussians")

    return predict_fn


class Ensembles:
    """Solutions of one training problem.

    Parameters
    ----------
    axes
        How to read kernels and targets.
    y_train
        Targets.
    settings
        Learning rate and regularization, as :func:`widthwise.predict` takes them.
    """

    def __init__(self, axes: OutputAxes, y_train: Array, settings: dict[str, Any]) -> None:
        self.axes, self.settings = axes, settings
        self.targets = axes.columns(y_train)

    def __call__(self, name: str, kernels: Kernels, t: Any, *, compute_cov: bool) -> Any:
        """Predict one ensemble: its mean, or its law."""
        moments, shape = times(t)
        if not compute_cov:
            return self._outputs(self._mean(self._matrices(kernels[name]), moments), shape)
        nngp = self._matrices(kernels["nngp"])
        other = nngp if name == "nngp" else self._matrices(kernels["ntk"])
        laws = dynamics.predict(
            KernelPair(nngp, other), None, self.targets, time=moments, **self.settings
        )
        law = laws.nngp if name == "nngp" else laws.ntk
        spread = self.axes.covariance(law.covariance)
        return Gaussian(self._outputs(law.mean, shape), spread.reshape(*shape, *spread.shape[1:]))

    def _mean(self, kernels: KernelMatrices, moments: Any) -> Float[Array, "t rows k"]:
        """Mean of an ensemble: one network that starts at zero."""
        zeros = jnp.zeros_like(self.targets, kernels.train_train.dtype)
        tested = kernels if kernels.test_train is not None else KernelMatrices(
            kernels.train_train, kernels.train_train
        )  # fmt: skip
        trained = dynamics.gradient_flow(
            tested,
            None,
            self.targets,
            initial_train=zeros,
            initial_test=jnp.zeros((len(tested.cross), zeros.shape[1]), zeros.dtype),
            time=moments,
            **self.settings,
        )
        assert trained.test is not None
        return trained.test

    def _outputs(self, columns: Array, shape: tuple[int, ...]) -> Array:
        outputs = self.axes.outputs(columns)
        return outputs.reshape(*shape, *outputs.shape[1:])

    def _matrices(self, kernels: tuple[Any, Any, Any]) -> KernelMatrices:
        train, *rest = kernels
        first = self.axes.matrix("k_train_train", jnp.asarray(train))
        names = ("k_test_train", "k_test_test")
        others = (
            None if k is None else self.axes.matrix(name, jnp.asarray(k))
            for name, k in zip(names, rest, strict=True)
        )
        return KernelMatrices(first, *others)


def _kernels(
    kernel_fn: Callable[..., Any],
    x1: Any,
    x2: Any,
    names: tuple[str, ...],
    settings: dict[str, Any],
) -> dict[str, Any]:
    """Compute kernels by a function that may be anyone's: one is asked for as a string."""
    if len(names) == 1:
        return {names[0]: kernel_fn(x1, x2, names[0], **settings)}
    found = kernel_fn(x1, x2, names, **settings)
    return {name: getattr(found, name) for name in names}


def _part(name: str, kernels: Any, kind: str) -> Any:
    """Read one kernel of a tuple; an array is the kernel itself."""
    if kernels is None or (not hasattr(kernels, "_fields") and hasattr(kernels, "shape")):
        return kernels
    found = getattr(kernels, kind, None)
    if found is None:
        raise ValueError(
            f"{name} has no {kind} kernel, which this prediction needs: compute it with "
            "kernel_fn(x1, x2, ('nngp', 'ntk'))"
        )
    return found


def _require_kernel_fn(kernel_fn: Any) -> None:
    if isinstance(kernel_fn, InitFn | ApplyFn) or not callable(kernel_fn):
        raise TypeError(
            f"kernel_fn is {kernel_fn!r}: give the third function of a network, "
            "init_fn, apply_fn, kernel_fn = stax.serial(...)"
        )
