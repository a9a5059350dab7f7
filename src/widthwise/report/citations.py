"""What a page asks its reader to cite: the works executed, this library, what it stands on."""

from collections.abc import Iterable
from importlib.metadata import version

from widthwise.experiments import Reference

SOFTWARE = {
    "jax": Reference(
        title="JAX: composable transformations of Python+NumPy programs",
        authors=(
            "James Bradbury", "Roy Frostig", "Peter Hawkins", "Matthew James Johnson",
            "Chris Leary", "Dougal Maclaurin", "George Necula", "Adam Paszke",
            "Jake VanderPlas", "Skye Wanderman-Milne", "Qiao Zhang",
        ),
        year=2018,
        url="https://github.com/jax-ml/jax",
    ),
    "equinox": Reference(
        title="Equinox: neural networks in JAX via callable PyTrees and filtered transformations",
        authors=("Patrick Kidger", "Cristian Garcia"),
        year=2021,
        arxiv="2111.00254",
    ),
    "xarray": Reference(
        title="xarray: N-D labeled arrays and datasets in Python",
        authors=("Stephan Hoyer", "Joe Hamman"),
        year=2017,
        venue="Journal of Open Research Software",
        doi="10.5334/jors.148",
    ),
    "numpy": Reference(
        title="Array programming with NumPy",
        authors=("Charles R. Harris", "others"),
        year=2020,
        venue="Nature",
        doi="10.1038/s41586-020-2649-2",
    ),
    "scipy": Reference(
        title="SciPy 1.0: fundamental algorithms for scientific computing in Python",
        authors=("Pauli Virtanen", "others"),
        year=2020,
        venue="Nature Methods",
        doi="10.1038/s41592-019-0686-2",
    ),
    "matplotlib": Reference(
        title="Matplotlib: a 2D graphics environment",
        authors=("John D. Hunter",),
        year=2007,
        venue="Computing in Science and Engineering",
        doi="10.1109/MCSE.2007.55",
    ),
}  # fmt: skip
"""The packages that compute and draw the numbers of every run."""


def bibliography(works: Iterable[Reference]) -> str:
    """Return BibTeX entries: works in order and without repetition, then the software."""
    library = Reference(
        title=f"Widthwise {version('widthwise')}: predictions and measurements of wide networks",
        authors=("{The Widthwise developers}",),
        year=2026,
    )
    entries = dict.fromkeys([*works, library, *SOFTWARE.values()])
    return "\n\n".join(work.bibtex() for work in entries)
