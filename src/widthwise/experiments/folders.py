"""The folder of a run: whose it is, what it may already hold, and how it is opened."""

import json
import logging
import shutil
from pathlib import Path

from widthwise.experiments import store
from widthwise.experiments.run import FILE, MANIFEST, SCHEMA, Run
from widthwise.experiments.study import Study

_log = logging.getLogger("widthwise")

SHARDS = "shards"


def run_folder(study: Study, out: Path) -> Path:
    """Return the folder of a study's run: below ``out``, or ``out`` itself if it is one already.

    Raises
    ------
    ValueError
        If the folder belongs to another run, or lacks the file that says whose it is.
    """
    folder = out if (out / MANIFEST).exists() else out / f"{study.name}-{study.identity}"
    manifest = folder / MANIFEST
    if not manifest.exists():
        if (folder / SHARDS).exists() or (folder / FILE).exists():
            raise ValueError(
                f"{folder} holds part of a run but no {MANIFEST}: delete it or choose another --out"
            )
        return folder
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        schema, name, identity = content["schema"], content["study"], content["identity"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"{manifest} is damaged: delete {folder} or choose another --out"
        ) from None
    if schema != SCHEMA:
        raise ValueError(f"{folder} was made by another version of widthwise: choose another --out")
    if (name, identity) != (study.name, study.identity):
        raise ValueError(
            f"{folder} is the run {name}-{identity}, not {study.name}-{study.identity} "
            "(another study, other parameters or another revision): choose another --out"
        )
    return folder


def open_folder(study: Study, folder: Path) -> None:
    """Make the folder ready for shards, and say whose it is."""
    content = {
        "schema": SCHEMA,
        "study": study.name,
        "identity": study.identity,
        "class": study.source,
        "revision": study.revision,
        "parameters": study.parameters,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        store.write_text(json.dumps(content, indent=2) + "\n", folder / MANIFEST)
        (folder / SHARDS).mkdir(exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"{folder} cannot be written ({error.strerror}): choose another --out"
        ) from None


def finished_run(folder: Path) -> Run | None:
    """Return the finished run of a folder, or None if there is none or it is damaged."""
    if not (folder / FILE).exists():
        return None
    try:
        return Run.load(folder)
    except store.DamagedFile as error:
        _log.warning("%s; measured again", error)
        return None


def is_finished(folder: Path) -> bool:
    """Tell whether a folder holds a finished, sound run, without reading it."""
    try:
        store.verify(folder / FILE)
    except (store.DamagedFile, OSError):
        return False
    return True


def discard(folder: Path) -> None:
    """Remove what a run has left, so that everything is measured anew."""
    (folder / FILE).unlink(missing_ok=True)
    if (folder / SHARDS).exists():
        shutil.rmtree(folder / SHARDS)
