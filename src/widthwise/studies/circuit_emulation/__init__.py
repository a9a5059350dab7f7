"""Which ReLU network computes exactly what a circuit does, and how large is it?"""

from widthwise.studies.circuit_emulation.study import CircuitEmulation as CircuitEmulation
