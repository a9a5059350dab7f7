"""Whole checkpoints: what is measured, left out, tested together, and what changed."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from widthwise.networks.checkpoints import load_weights
from widthwise.observables.weight_statistics import (
    Survey,
    changes,
    ensemble_tests,
    survey,
    verdict,
)
from widthwise.observables.weight_statistics.plain import (
    change_as_dict,
    ensemble_as_dict,
    survey_as_dict,
)

RNG = np.random.default_rng(0)
HIDDEN = {f"body.{i}.weight": RNG.standard_normal((16, 16)).astype(np.float32) for i in range(3)}
START = {"in.weight": RNG.standard_normal((16, 24)), **HIDDEN, "in.bias": np.zeros(16)}


def saved(folder: Path, name: str, arrays) -> Path:
    np.savez(folder / name, **arrays)
    return folder / name


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    return survey(saved(tmp_path_factory.mktemp("start"), "start.npz", START), draws=39)


def test_everything_is_measured_or_left_out_with_a_reason(start: Survey) -> None:
    assert [layer.matrix.name for layer in start.layers] == [*list(START)[:4]]
    assert start.others == {"in.bias": "bias"}
    assert start.surveyed == 16 * 24 + 3 * 256
    assert start.parameters == start.surveyed + 16
    (stack,) = start.stacks
    assert (stack.role, stack.size, len(stack.names)) == ("dense", 16, 3)
    assert stack.test.p_value > 1e-3
    plain = json.loads(json.dumps(survey_as_dict(start), allow_nan=False))
    assert plain["layers"][0]["shape"] == [16, 24]
    assert plain["layers"][0]["tied"] is None
    assert plain["layers"][1]["gain"] == pytest.approx(4 * HIDDEN["body.0.weight"].std(), rel=1e-5)


def test_tied_matrices_are_recognized_together(tmp_path: Path) -> None:
    depths = [10.0**i for i in range(-1, 2)]  # each with a scale of its own
    tied = {
        name: scale * (w + 0.7 * w.T)
        for scale, (name, w) in zip(depths, HIDDEN.items(), strict=True)
    }
    (stack,) = survey(saved(tmp_path, "tied.npz", tied), draws=39).stacks
    assert stack.test.p_value < 1e-6


def test_changes_are_those_that_were_planted(start: Survey, tmp_path: Path) -> None:
    later = dict(START)
    later["body.0.weight"] = HIDDEN["body.0.weight"] + np.float32(1.0)  # the mean alone
    later["body.1.weight"] = 2 * HIDDEN["body.1.weight"]  # the scale alone
    shuffled = RNG.permutation(HIDDEN["body.2.weight"])  # rows in another order: the same law
    later["body.2.weight"] = shuffled
    second = survey(saved(tmp_path, "later.npz", later), draws=39)
    mean, scale, order = (change for change in changes(start, second) if "body" in change.name)
    (still,) = (change for change in changes(start, second) if change.name == "in.weight")

    norms = [np.linalg.norm(w) for w in HIDDEN.values()]
    assert mean.moved == pytest.approx(16 / norms[0], rel=1e-5)
    assert mean.wasserstein == pytest.approx(mean.moved, rel=1e-5)
    assert mean.parts["mean"] == pytest.approx(1.0)
    assert mean.effective_rank == pytest.approx(1.0, abs=1e-3)

    # v -> 4 v moves every part by its own root, which together is the norm itself
    assert scale.moved == pytest.approx(1.0, rel=1e-5)
    assert scale.wasserstein == pytest.approx(1.0, rel=1e-5)
    assert scale.parts["entries"] > 0.7
    assert sum(scale.parts.values()) == pytest.approx(1.0)

    assert order.moved > 1.0
    assert order.wasserstein == pytest.approx(0.0, abs=1e-6)
    assert still.moved == still.wasserstein == 0.0
    assert math.isnan(still.effective_rank)
    assert 0 < still.floor < 0.5
    assert change_as_dict(still)["effective_rank"] is None


def test_independent_networks_are_an_ensemble(tmp_path: Path) -> None:
    surveys = []
    for seed in range(4):
        rng = np.random.default_rng((3, seed))
        square, rows = rng.standard_normal((16, 16)), rng.standard_normal((16, 1))
        arrays = {"plain": square, "tied": square + 0.5 * square.T, "rows": square[:, :9] + rows}
        surveys.append(survey(saved(tmp_path, f"{seed}.npz", arrays), draws=39))
    found = {layer.name: layer for layer in ensemble_tests(surveys)}
    assert found["plain"].law.count == 4
    tied = {name: layer.tied.p_value for name, layer in found.items() if layer.tied}
    assert min(found["plain"].structured.p_value, tied["plain"]) > 1e-3
    assert tied["tied"] < 1e-10
    assert found["rows"].tied is None
    assert found["rows"].structured.p_value < 1e-10
    assert ensemble_as_dict(found["rows"])["tied"] is None
    with pytest.raises(ValueError, match="3 independent networks are needed"):
        ensemble_tests(surveys[:2])


def test_the_floor_is_the_distance_of_independent_draws(tmp_path: Path) -> None:
    first, second = (
        survey(
            saved(tmp_path, f"{seed}.npz",
                  {f"w{i}": np.random.default_rng((seed, i)).standard_normal((16, 24))
                   for i in range(24)}),
            draws=39,
        )
        for seed in (1, 2)
    )  # fmt: skip
    found = changes(first, second)
    measured = np.mean([change.wasserstein**2 for change in found])
    assert measured == pytest.approx(np.mean([change.floor**2 for change in found]), rel=0.6)


def test_checkpoints_of_other_shapes_have_no_change(start: Survey, tmp_path: Path) -> None:
    other = survey(saved(tmp_path, "o.npz", {"in.weight": RNG.standard_normal((8, 9))}), draws=39)
    assert changes(start, other) == []


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        ({"b": np.zeros(9)}, "no matrices of at least 8 x 8"),
        ({"w": np.ones((9, 9))}, "w of .*x.npz: all entries of the matrix are equal"),
        ({"w": np.full((9, 9), np.inf)}, "w of .*x.npz: 81 entries"),
    ],
)
def test_what_cannot_be_measured(tmp_path: Path, arrays, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        survey(saved(tmp_path, "x.npz", arrays))


CHECKPOINTS = os.environ.get("WIDTHWISE_CHECKPOINTS", "")
needs_checkpoints = pytest.mark.skipif(
    not CHECKPOINTS, reason="WIDTHWISE_CHECKPOINTS names no folder of real checkpoints"
)


def real(pattern: str) -> Path:
    return next(Path(CHECKPOINTS).rglob(pattern))


@pytest.mark.slow
@needs_checkpoints
def test_a_real_transformer() -> None:
    """Sentence encoder all-MiniLM-L6-v2: moments that were worked out by hand before."""
    found = survey(real("model/model.safetensors"))
    assert found.parameters == 22_713_728
    layers = {layer.matrix.name: layer for layer in found.layers}
    block = "encoder.layer.0."
    known = {
        f"{block}attention.self.query.weight": ("query", 1.87, 1.02),
        f"{block}attention.self.key.weight": ("key", 1.81, 1.12),
        f"{block}attention.self.value.weight": ("value", 0.860, 0.38),
        f"{block}attention.output.dense.weight": ("attention output", 0.850, 5.24),
        f"{block}intermediate.dense.weight": ("MLP in", 1.26, 1.75),
        f"{block}output.dense.weight": ("MLP out", 1.78, 1582),
    }
    for name, (role, gain, kurtosis) in known.items():
        layer = layers[name]
        assert layer.matrix.role == role
        std = layer.statistics.entries.standard_deviation
        assert std * layer.matrix.shape[1] ** 0.5 == pytest.approx(gain, rel=0.006)
        assert layer.statistics.kurtosis.value == pytest.approx(kurtosis, rel=0.01)
    # its sentences are means over words: the pooler was never trained
    assert verdict(layers["pooler.dense.weight"].statistics) == "like noise"


@pytest.mark.slow
@needs_checkpoints
def test_one_real_network_in_four_files() -> None:
    """Silero VAD as TorchScript and as three graphs of ONNX, whose gates come in another order."""
    files = ("silero_vad.jit", "silero_vad_16k_op15.onnx", "silero_vad_op18_ifless.onnx",
             "silero_vad_16k_sequence.onnx")  # fmt: skip
    found = []
    for file in files:
        layers = survey(real(file), draws=19).layers
        mine = [layer.statistics for layer in layers if "8k" not in layer.matrix.name]
        found.append(sorted((one.kurtosis.value, one.stable_rank.value) for one in mine))
    for other in found[1:]:
        assert np.ravel(other) == pytest.approx(np.ravel(found[0]), rel=1e-5)
    # the file in safetensors is another version of the network
    layers = {layer.matrix.name: layer.statistics
              for layer in survey(real("silero_vad_16k.safetensors"), draws=19).layers}  # fmt: skip
    assert layers["conv4.weight"].kurtosis.value == pytest.approx(12047, rel=1e-4)
    assert layers["lstm_cell.weight_ih"].kurtosis.value == pytest.approx(2.54, abs=0.005)


@pytest.mark.slow
@needs_checkpoints
def test_real_files_of_torch_and_onnx() -> None:
    torch = pytest.importorskip("torch")
    path = real("tiny.pth")
    ours, theirs = load_weights(path), torch.load(path, weights_only=True)
    assert list(ours) == list(theirs)
    assert all(np.array_equal(ours[name], theirs[name].numpy()) for name in ours)
    magika = {layer.matrix.shape: layer.statistics for layer in survey(real("model.onnx")).layers}
    assert magika[512, 1280].kurtosis.value == pytest.approx(0.52, abs=0.005)
    assert (214, 512) in magika
