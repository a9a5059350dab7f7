"""What commands on shards are pointed at: a sweep, one run, or a folder of runs."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from widthwise.experiments import Study, Sweep


def read_sweep(path: Path) -> "Sweep":
    """Read the sweep of a TOML file, of whatever study it names."""
    from widthwise.experiments import Study, Sweep
    from widthwise.studies import find_study

    if not path.exists():
        raise ValueError(f"{path} does not exist: give a TOML file of a sweep")
    name = Study.read_toml(path).get("study")
    if not isinstance(name, str):
        raise ValueError(f'{path} does not say which study: study = "no-coincidence"')
    return Sweep.from_toml(find_study(name), path)


def runs_at(target: Path, out: Path) -> "list[tuple[Study, Path]]":
    """Return the studies that a target names, each with the folder of its run."""
    from widthwise.experiments.folders import run_folder
    from widthwise.experiments.status import manifest, run_folders
    from widthwise.studies import find_study

    if target.suffix == ".toml":
        return [(study, run_folder(study, out)) for study in read_sweep(target).studies]
    found = []
    for folder in run_folders(target):
        content = manifest(folder)
        study = find_study(str(content["class"])).from_parameters(content["parameters"])
        found.append((study, run_folder(study, folder)))
    return found


def title(study: "Study", others: "list[Study]") -> str:
    """Name a study among others: by the parameters in which they differ."""
    mine = study.parameters
    told = [
        f"{name}={value}"
        for name, value in mine.items()
        if any(other.parameters.get(name) != value for other in others if other.name == study.name)
    ]
    return " ".join([study.name, *told])
