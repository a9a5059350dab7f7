"""Compiling and running circuits of up to 10^5 gates, as ratios in one run.

    python benchmarks/circuits [--bits 16 32 64 142] [--batch 256] [--rounds 5] [FILE ...]

Array multipliers of growing size, and any circuit files that are named, each in a process of its
own: seconds and memory to compile; then examples per CPU second of the sparse network in JAX
(layered and skip), in onnxruntime, as dense matrices in JAX, and of the circuit itself by its
simulator, which computes 64 examples with each instruction (and gets 16 times as many). Every
result is compared with it. Where dense matrices do not fit, some layers are timed one after the
other, and the rest follows from the number of their weights (marked by ~).
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

DENSE = 20_000_000  # parameters; beyond that some layers of the dense network are timed
LAYERS = 24
ONNX = 400_000  # neurons


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("files", nargs="*")
    parser.add_argument("--bits", type=int, nargs="*", default=[16, 32, 64, 142])
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.batch, options.rounds)))
        return
    print(
        "circuit          gates   neurons  depth  compile s   MB  bytes/gate"
        "    examples per CPU second: JAX layered, skip, onnxruntime, dense, simulator"
    )
    for name in [*(f"multiplier:{bits}" for bits in options.bits), *options.files]:
        words = [sys.executable, *sys.argv[:1], "--one", name]
        words += ["--batch", str(options.batch), "--rounds", str(options.rounds)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{name}: {done.stderr.strip().splitlines()[-1]}")
            continue
        print(row(json.loads(done.stdout)), flush=True)


def row(found: dict) -> str:
    rates = ", ".join(
        f"{found['rates'][name]:.3g}" if name in found["rates"] else "-"
        for name in ("layered", "skip", "onnx")
    )
    rates += f", {'' if found['dense_fits'] else '~'}{found['rates']['dense']:.3g}"
    rates += f", {found['rates']['simulator']:.3g}"
    return (
        f"{found['name'][-16:]:16s} {found['gates']:6d} {found['neurons']:9d} {found['depth']:6d}"
        f" {found['compile']:9.2f} {found['memory']:6.0f} {found['per_gate']:9.0f}    {rates}"
    )


def measure(name: str, batch: int, rounds: int) -> dict:
    from widthwise.circuits import compile_circuit, read_circuit, simulate, to_equinox
    from widthwise.circuits.execution import _batch

    netlist = (
        array_multiplier(int(name[11:])) if name.startswith("multiplier:") else read_circuit(name)
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    start = time.process_time()
    network = compile_circuit(netlist)
    seconds = time.process_time() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    skip = compile_circuit(netlist, mode="skip")
    arrays = ("indptr", "indices", "weights", "bias", "node", "relay")
    size = sum(getattr(skip, array).nbytes for array in arrays)
    inputs = np.random.default_rng(0).integers(0, 2, (batch, len(netlist.inputs)))
    expected = simulate(netlist, inputs)
    import jax.numpy as jnp

    numbers = jnp.asarray(inputs, jnp.float32)
    modules = {"layered": to_equinox(network), "skip": to_equinox(skip)}
    tasks: dict[str, Callable[[], np.ndarray]] = {
        mode: lambda module=module: np.asarray(_batch(module, numbers))
        for mode, module in modules.items()
    }
    fits = network.size().dense_parameters <= DENSE
    if fits:
        tasks["dense"] = dense(network, numbers)
    if network.neurons <= ONNX:
        tasks["onnx"] = onnx(network, np.asarray(numbers))
    many = np.tile(inputs, (16, 1))
    tasks["simulator"] = lambda: simulate(netlist, many)[:batch]
    rates = {}
    for task, run in tasks.items():
        assert np.array_equal(run(), expected), task
        times = []
        for _ in range(rounds):
            begin = time.process_time()
            run()
            times.append(time.process_time() - begin)
        examples = len(many) if task == "simulator" else batch
        rates[task] = examples / max(float(np.median(times)), 1e-6)
    if not fits:
        rates["dense"] = batch / dense_seconds(network, batch, rounds)
    return {
        "name": name,
        "gates": len(netlist.gates),
        "neurons": network.neurons,
        "depth": network.depth,
        "compile": seconds,
        "memory": memory,
        "grown": memory - before,
        "per_gate": size / len(netlist.gates),
        "rates": rates,
        "dense_fits": fits,
    }


def dense(network, numbers) -> Callable[[], np.ndarray]:
    """Every layer as a full matrix, all in one compiled program."""
    import jax
    import jax.numpy as jnp

    layers = [
        (jnp.asarray(weights.toarray().T, jnp.float32), jnp.asarray(bias, jnp.float32))
        for weights, bias in network.layers()
    ]

    @jax.jit
    def forward(layers, state):
        for weights, bias in layers[:-1]:
            state = jax.nn.relu(state @ weights + bias)
        return state @ layers[-1][0] + layers[-1][1]

    return lambda: np.asarray(forward(layers, numbers))


def dense_seconds(network, batch: int, rounds: int) -> float:
    """Processor seconds of all dense layers, from those of some."""
    import jax
    import jax.numpy as jnp

    forward = jax.jit(lambda weights, bias, state: jax.nn.relu(state @ weights + bias))
    seconds, weights_timed = 0.0, 0
    for layer in np.linspace(0, network.depth, LAYERS).astype(int).tolist():
        matrix, offset = network.layer(layer)
        full, bias = jnp.asarray(matrix.toarray().T, jnp.float32), jnp.asarray(offset, jnp.float32)
        state = jnp.ones((batch, full.shape[0]), jnp.float32)
        forward(full, bias, state).block_until_ready()
        times = []
        for _ in range(rounds):
            begin = time.process_time()
            forward(full, bias, state).block_until_ready()
            times.append(time.process_time() - begin)
        seconds, weights_timed = seconds + float(np.median(times)), weights_timed + full.size
    return seconds * network.size().dense_parameters / weights_timed


def onnx(network, numbers: np.ndarray) -> Callable[[], np.ndarray]:
    import onnxruntime

    from widthwise.circuits import to_onnx

    model = to_onnx(network).SerializeToString()
    session = onnxruntime.InferenceSession(model)
    return lambda: session.run(None, {"inputs": numbers})[0]


def array_multiplier(bits: int):
    """Partial products, and a row of half and full adders for each bit of the second factor."""
    from widthwise.circuits import Draft, Kind

    draft = Draft()
    for name in "ab":
        for place in range(bits):
            draft.input(f"{name}{place}")
    count = 0

    def gate(kind: Kind, *reads: str) -> str:
        nonlocal count
        count += 1
        draft.gate(kind, f"g{count}", reads)
        return f"g{count}"

    total = [gate(Kind.AND, f"a{i}", "b0") for i in range(bits)]
    product = [total[0]]
    carry = ""
    for j in range(1, bits):
        above = [*total[1:], *([carry] if carry else [])]
        row = [gate(Kind.AND, f"a{i}", f"b{j}") for i in range(bits)]
        total, carry = [], ""
        for i in range(bits):
            terms = [row[i], *above[i : i + 1], *([carry] if carry else [])]
            if len(terms) == 1:
                total.append(terms[0])
                carry = ""
                continue
            half = gate(Kind.XOR, *terms[:2])
            both = gate(Kind.AND, *terms[:2])
            if len(terms) == 2:
                total.append(half)
                carry = both
                continue
            total.append(gate(Kind.XOR, half, terms[2]))
            carry = gate(Kind.OR, both, gate(Kind.AND, half, terms[2]))
        product.append(total[0])
    for place, wire in enumerate([*product, *total[1:], carry]):
        draft.output(wire, name=f"p{place}")
    return draft.finish()


if __name__ == "__main__":
    main()
