"""Circuits: random reversible ones, and how often they have a property no chance would give."""

from widthwise.circuits import typed as typed
from widthwise.circuits.draft import Draft as Draft
from widthwise.circuits.exactness import ExactnessError as ExactnessError
from widthwise.circuits.exactness import ExactnessProof as ExactnessProof
from widthwise.circuits.exactness import prove_exact as prove_exact
from widthwise.circuits.netlist import CircuitError as CircuitError
from widthwise.circuits.netlist import Kind as Kind
from widthwise.circuits.netlist import Netlist as Netlist
from widthwise.circuits.reversible import ReversibleCircuit as ReversibleCircuit
from widthwise.circuits.reversible import apply as apply
from widthwise.circuits.reversible import count_violations as count_violations
from widthwise.circuits.reversible import independent_probability as independent_probability
from widthwise.circuits.reversible import measure_property as measure_property
from widthwise.circuits.reversible import permutation_probability as permutation_probability
from widthwise.circuits.reversible import random_reversible as random_reversible
from widthwise.circuits.reversible import special_inputs as special_inputs
from widthwise.circuits.turing import TuringMachine as TuringMachine
from widthwise.circuits.turing import stopped_machine as stopped_machine
