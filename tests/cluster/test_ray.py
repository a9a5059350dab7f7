"""A sweep on a real Ray cluster of two nodes, one of which dies: the numbers of one process.

Needs the extra ``ray``; everything runs on this machine.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE))

from machines import descendants, lose, wait_until  # noqa: E402
from tallied import (  # noqa: E402
    attempts,
    equals_one_process,
    nothing_is_computed_twice,
    prepare,
)

pytestmark = pytest.mark.slow


class Cluster:
    """A head and a second node, with one core each."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        port = self.address.split(":")[1]
        self.head = self._start("--head", f"--port={port}", "--include-dashboard=false")
        wait_until(lambda: "1.0 CPU" in self.told(), 60, "the head of the cluster")
        self.second = self._start(f"--address={self.address}")
        wait_until(lambda: "2.0 CPU" in self.told(), 60, "the second node")

    def _start(self, *words: str) -> subprocess.Popen:
        ray = str(Path(sys.executable).with_name("ray"))
        options = ("--num-cpus=1", "--object-store-memory=100000000", "--block")
        return subprocess.Popen(
            [ray, "start", "--node-ip-address=127.0.0.1", *options, *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def told(self) -> str:
        ray = str(Path(sys.executable).with_name("ray"))
        words = [ray, "status", "--address", self.address]
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout

    def stop(self) -> None:
        lose(self.second)
        lose(self.head)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    pytest.importorskip("ray", reason="needs pip install 'widthwise[ray]'")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_worker_niceness", "0")  # its 15 starves them beside other work
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(str(Path(p).resolve()) for p in sys.path))
    monkeypatch.setenv("HOME", str(tmp_path))  # where Ray keeps the token of its nodes
    monkeypatch.chdir(tmp_path)
    made = Cluster()
    try:
        yield made
    finally:
        made.stop()


def test_a_run_survives_the_loss_of_a_node(cluster: Cluster, tmp_path: Path) -> None:
    prepare()

    def worked() -> int:
        """Count the shards that the second node has begun."""
        its = set(map(str, descendants(cluster.second.pid)))
        return sum(process in its for _, process in attempts("begin"))

    words = ["run", "sweep.toml", "--json", "--executor", "ray", "--executor-options"]
    with subprocess.Popen(
        [sys.executable, "-m", "widthwise.cli", *words, f"address={cluster.address}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            wait_until(lambda: process.poll() is not None or worked() > 3, 240, "the first shards")
            seen = worked()  # then another one is begun, and half a second is left until it ends
            wait_until(lambda: process.poll() is not None or worked() > seen, 60, "another shard")
        except BaseException:
            process.kill()
            raise
        lose(cluster.second)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    nothing_is_computed_twice()
    lost = set(attempts("begin")) - set(attempts("end"))
    assert len(lost) == 1, "what the lost node worked on was not taken up by the other"
    equals_one_process(out, tmp_path / "serial")
