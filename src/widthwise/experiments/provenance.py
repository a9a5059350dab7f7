"""Where numbers come from: versions, machine, revision of the code."""

import importlib.metadata
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax

_PACKAGES = ("widthwise", "jax", "jaxlib", "equinox", "numpy", "scipy", "xarray", "h5netcdf")


def provenance() -> dict[str, Any]:
    """Return what identifies this machine and software, as plain values."""
    device = jax.devices()[0]
    return {
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
        "platform": platform.platform(),
        "device": f"{device.platform}: {device.device_kind}",
        "dtype": "float64 unless the study says otherwise (jax_enable_x64)",
        "git": _git_revision(Path(__file__).parent),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _git_revision(folder: Path) -> str | None:
    """Return the commit of a checkout, or None when the code is installed."""
    root = next((path for path in folder.parents if (path / ".git").exists()), None)
    if root is None or root / "src" not in folder.parents:
        return None
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None if found.returncode == 0 else None
