"""What the mean-field equations determine: outputs, kernels and responses at all times."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from jaxtyping import Float

from widthwise.dynamics.mean_field.problem import Problem

Method = Literal["two_layer", "deep_linear", "sampled", "fixed_point"]
Kernels = Float[np.ndarray, "layers t n t n"]
Gradients = Float[np.ndarray, "layers t ..."]
Responses = Float[np.ndarray, "interfaces t ..."]


@dataclass(frozen=True, eq=False)
class FieldSolution:
    """An infinitely wide network of L hidden layers, trained.

    Index t of every array is after t updates, t = 0 .. T (or at time number t); index i counts
    training points, then test points. Layers of kernels are hidden layers 1 .. L. With k
    outputs, every index of points of an output or a gradient is followed by one of outputs: shapes
    written with n' have (n, k) there, and for one output n.

    Attributes
    ----------
    problem
        What was solved.
    method
        How: ``"two_layer"``, ``"deep_linear"``, ``"sampled"`` or ``"fixed_point"``.
    output
        f, (t, n').
    delta
        Minus the derivative of the loss in each output, zero at test points, (t, n').
    loss
        Loss of the training points, (t,).
    feature_kernel
        ``Phi^l[t, i, s, j]``, averages over neurons of ``phi(h_i(t)) phi(h_j(s))``; (L, t, n, t,
        n).
    gradient_kernel
        ``G^l[t, i, s, j]``, those of ``g_i(t) g_j(s)`` with ``g^l = richness width df/dh^l``; (L,
        t, n', t, n').
    forward_response
        ``R_phi^l[t, i, s, j]`` for l = 1 .. L - 1, averages of the derivative of ``phi(h^l_i(t))``
        in the noise that the initial weights above layer l send back at j, s; zero unless s < t.
        Sampled responses of kernels that are singular but for a negligible part are one choice of
        many: those of equal products ``R_phi^l G^(l+1)``, and ``R_g^l Phi^(l-1)``. (L - 1, t, n,
        t, n').
    backward_response
        ``R_g^l[t, i, s, j]`` for l = 2 .. L, averages of the derivative of ``g^l_i(t)`` in the
        noise that the initial weights below layer l send forward at j, s; zero unless s <= t.
        (L - 1, t, n', t, n). Under gradient flow, where responses are densities in time, both are
        empty.
    standard_error
        Sampling error of ``output``, ``loss``, ``feature_kernel``, ``gradient_kernel`` and
        ``ntk`` (at equal times) by name; empty where nothing was sampled.
    sites
        Neurons per layer that stood for infinitely many, 0 where no average was taken over any.
    step_error
        For gradient flow, an estimate of the largest error made by finite steps: of ``output``, or
        of a kernel relative to its largest entry.
    residual
        Largest violation of the equations: of the global equations by the march (deep linear), of
        the quadrature by half its nodes (two layers), of the last sweep (fixed point); 0 for
        sampled solutions, which hold on their own sites.
    times
        Times of gradient flow, None for gradient descent.
    """

    problem: Problem
    method: Method
    output: Float[np.ndarray, "t n *k"]
    delta: Float[np.ndarray, "t n *k"]
    loss: Float[np.ndarray, " t"]
    feature_kernel: Kernels
    gradient_kernel: Gradients
    forward_response: Responses
    backward_response: Responses
    standard_error: dict[str, np.ndarray]
    sites: int = 0
    residual: float = 0.0
    step_error: float = 0.0
    times: Float[np.ndarray, " t"] | None = None

    @property
    def train(self) -> int:
        """Number of training points, the first of n."""
        return self.problem.train

    @property
    def richness(self) -> float:
        """The richness gamma_0."""
        return self.problem.richness

    @property
    def error(self) -> float:
        """Estimate of the largest error of ``output``: of sampling, steps, and residual."""
        sampling = float(np.max(self.standard_error.get("output", 0.0)))
        return max(sampling, self.step_error, self.residual)

    @property
    def input_kernel(self) -> Float[np.ndarray, "n n"]:
        """Kernel of the inputs, ``x x^T / features``."""
        return self.problem.kernel

    def ntk(self, t: int, s: int | None = None) -> Float[np.ndarray, "..."]:
        """Tangent kernel between the gradients after t and after s updates (t again if None).

        It is ``sum_l rate_l G^(l+1)(t, s) Phi^l(t, s)`` over l = 0 .. L, with the kernel of the
        inputs for ``Phi^0`` and one for ``G^(L+1)``, and ``sum_l bias_rate_l G^(l+1)(t, s)``. (n,
        n), or (n, k, n, k) for several outputs.
        """
        s = t if s is None else s
        c, n = self.problem.constants, len(self.input_kernel)
        forward = [self.input_kernel, *(kernel[t, :, s] for kernel in self.feature_kernel)]
        times, k = len(self.output), c.outputs
        g_of = self.gradient_kernel.reshape(-1, times, n, k, times, n, k)
        backward = [*g_of[:, t, :, :, s], np.eye(k)[None, :, None]]
        total = np.zeros((n, k, n, k))
        for layer, (phi, g) in enumerate(zip(forward, backward, strict=True)):
            total += (c.rate[layer] * phi + c.bias_rate[layer])[:, None, :, None] * g
        return total[:, 0, :, 0] if k == 1 else total

    @property
    def equal_time_ntk(self) -> Float[np.ndarray, "t ..."]:
        """Tangent kernel after each number of updates."""
        return np.stack([self.ntk(t) for t in range(len(self.output))])

    @property
    def initial_ntk(self) -> Float[np.ndarray, "..."]:
        """Tangent kernel before training."""
        return self.ntk(0)

    @property
    def initial_nngp(self) -> Float[np.ndarray, "n n"]:
        """Covariance of ``richness sqrt(width) f`` before training: the outputs' own is O(1/n)."""
        return self.problem.constants.weight_std[-1] ** 2 * self.feature_kernel[-1][0, :, 0]

    def to_dataset(self, *, two_times: bool = False) -> xr.Dataset:
        """Return labelled arrays, with the names that ensembles of networks use.

        Kernels are those of the training points at equal times, of gradients and tangents averaged
        over outputs; standard errors have ``_standard_error`` behind their name (of averages over
        outputs, a bound), outputs at test points ``test_`` before it.

        Parameters
        ----------
        two_times
            Whether to add ``two_time_feature_kernel``, ``two_time_gradient_kernel`` and the two
            responses, with further dimensions ``step2`` (or ``time2``) and ``input2``, and for
            several outputs ``channel`` and ``channel2``.
        """
        p, count = self.train, len(self.output)
        moment = "step" if self.times is None else "time"
        stamps = np.arange(count) if self.times is None else self.times
        layers = np.arange(1, len(self.feature_kernel) + 1)
        many = () if self.problem.outputs == 1 else ("channel",)
        points, pairs = (moment, "input", *many), (moment, "layer", "input", "input2")
        found: dict[str, tuple] = {
            "output": (points, self.output[:, :p]),
            "test_output": ((moment, "test_input", *many), self.output[:, p:]),
            "delta": (points, self.delta[:, :p]),
            "loss": ((moment,), self.loss),
            "feature_kernel": (pairs, _equal_times(self.feature_kernel, p)),
            "gradient_kernel": (pairs, _equal_times(self.gradient_kernel, p)),
            "ntk": ((moment, "input", "input2"), _of_points(self.equal_time_ntk, p, many)),
        }
        for name, error in self.standard_error.items():
            if name == "ntk":
                part = _of_points(error, p, many)
            else:
                part = _equal_times(error, p) if name.endswith("kernel") else error
                part = part[:, :p] if name == "output" else part
            found[f"{name}_standard_error"] = (found[name][0], part)
        coordinates = {moment: stamps, "layer": layers}
        if two_times:
            now, then = (moment, "input"), (f"{moment}2", "input2")
            other = tuple(f"{name}2" for name in many)
            coordinates[f"{moment}2"] = stamps
            kernels = self.feature_kernel[:, :, :p, :, :p]
            found["two_time_feature_kernel"] = (("layer", *now, *then), kernels)
            kernels = _trained(self.gradient_kernel, p, (2, len(now) + 1 + len(many) + 1))
            found["two_time_gradient_kernel"] = (("layer", *now, *many, *then, *other), kernels)
            if len(self.forward_response):
                below = _trained(self.forward_response, p, (2, 4))
                above = _trained(self.backward_response, p, (2, 4 + len(many)))
                found["forward_response"] = (("layer_below", *now, *then, *many), below)
                found["backward_response"] = (("layer_above", *now, *many, *then), above)
                coordinates |= {"layer_below": layers[:-1], "layer_above": layers[1:]}
        if p == self.output.shape[1]:
            del found["test_output"]
        attributes = {
            "method": self.method,
            "richness": self.richness,
            "sites": self.sites,
            "residual": self.residual,
            "step_error": self.step_error,
            "source": "Bordelon and Pehlevan (2022), arXiv:2205.09653",
        }
        return xr.Dataset(found, coordinates, attributes)


def _trained(array: np.ndarray, points: int, axes: tuple[int, ...]) -> np.ndarray:
    """Keep the first points along the given axes."""
    for axis in axes:
        array = array.take(range(points), axis)
    return array


def _of_points(kernels: np.ndarray, points: int, many: object) -> Float[np.ndarray, "... p p"]:
    """Average (..., n, k, n, k) over many outputs; of that or (..., n, n) take the first points."""
    if many:
        kernels = np.einsum("...icjc->...ij", kernels) / kernels.shape[-1]
    return kernels[..., :points, :points]


def _equal_times(kernels: np.ndarray, points: int) -> Float[np.ndarray, "t layers p p"]:
    """Take the entries of two-time kernels at which both times are one, of the first points."""
    if kernels.ndim == 5:
        return np.einsum("ltitj->tlij", kernels[:, :, :points, :, :points])
    return _of_points(np.einsum("ltictjd->tlicjd", kernels), points, True)
