"""The study memorized-distillation: its parameters, presets and parts."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt, MinLen
from typing_extensions import Doc

from widthwise.experiments import Reference, Study
from widthwise.studies.memorized_distillation import (
    capacity,
    classes,
    controls,
    linear,
    modular,
    network_labels,
    network_widths,
    networks,
    temperature,
    threshold,
)

Load = Annotated[float, Gt(0), Le(10)]
HotLoad = Annotated[float, Gt(0), Lt(2.4)]


@dataclass(frozen=True, kw_only=True)
class MemorizedDistillation(Study):
    """How much does a student learn of what its teacher only memorized?

    A teacher memorizes random labels, in which there is nothing to learn. A student sees its soft
    labels on a fraction of the samples, and no other label. Yet it gets labels right that it never
    saw, and may become the teacher as a function: the teacher's weights are a finite number of
    unknowns, and every soft label is an equation.

    For linear teachers and students there are exact predictions in the limit of many inputs and
    samples: held-out accuracy, agreement on new inputs, the thresholds of memorization and of
    recovery, for two classes and more, and what shuffled soft labels give. Students of softmax
    regression are trained at many temperatures; ReLU networks over labels, temperature, samples
    and width, with hard and shuffled labels as controls. Networks and transformers that add modulo
    a number may find the rule: what counts there is what they get right beyond it.

    Tolerances: of linear students, by how much one pair differs, through the fluctuation
    sqrt(2 m (1 - m) / weights) of the overlap m of student and teacher; of thresholds 2 % at the
    largest size. Elsewhere the claims are the criteria in which the paper speaks: the same from
    0.99 on, leakage from 0.05 above chance (many classes: from 0.1 on).
    """

    question = "How much does a student learn of what its teacher only memorized?"
    reference = Reference(
        title="Dataset Distillation for Memorized Data: Soft Labels can Leak Held-Out Teacher "
        "Knowledge",
        authors=("Freya Behrens", "Lenka Zdeborová"),
        year=2025,
        arxiv="2506.14457",
    )
    parts = (
        linear, controls, threshold, capacity, classes, temperature, modular,
        network_labels, network_widths,
    )  # fmt: skip

    loads: Annotated[
        tuple[Load, ...], MinLen(2), Doc("Samples per input n/d of linear teachers, ascending.")
    ] = (0.4, 0.7, 1.0, 1.3, 1.6, 1.9, 2.3, 2.6, 3.0, 3.5)
    claimed_loads: Annotated[
        tuple[Load, ...], MinLen(1), Doc("Those of which claims are made and cuts are drawn.")
    ] = (1.0, 1.6, 3.0)
    inputs: Annotated[int, Ge(10), Doc("Inputs d of linear teachers.")] = 100
    teachers: Annotated[
        int, Ge(2), Doc("Linear teachers of each claimed load, and of each control.")
    ] = 250
    phase_teachers: Annotated[int, Ge(2), Doc("Linear teachers of the other loads.")] = 25
    sizes: Annotated[
        tuple[Annotated[int, Ge(10)], ...], MinLen(2), Doc("Inputs of the threshold of recovery.")
    ] = (50, 100, 200, 400)
    size_teachers: Annotated[int, Ge(2), Doc("Teachers of each size.")] = 40
    capacity_sizes: Annotated[
        tuple[Annotated[int, Ge(4)], ...], MinLen(1), Doc("Inputs of the capacity.")
    ] = (15, 30, 50)
    streams: Annotated[int, Ge(2), Doc("Streams of samples of each of these sizes.")] = 300
    class_counts: Annotated[
        tuple[Annotated[int, Ge(2), Le(20)], ...], MinLen(1), Doc("Numbers of classes.")
    ] = (2, 3, 5)
    class_inputs: Annotated[int, Ge(10), Doc("Inputs of teachers of several classes.")] = 100
    class_teachers: Annotated[int, Ge(2), Doc("Teachers of each number of classes.")] = 160
    hot_loads: Annotated[
        tuple[HotLoad, ...],
        MinLen(1),
        Doc("Samples per input of softmax regression, ascending."),
    ] = (0.75, 1.0, 1.5)
    temperatures: Annotated[
        tuple[Annotated[float, Gt(0)], ...],
        MinLen(2),
        Doc("Of softmax regression, in units of the teacher's margin, ascending."),
    ] = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
    hot_teachers: Annotated[int, Ge(2), Doc("Teachers of each load.")] = 80
    network_samples: Annotated[
        int, Ge(100), Doc("Samples that a ReLU network memorizes, a multiple of 100.")
    ] = 300
    fewer_samples: Annotated[
        tuple[Annotated[int, Ge(100)], ...], Doc("Fewer of them, multiples of 100.")
    ] = (100, 200)
    network_temperatures: Annotated[
        tuple[Annotated[float, Gt(0)], ...],
        MinLen(2),
        Doc("Temperatures of their soft labels; 20 is among them."),
    ] = (1.0, 5.0, 20.0, 80.0)
    network_teachers: Annotated[int, Ge(2), Doc("ReLU teachers.")] = 8
    network_steps: Annotated[int, Ge(1), Doc("Steps of Adam of ReLU networks.")] = 3000
    widths: Annotated[
        tuple[Annotated[int, Ge(1), Le(4096)], ...],
        MinLen(1),
        Doc("Widths of ReLU students; 20, the teacher's, is among them."),
    ] = (10, 20, 40, 160)
    width_teachers: Annotated[int, Ge(2), Doc("Teachers of each number of samples.")] = 3
    modulus: Annotated[int, Ge(5), Le(127), Doc("Of the sums of pairs that are memorized.")] = 17
    modular_teachers: Annotated[int, Ge(2), Doc("Teachers of sums, of each architecture.")] = 20
    modular_stops: Annotated[
        tuple[Annotated[int, Ge(1)], ...],
        MinLen(1),
        Doc("Steps after which they stop; claims are of those that stop first."),
    ] = (150,)
    modular_steps: Annotated[int, Ge(1), Doc("Steps of their students.")] = 600
    modular_temperatures: Annotated[
        tuple[Annotated[float, Gt(0)], ...],
        MinLen(1),
        Doc("Temperatures of their soft labels; claims are of the highest."),
    ] = (10.0,)

    def check(self) -> None:
        """Refuse loads at the threshold of memorization, and numbers that do not fit."""
        if any(load == 2 for load in (*self.loads, *self.claimed_loads)):
            raise ValueError("at load 2 teachers neither memorize nor have a limit: leave it out")
        if list(self.loads) != sorted(set(self.loads)):
            raise ValueError(f"loads are {list(self.loads)}: give them ascending")
        if self.phase_teachers > self.teachers:
            raise ValueError("phase_teachers are more than teachers: give at most as many")
        if not set(self.claimed_loads) <= set(self.loads):
            raise ValueError("claimed_loads are to be among the loads")
        if list(self.hot_loads) != sorted(set(self.hot_loads)):
            raise ValueError(f"hot_loads are {list(self.hot_loads)}: give them ascending")
        counts = (*self.fewer_samples, self.network_samples)
        if any(count % 100 for count in counts) or max(counts) > self.network_samples:
            raise ValueError(
                "network_samples and fewer_samples are multiples of 100, the former the largest"
            )
        if networks.TEMPERATURE not in self.network_temperatures:
            raise ValueError(f"network_temperatures needs {networks.TEMPERATURE:g} among them")
        if networks.WIDTH not in self.widths:
            raise ValueError(f"widths needs the teacher's, {networks.WIDTH}, among them")

    @classmethod
    def quick(cls) -> "MemorizedDistillation":
        """Return a preset of a few seconds."""
        return cls(
            loads=(1.0, 3.0),
            claimed_loads=(1.0,),
            inputs=30,
            teachers=10,
            phase_teachers=10,
            sizes=(20, 40),
            size_teachers=10,
            capacity_sizes=(10,),
            streams=10,
            class_counts=(3,),
            class_inputs=20,
            class_teachers=4,
            hot_loads=(1.5,),
            temperatures=(0.03, 10.0),
            hot_teachers=4,
            network_samples=100,
            fewer_samples=(),
            network_temperatures=(1.0, 20.0),
            network_teachers=2,
            network_steps=200,
            widths=(20,),
            width_teachers=2,
            modulus=5,
            modular_teachers=2,
            modular_stops=(20,),
            modular_steps=20,
        )

    @classmethod
    def paper(cls) -> "MemorizedDistillation":
        """Return larger sizes and more teachers; about two hours of one core."""
        return cls(
            loads=(0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.2, 2.5, 3.0, 3.5, 4.0, 5.0, 7.0),
            claimed_loads=(1.0, 1.4, 3.0, 5.0),
            inputs=200,
            teachers=400,
            phase_teachers=200,
            sizes=(50, 100, 200, 400, 800),
            size_teachers=100,
            capacity_sizes=(15, 30, 60, 100),
            streams=500,
            class_counts=(2, 3, 5, 10),
            class_inputs=120,
            class_teachers=200,
            hot_loads=(0.5, 0.75, 1.0, 1.15, 1.5, 1.75),
            temperatures=(0.03, 0.06, 0.1, 0.2, 0.3, 0.6, 1.0, 3.0, 10.0, 30.0),
            hot_teachers=200,
            network_samples=400,
            fewer_samples=(100, 200, 300),
            network_temperatures=(1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 80.0),
            network_teachers=20,
            widths=(10, 20, 40, 80, 160, 320),
            width_teachers=10,
            modulus=37,
            modular_teachers=20,
            modular_stops=(150, 1500, 5000),
            modular_steps=2000,
            modular_temperatures=(0.1, 1.0, 10.0),
        )
