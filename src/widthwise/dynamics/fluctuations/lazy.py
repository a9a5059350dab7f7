"""The lazy limit: kernels are random but stand still, and predictions fluctuate with them.

With a tangent kernel ``K + dK`` that does not move, gradient descent ``f' = f + eta K D(f)`` gives

    df' = df + eta (dK D - K H df),

``D = -dLoss/df``, H the Hessian of the loss. On one point under half the squared error,
``Cov(f(t), f(s)) = kappa (y eta)^2 t s (1 - eta K)^(t+s-2) / N`` with ``kappa / N`` the variance of
the kernel. Source: B. Bordelon and C. Pehlevan (2023), arXiv 2304.03408; discrete steps derived.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from widthwise.activations import Activation
from widthwise.dynamics.fluctuations.descent import Descent
from widthwise.dynamics.fluctuations.lazy_kernel import LazyKernel, lazy_kernel
from widthwise.dynamics.fluctuations.result import Fluctuations
from widthwise.dynamics.fluctuations.triangle import triangle
from widthwise.numerics.memory import refuse_beyond_memory


def lazy(
    activations: Sequence[Activation],
    descent: Descent,
    *,
    gains: Sequence[float | int] | None = None,
    sites: int | None = None,
    key: Key[Array, ""] | None = None,
) -> Fluctuations:
    """Fluctuations of networks of any depth whose features do not move.

    Parameters
    ----------
    activations, gains, sites, key
        As for `lazy_kernel`.
    descent
        What is trained. At richness 0 outputs must be centered, since initial ones are of order
        ``1 / (richness sqrt(N))``; a positive richness adds these, and is otherwise taken as small.

    Returns
    -------
    Fluctuations
        ``"output"`` (step, input) and ``"ntk"`` (input, input2). The mean correction is known for
        one hidden layer, where the mean kernel is the one at infinite width.

    Raises
    ------
    ValueError
        If outputs are not centered at richness 0, the descent diverges, or as `lazy_kernel`.

    Examples
    --------
    >>> import numpy as np
    >>> from widthwise import activations
    >>> descent = Descent(np.eye(1), np.ones(1), 20, learning_rate=0.1, richness=0, centered=True)
    >>> lazy([activations.tanh(1.0)], descent).variance()[[5, 10, 20], 0].round(4).tolist()
    [0.0841, 0.1371, 0.0911]
    """
    if descent.richness == 0 and not descent.centered:
        raise ValueError(
            "richness is 0, where initial outputs have infinite variance: give centered=True, "
            "which subtracts them, or a positive richness"
        )
    n, steps = descent.points, descent.steps
    refuse_beyond_memory(
        8 * ((steps + 1) * n**3 + 2 * ((steps + 1) * n + n * n) ** 2),
        f"fluctuations of {n} points over {steps} steps",
        "give fewer points or steps",
    )
    kernel = lazy_kernel(activations, descent.input_kernel, gains=gains, sites=sites, key=key)
    outputs, forces = _descend(descent, kernel.ntk)
    descent.require_converging(forces)
    loss = descent.loss_derivatives(outputs)
    in_kernel, in_start = _linear_response(descent, kernel.ntk, forces, loss.hessian)
    covariance = kernel.covariance.reshape(n * n, n * n)
    cross = in_kernel @ covariance
    joint = np.block([[cross @ in_kernel.T, cross], [cross.T, covariance]])
    if not descent.centered:
        begun = in_start @ (kernel.output / descent.richness**2) @ in_start.T
        joint[: len(begun), : len(begun)] += begun
    known = len(activations) == 1
    return Fluctuations(
        mean={"output": outputs, "ntk": kernel.ntk},
        correction=_correction(descent, kernel, (outputs, loss.hessian), joint) if known else {},
        joint=joint,
        descent=descent,
        loss=loss,
        variance_error=_errors(kernel, in_kernel, outputs.shape),
    )


def _descend(descent: Descent, ntk: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outputs of the infinitely wide network, and the forces on them, at every step."""
    trained = descent.trained

    def step(f: Array, _: None) -> tuple:
        force = descent.force(f[:trained])
        return f + descent.learning_rate * jnp.asarray(ntk)[:, :trained] @ force, (f, force)

    with jax.enable_x64(True):
        start = jnp.zeros(len(ntk))
        outputs, forces = jax.lax.scan(step, start, None, length=descent.steps + 1)[1]
    return np.asarray(outputs), np.asarray(forces)


def _linear_response(
    descent: Descent, ntk: np.ndarray, forces: np.ndarray, hessian: np.ndarray
) -> tuple[Float[np.ndarray, "q k"], Float[np.ndarray, "q n"]]:
    """Outputs at all steps as linear functions of the kernel's and the first outputs' change."""
    n, trained = len(ntk), descent.trained
    in_kernel, in_start = np.zeros((n, n * n)), np.eye(n)
    path = [(in_kernel, in_start)]
    for force, curvature in zip(forces[:-1], hessian[:-1], strict=True):
        step = np.eye(n)
        step[:, :trained] -= descent.learning_rate * ntk[:, :trained] @ curvature
        push = np.zeros((n, n, n))
        push[np.arange(n), np.arange(n), :trained] = descent.learning_rate * force
        in_kernel, in_start = step @ in_kernel + push.reshape(n, n * n), step @ in_start
        path.append((in_kernel, in_start))
    first, second = (np.concatenate(parts) for parts in zip(*path, strict=True))
    return first, second


def _correction(
    descent: Descent, kernel: LazyKernel, path: tuple[np.ndarray, np.ndarray], joint: np.ndarray
) -> dict[str, np.ndarray]:
    """N times the shift of the mean, where the mean kernel has none."""
    outputs, hessian = path
    n, trained, count = descent.points, descent.trained, len(outputs)
    blocks = joint[: count * n, : count * n].reshape(count, n, count, n)
    equal = np.einsum("tatb->tab", blocks)[:, :trained, :trained]
    with_kernel = joint[: count * n, count * n :].reshape(count, n, n, n)[:, :trained, :, :trained]
    drift = descent.curvature_drift(outputs, equal)
    # mean of dK (-H df): rows of the kernel are all points, columns those that are trained
    pull = -np.einsum("tbma,tab->tm", with_kernel, hessian)
    shift, path_of_shift = np.zeros(n), [np.zeros(n)]
    for t in range(descent.steps):
        force = -hessian[t] @ shift[:trained] - drift[t]
        shift = shift + descent.learning_rate * (kernel.ntk[:, :trained] @ force + pull[t])
        path_of_shift.append(shift)
    return {"output": np.stack(path_of_shift), "ntk": np.zeros_like(kernel.ntk)}


def _errors(
    kernel: LazyKernel, in_kernel: np.ndarray, shape: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """Standard errors of the variances."""
    n = len(kernel.ntk)
    first, second = np.triu_indices(n)
    both = in_kernel.reshape(-1, n, n)
    rows = both[:, first, second] + np.where(first == second, 0.0, both[:, second, first])
    entries = kernel.error(np.eye(len(first)))
    return {"output": kernel.error(rows).reshape(shape), "ntk": entries[triangle(n)]}
