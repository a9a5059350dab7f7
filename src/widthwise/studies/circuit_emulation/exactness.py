"""Exactness: circuits and their networks on the same inputs, all of them where that is possible."""

from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from widthwise.circuits.assembly import assemble
from widthwise.circuits.drawing import draw_network
from widthwise.circuits.exactness import prove_exact
from widthwise.circuits.execution import run
from widthwise.circuits.typed import TypedCircuit, emulate, ripple_adder, trace
from widthwise.experiments import Claim, Shard, member_keys, shards_of
from widthwise.plotting import Picture, measured, new_figure
from widthwise.studies.circuit_emulation.catalogue import CIRCUITS, bits

if TYPE_CHECKING:
    from widthwise.studies.circuit_emulation.study import CircuitEmulation

PART = "exactness"
EXHAUSTIVE = 2**16
"""Circuits with at most so many inputs are run on all of them."""


def predict(study: "CircuitEmulation") -> xr.Dataset:
    """No difference; and the significant bits that the proof asks for."""
    needed, neurons = [], []
    for name in study.circuits:
        program = emulate(CIRCUITS[name]())
        network = assemble(program)
        needed.append(prove_exact(network, "float32").tightest.bits)
        neurons.append(network.neurons)
    return xr.Dataset(
        {
            "mismatches": ("circuit", np.zeros(len(needed))),
            "bits": ("circuit", np.array(needed, float)),
            "neurons": ("circuit", np.array(neurons, float)),
        },
        coords={"circuit": list(study.circuits)},
        attrs={"source": "interval arithmetic over every partial sum"},
    )


def shards(study: "CircuitEmulation") -> list[Shard]:
    """One circuit each; its members are blocks of inputs."""
    members = study.blocks
    return [
        shard
        for name in study.circuits
        for shard in shards_of(PART, {"circuit": name}, members=members, batch=members)
    ]


def measure(study: "CircuitEmulation", shard: Shard, key: jax.Array) -> xr.Dataset:
    """Inputs on which network and circuit differ, of those run, in each block."""
    circuit = CIRCUITS[str(shard.settings["circuit"])]()
    everything = _everything(circuit)
    keys = member_keys(key, len(circuit.inputs), shard.members)
    blocks = [
        everything[number :: study.blocks]
        if everything is not None
        else _drawn(circuit, study.samples, np.asarray(jax.random.key_data(one)).ravel().tolist())
        for number, one in zip(range(*shard.members), keys, strict=True)
    ]
    inputs = np.concatenate(blocks)
    found = run(assemble(emulate(circuit)), inputs, dtype="float32", batch_size=4096)
    wrong = np.any(found != circuit.simulate(inputs), axis=1)
    ends = np.cumsum([len(block) for block in blocks])[:-1]
    return xr.Dataset(
        {
            "mismatches": ("member", [float(np.sum(part)) for part in np.split(wrong, ends)]),
            "inputs": ("member", [float(len(block)) for block in blocks]),
        }
    )


def _everything(circuit: TypedCircuit) -> np.ndarray | None:
    """Return all inputs of a circuit, if there are not too many."""
    ends = [port.type.codes for port in circuit.inputs]
    sizes = [high - low + 1 for low, high in ends]
    if np.prod(np.array(sizes, float)) > EXHAUSTIVE:
        return None
    places = np.stack(np.unravel_index(np.arange(int(np.prod(sizes))), sizes), axis=1)
    units = np.array([port.type.unit for port in circuit.inputs])
    return (places + np.array(ends)[:, 0]) * units


def _drawn(circuit: TypedCircuit, samples: int, seed: list[int]) -> np.ndarray:
    """Return corners, every input at an end of its range, and as many random inputs."""
    generator = np.random.default_rng(seed)
    ends = np.array([port.type.codes for port in circuit.inputs])
    shape = (samples, len(ends))
    corners = np.where(generator.integers(0, 2, shape), ends[:, 1], ends[:, 0])
    inside = generator.integers(ends[:, 0], ends[:, 1] + 1, shape)
    units = np.array([port.type.unit for port in circuit.inputs])
    return np.concatenate([corners, inside]) * units


def claims(
    study: "CircuitEmulation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Claim]:
    """No input on which a network differs from its circuit."""
    found = []
    for name in study.circuits:
        count = int(measurement.inputs.sel(circuit=name).sum())
        which = "all" if _everything(CIRCUITS[name]()) is not None else "corner and random"
        found.append(
            Claim(
                name=f"exact-{name}",
                statement=f"The float32 network of the circuit {name!r} errs on none of {count} "
                f"{which} inputs",
                predicted=float(prediction.mismatches.sel(circuit=name)),
                measured=float(measurement.mismatches.sel(circuit=name).sum()),
                standard_error=1e-6,  # a count
                tolerance=0.5,
            )
        )
    return found


def pictures(
    study: "CircuitEmulation", prediction: xr.Dataset, measurement: xr.Dataset
) -> list[Picture]:
    """Significant bits that each circuit needs, beside what formats have; a network, drawn."""
    del measurement
    count = len(study.circuits)
    figure, (ax,) = new_figure(1, size=(6.4, 1.2 + 0.3 * count))
    for i, name in enumerate(study.circuits):
        measured(ax, [float(prediction.bits.sel(circuit=name))], [count - i], color=0)
    for format_, held in (("bfloat16", 8), ("float16", 11), ("float32", 24), ("float64", 53)):
        ax.axvline(held, color="0.5", linewidth=0.9)
        place = ("data", "axes fraction")
        ax.annotate(f" {format_}", (held, 1.0), xycoords=place, ha="center", rotation=60)
    sizes = [f"{int(n)}" for n in prediction.neurons.values]
    names = [f"{name}, {n} neurons" for name, n in zip(study.circuits, sizes, strict=True)]
    ax.set_yticks(range(count, 0, -1), names)
    ax.set_ylim(0.3, count + 0.7)
    ax.set_xlim(0, 56)
    ax.set_xlabel("significant bits needed")
    return [
        Picture(
            "formats",
            "Which number format makes a circuit's network exact",
            "Bits that hold every partial sum of every row, in any order of summation, by interval "
            "arithmetic; lines: what number formats have. Networks were run in float32 beside "
            "their circuits.",
            figure,
        ),
        draw_network(assemble(emulate(trace(ripple_adder, *bits(2, 2))))),
    ]
