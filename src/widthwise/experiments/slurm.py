"""The script of a SLURM array: text, nothing is submitted."""

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_STARTUP = 120  # seconds: imports and compilation on a cold node
_SAFETY = 3  # nodes differ, and so do shards


@dataclass(frozen=True, kw_only=True)
class ArrayJob:
    """An array of jobs that computes the pieces of a sweep.

    Parameters
    ----------
    target
        The file of the sweep, or a folder of runs.
    out
        Folder for the runs.
    pieces
        How many there are.
    seconds
        The longest that one piece took when it was tried, or None.
    tasks
        At most so many jobs in the array: clusters allow 1,000 unless configured otherwise
        (``scontrol show config | grep MaxArraySize``).
    at_once
        At most so many jobs running at a time, or None.
    cpus
        Cores of one job.
    lines
        Further ``#SBATCH`` options, such as ``--partition=short``.
    """

    target: Path
    out: Path
    pieces: int
    seconds: float | None = None
    tasks: int = 1000
    at_once: int | None = None
    cpus: int = 1
    lines: Sequence[str] = ()

    @property
    def jobs(self) -> int:
        """Number of jobs in the array."""
        return min(self.pieces, self.tasks)

    @property
    def each(self) -> int:
        """Pieces of one job, at most."""
        return -(-self.pieces // self.jobs)

    @property
    def minutes(self) -> int:
        """The time limit of one job."""
        if self.seconds is None:
            return 60
        return math.ceil((_STARTUP + _SAFETY * self.each * self.seconds) / 60)

    def script(self) -> str:
        """Return the script, explained in its comments."""
        name = self.target.stem
        throttle = f"%{self.at_once}" if self.at_once else ""
        estimate = (
            "no piece was tried: --pilot measures one of each part and sets this"
            if self.seconds is None
            else f"{self.each} x {self.seconds:.0f} s (the longest piece tried) x {_SAFETY}, "
            f"and {_STARTUP} s to start"
        )
        options = [
            (f"--job-name={name}", ""),
            (f"--array=0-{self.jobs - 1}{throttle}", f"{self.pieces} pieces, {self.each} a job"),
            (f"--time={_clock(self.minutes)}", estimate),
            (f"--cpus-per-task={self.cpus}", ""),
            ("--requeue", "after a lost node: sound shards are skipped, nothing is lost"),
            ("--open-mode=append", "so that a requeued job does not erase its log"),
            (f"--output={name}-%a.log", ""),
            *((line, "") for line in self.lines),
        ]
        width = max(len(option) for option, _ in options) + 2
        head = [
            f"#SBATCH {option:<{width}}# {why}" if why else f"#SBATCH {option}"
            for option, why in options
        ]
        target, out = shlex.quote(str(self.target)), shlex.quote(str(self.out))
        where = f" --out {out}" if self.target.suffix == ".toml" else ""
        return "\n".join(
            [
                "#!/bin/bash",
                *head,
                "",
                f"# Submit, and join the shards when all jobs have ended (also after failures, "
                f"which `widthwise status {target}{where}` lists; submit again to repeat them):",
                f"#   job=$(sbatch --parsable {name}.sbatch)",
                f"#   sbatch --dependency=afterany:$job --wrap 'widthwise combine {target}{where}'",
                "",
                f"widthwise shard {target}{where} --index $SLURM_ARRAY_TASK_ID --of {self.jobs}",
                "",
            ]
        )


def _clock(minutes: int) -> str:
    """Return a time limit as SLURM reads it.

    Examples
    --------
    >>> _clock(75), _clock(3000)
    ('01:15:00', '2-02:00:00')
    """
    days, rest = divmod(minutes, 1440)
    return (f"{days}-" if days else "") + f"{rest // 60:02d}:{rest % 60:02d}:00"
