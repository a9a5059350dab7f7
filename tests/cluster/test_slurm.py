"""Sweeps on a real SLURM with two virtual nodes: the numbers of one process.

Needs root on Debian or a machine with slurmctld and slurmd; everything listens on the loopback
interface only, without authentication.
"""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import xarray as xr

HERE = Path(__file__).parent
EXAMPLES = str(HERE.parent / "experiments")
sys.path += [str(HERE), EXAMPLES]

from coin_study import CoinStudy  # noqa: E402  (it stands beside the tests of the machinery)
from machines import lose, wait_until  # noqa: E402
from tallied import (  # noqa: E402
    attempts,
    equals_one_process,
    nothing_is_computed_twice,
    prepare,
)

from widthwise.experiments import Run  # noqa: E402

pytestmark = pytest.mark.slow
PACKAGES = ("slurmctld", "slurmd", "slurm-client", "slurm-wlm-basic-plugins")
SWEEP = """study = "coin_study:CoinStudy"
[parameters]
widths = [16]
members = 5000
[sweep]
bias = [0.3, 0.5]
"""
CONF = """ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SlurmdParameters=config_overrides
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool_%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd_%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd_%n.log
SlurmdTimeout=10
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0
ReturnToService=2
KillWait=5
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port=16821 CPUs=1
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port=16822 CPUs=1
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""


class Cluster:
    """A controller and two nodes in processes of this machine."""

    def __init__(self, folder: Path) -> None:
        self.environment = os.environ | {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PYTHONPATH": os.pathsep.join([EXAMPLES, os.environ.get("PYTHONPATH", "")]),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        }
        (folder / "state").mkdir()
        for node in ("n1", "n2"):
            (folder / f"spool_{node}").mkdir()
        conf = CONF.format(host=platform.node().split(".")[0], folder=folder)
        (folder / "slurm.conf").write_text(conf)
        self.controller = self._start("slurmctld", "-D", "-i")
        self.nodes = {node: self._start("slurmd", "-D", "-N", node) for node in ("n1", "n2")}

    def _start(self, *words: str) -> subprocess.Popen:
        return subprocess.Popen(
            words,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __call__(self, *words: str) -> str:
        done = subprocess.run(
            words, env=self.environment, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    def stop(self) -> None:
        for process in self.nodes.values():
            lose(process)
        self.controller.kill()
        self.controller.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    if shutil.which("slurmctld") is None or shutil.which("slurmd") is None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            pytest.skip(f"needs {', '.join(PACKAGES)}, or root on Debian to install them")
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], env=environment, check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", *PACKAGES], env=environment, check=True)
    if os.geteuid() != 0:
        pytest.skip("the controller is started as root")
    folder = tmp_path / "slurm"
    folder.mkdir()
    started = Cluster(folder)
    try:
        wait_until(lambda: "idle" in started("sinfo", "-h", "-o", "%T"), 60, "no node came up")
        yield started
    finally:
        started.stop()


def test_an_array_survives_the_loss_of_a_node(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sweep.toml").write_text(SWEEP)
    widthwise = (sys.executable, "-m", "widthwise.cli")
    told = cluster(*widthwise, "slurm", "sweep.toml", "--tasks", "12")
    assert "12 jobs for 102 pieces" in told
    job = cluster("sbatch", "--parsable", "sweep.sbatch").strip()
    assert job.isdigit(), job

    def shards() -> int:
        return len(list(Path("runs").glob("*/shards/*.nc")))

    wait_until(lambda: shards() >= 10, 300, "the first shards")
    requeued = cluster("squeue", "-h", "-t", "R", "-o", "%A", "-w", "n1").split()
    lose(cluster.nodes["n2"])
    for running in requeued[:1]:
        cluster("scontrol", "requeue", running)
    assert shards() < 102
    wait_until(lambda: not cluster("squeue", "-h").strip(), 900, "the end of the array")
    assert shards() == 102, cluster(*widthwise, "status", "runs")
    logs = "".join(log.read_text() for log in Path().glob("sweep-*.log"))
    told = cluster(*widthwise, "combine", "sweep.toml")
    assert "2 of 2" not in told, told
    for bias in (0.3, 0.5):
        study = CoinStudy(widths=(16,), members=5000, bias=bias)
        (path,) = Path("runs").glob(f"coin-study-{study.identity}/run.nc")
        serial = study.run(tmp_path / "serial")
        joined = Run.load(path)
        xr.testing.assert_identical(
            joined.measurement["tosses"].to_dataset(), serial.measurement["tosses"].to_dataset()
        )
        assert joined.claims == serial.claims
    assert "pieces are there (102 in all)" in logs


def test_jobs_of_submitit_are_requeued(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by SLURM's own hand, and one that sends itself again when it is asked to leave."""
    pytest.importorskip("submitit", reason="needs pip install 'widthwise[submitit]'")
    monkeypatch.chdir(tmp_path)
    prepare()
    words = ["run", "sweep.toml", "--json", "--executor", "submitit", "--workers", "4"]

    def running() -> list[str]:
        return cluster("squeue", "-h", "-t", "R", "-o", "%A").split()

    def begun() -> set[str]:
        return {process for _, process in attempts("begin")}

    with subprocess.Popen(
        [sys.executable, "-m", "widthwise.cli", *words],
        env=cluster.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            wait_until(
                lambda: process.poll() is not None or len(begun()) == 2, 240, "work on two nodes"
            )
            one, other = running()
            cluster("scontrol", "requeue", other)
            cluster("timeout", "5", "scancel", "--signal=USR2", one)  # it tries for long again
            out, err = process.communicate(timeout=900)
        finally:
            process.kill()
    assert process.returncode == 0, err
    logs = "".join(log.read_text() for log in Path("runs/submitit").glob("*_log.err"))
    assert "this job is preempted" in logs
    restarts = cluster("scontrol", "show", "job", "--oneliner").count("Restarts=1")
    assert restarts == 2
    nothing_is_computed_twice()
    equals_one_process(out, tmp_path / "serial")
