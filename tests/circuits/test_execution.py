"""Networks in JAX and onnxruntime: bit-exact, in every number format, whole and perturbed."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from widthwise.circuits import (
    Draft,
    ExactnessError,
    Kind,
    Netlist,
    ReluNetwork,
    compile_circuit,
    run,
    simulate,
    to_equinox,
    to_onnx,
)
from widthwise.circuits.tiles import tiles


def wide_and_narrow() -> Netlist:
    """A conjunction of 300 inputs beside pairs, and truth tables that read each other."""
    draft = Draft()
    names = [f"x{place}" for place in range(300)]
    for name in names:
        draft.input(name)
    draft.gate(Kind.AND, "all", names, negated=[place % 3 == 0 for place in range(300)])
    draft.gate(Kind.MAJ, "most", names[:299])
    last = "x0"
    for place in range(40):
        table = [(7 * place + 3 * n) % 5 < 2 for n in range(32)]
        draft.gate(Kind.TABLE, f"t{place}", [last, *names[place : place + 4]], table=table)
        last = f"t{place}"
    for wire in ("all", "most", last):
        draft.output(wire)
    return draft.finish()


@pytest.fixture(scope="module")
def circuit() -> Netlist:
    return wide_and_narrow()


@pytest.fixture(scope="module", params=["layered", "skip"])
def network(request, circuit: Netlist) -> ReluNetwork:
    return compile_circuit(circuit, mode=request.param)


@pytest.fixture(scope="module")
def inputs() -> np.ndarray:
    rng = np.random.default_rng(1)
    found = rng.integers(0, 2, (70, 300))
    found[:30] ^= found[:30] ^ (np.arange(300) % 3 != 0)  # those make the conjunction true
    found[np.arange(15), np.arange(15)] ^= 1  # ... but for one input
    return found


def test_jax_is_exact(network: ReluNetwork, circuit: Netlist, inputs: np.ndarray) -> None:
    expected = simulate(circuit, inputs)
    assert expected.mean(axis=0).min() > 0.1  # each output takes both values
    assert expected.mean(axis=0).max() < 0.9
    assert np.array_equal(run(network, inputs, batch_size=32), expected)
    assert run(network, inputs[:0]).shape == (0, 3)


def test_long_sums_are_split(network: ReluNetwork) -> None:
    cut = tiles(network)
    assert cut.read.shape[2] < 300 <= np.diff(network.indptr).max()
    assert np.count_nonzero(cut.weight) >= len(network.weights)


def test_an_equinox_module(c17, corners) -> None:
    module = to_equinox(compile_circuit(c17))
    inputs = jnp.asarray(corners(5), jnp.float32)
    outputs = eqx.filter_vmap(module)(inputs)
    expected = simulate(c17, corners(5))
    assert outputs.dtype == jnp.float32
    assert np.array_equal(outputs, expected)
    # Training moves weights that exist, and makes none.
    loss = lambda module: jnp.sum((module.batch(inputs) - 0.25) ** 2)  # noqa: E731
    gradient = eqx.filter_jit(eqx.filter_grad(loss))(module)
    assert np.any(gradient.weight)
    assert not np.any(np.asarray(gradient.weight)[np.asarray(module.weight) == 0])


def test_number_formats(c17, corners) -> None:
    network = compile_circuit(c17)
    expected = simulate(c17, corners(5))
    for dtype in ("bfloat16", "int32"):
        assert np.array_equal(run(network, corners(5), dtype=dtype), expected)


def conjunction(reads: int) -> ReluNetwork:
    draft = Draft()
    names = [f"x{place}" for place in range(reads)]
    for name in names:
        draft.input(name)
    draft.gate(Kind.AND, "y", names)
    draft.output("y")
    return compile_circuit(draft.finish())


def test_formats_that_round_are_refused() -> None:
    network = conjunction(257)
    with pytest.raises(ExactnessError, match=r"'y' has partial sums of up to 257 .* needs 2\^9 >"):
        run(network, np.ones((1, 257)), dtype="bfloat16")
    assert run(conjunction(256), np.ones((1, 256)), dtype="bfloat16").tolist() == [[1]]
    with pytest.raises(ValueError, match="which bfloat16 cannot hold exactly"):
        to_equinox(conjunction(300), dtype="bfloat16", exact=False)  # its bias is -299
    with pytest.raises(ExactnessError, match=r"int8 holds whole numbers up to 2\^7"):
        to_equinox(network, dtype="int8")
    assert run(network, np.ones((1, 257)), dtype="float16").tolist() == [[1]]


@pytest.mark.parametrize("mode", ["layered", "skip"])
def test_onnxruntime_agrees(mode, circuit: Netlist, inputs: np.ndarray, random_netlist) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    rng = np.random.default_rng(0)
    cases = [(circuit, inputs)]
    cases += [(random_netlist(seed), rng.integers(0, 2, (40, 5))) for seed in range(3)]
    for found, batch in cases:
        for dtype in ("float32", "float64") if found is circuit else ("float32",):
            model = to_onnx(compile_circuit(found, mode=mode), dtype=dtype)
            session = runtime.InferenceSession(model.SerializeToString())
            (outputs,) = session.run(None, {"inputs": batch.astype(dtype)})
            assert np.array_equal(outputs, simulate(found, batch))


def test_onnx_names_its_neurons(c17) -> None:
    pytest.importorskip("onnx")
    properties = {entry.key: entry.value for entry in to_onnx(compile_circuit(c17)).metadata_props}
    assert properties["inputs"] == '["1", "2", "3", "6", "7"]'
    assert properties["layer_2"] == '["16.0", "19.0", "(10)"]'
