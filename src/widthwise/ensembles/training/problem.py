"""What is trained on what: everything that all members of an ensemble share."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree, Shaped

from widthwise.ensembles.training.losses import Loss, checked_targets, named_loss
from widthwise.ensembles.training.trained import Trained
from widthwise.networks import Sequential
from widthwise.networks.inputs import checked_inputs, features_of
from widthwise.numerics.losses import cross_entropy


class Job(NamedTuple):
    """What one network does not share with the others.

    Parameters
    ----------
    key
        The random key of the member.
    learning_rate
        What the optimizer is made with, if it is made for each network.
    richness
        The number gamma0.
    """

    key: Key[Array, "..."]
    learning_rate: Float[Array, "..."]
    richness: Float[Array, "..."]


class Problem(eqx.Module):
    """Network, data and loss.

    Parameters
    ----------
    net
        The architecture.
    x, y
        Training inputs and targets.
    x_test, y_test
        Test inputs and targets, or None.
    loss
        The loss of a batch.
    flat
        Whether targets of shape (n,) stand for the one output of the network.
    centered
        Whether the outputs at step 0 are subtracted.
    """

    net: Sequential = eqx.field(static=True)
    x: Float[Array, "n *shape"]
    y: Shaped[Array, "n *outputs"]
    x_test: Float[Array, "m *shape"] | None
    y_test: Shaped[Array, "m *outputs"] | None
    loss: Loss = eqx.field(static=True)
    flat: bool = eqx.field(static=True)
    centered: bool = eqx.field(static=True)

    def start(self, job: Job) -> Trained:
        """Draw the network of a job."""
        network = self.net.init(job.key, self.x.shape[1:], dtype=self.x.dtype)
        initial = network if self.centered else None
        return Trained(network, initial, job.richness, self.loss, self.flat)

    def offset(self, model: Trained) -> Float[Array, "n k"] | None:
        """Raw outputs at step 0 on the training inputs, if they are subtracted."""
        return jax.vmap(model.initial)(self.x) if self.centered else None

    def value(
        self,
        network: eqx.Module,
        richness: Float[Array, ""],
        x: Float[Array, "b *shape"],
        y: Shaped[Array, "b *outputs"],
        offset: Float[Array, "b k"] | None,
    ) -> Array:
        """Loss of a batch, the outputs at step 0 being known."""
        raw = jax.vmap(network)(x)  # pyright: ignore[reportArgumentType]
        f = (raw if offset is None else raw - offset) / richness
        return self.loss(f[:, 0] if self.flat else f, y)


def checked_problem(
    net: Sequential,
    data: PyTree,
    *,
    loss: str | Loss,
    test: PyTree,
    centered: bool,
) -> Problem:
    """Check network, data and loss, and put them together.

    Raises
    ------
    TypeError, ValueError
        If they do not fit each other, or values are not finite.
    """
    if not isinstance(net, Sequential):
        raise TypeError(f"net is {net!r}: give a Sequential")
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise TypeError("data is not a pair: give (x, y), inputs and targets")
    given = test if isinstance(test, tuple | list) else (test, None)
    if len(given) != 2:
        raise TypeError("test is not a pair: give (x, y), or inputs alone")
    x, x_test, _, _ = checked_inputs(data[0], given[0])
    shape = net.output(features_of(x.shape[1:], x.dtype), net.place).shape
    if len(shape) != 1:
        raise ValueError(
            f"the network has outputs of shape {shape}: end it with Flatten or GlobalAvgPool, and "
            "Dense, so that an example has a list of outputs"
        )
    function = named_loss(loss)

    def targets(name: str, y: Any, inputs: Array) -> Array:
        return checked_targets(
            name, y, function, examples=len(inputs), outputs=shape[0], dtype=x.dtype
        )

    y = targets("y", np.asarray(data[1]), x)
    y_test = None
    if x_test is not None and given[1] is not None:
        y_test = targets("y of test", np.asarray(given[1]), x_test)
        if y_test.ndim != y.ndim:
            raise ValueError(
                f"targets have shape {y.shape} and those of test {y_test.shape}: give both alike"
            )
    flat = shape[0] == 1 and y.ndim == 1 and function is not cross_entropy
    problem = Problem(net, x, y, x_test, y_test, function, flat, centered)
    _check_value(Shapes.of(problem))
    return problem


class Shapes(NamedTuple):
    """Shapes and settings of a problem without its numbers: what traced programs depend on."""

    structure: Any
    arrays: tuple[jax.ShapeDtypeStruct, ...]

    @classmethod
    def of(cls, problem: Problem) -> "Shapes":
        """Leave out the numbers."""
        leaves, structure = jax.tree.flatten(problem)
        return cls(structure, tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in leaves))

    def traced(self, run: Callable[[Problem, Job], PyTree]) -> PyTree:
        """Shapes of what a function of the problem and one job returns."""
        problem = jax.tree.unflatten(self.structure, self.arrays)
        one = jnp.ones((), problem.x.dtype)
        return jax.eval_shape(run, problem, Job(jax.random.key(0), one, one))


@lru_cache(maxsize=64)
def _check_value(shapes: Shapes) -> None:
    """Refuse a loss that is not one real number."""

    def run(problem: Problem, job: Job) -> Array:
        model = problem.start(job)
        return problem.value(
            model.network, job.richness, problem.x, problem.y, problem.offset(model)
        )

    found = shapes.traced(run)
    if getattr(found, "shape", None) != () or not jnp.issubdtype(found.dtype, jnp.floating):
        raise ValueError(
            f"loss(outputs, targets) returns {found}: return one real number for the whole batch"
        )
