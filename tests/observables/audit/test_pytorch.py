"""Planted faults in PyTorch models, and unmodified ones."""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import widthwise as ww

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent.parent / "coordinate_check"))
from small_gpt import LENGTH, SYMBOLS, SmallGPT  # noqa: E402

RNG = np.random.default_rng(0)
TOKENS = RNG.integers(SYMBOLS, size=(16, LENGTH))
BATCH = (TOKENS, np.roll(TOKENS, -1, axis=1))


def gpt(width=64, depth=4):
    torch.manual_seed(0)
    return SmallGPT(width, depth)


def faults(model, batch=BATCH, **options):
    return [(one.layer, one.fault) for one in ww.audit(model, batch=batch, **options).faults]


def planted(plant, model=None):
    model = gpt() if model is None else model
    with torch.no_grad():
        plant(model)
    return model


def test_a_transformer_as_it_is():
    model = gpt()
    before = [p.clone() for p in model.parameters()]
    audit = ww.audit(model, batch=BATCH)
    assert audit.findings == []
    assert audit.loss_after < audit.loss
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert [one.name for one in audit.layers][:3] == ["wte", "h.0.ln_1", "h.0.attn.c_attn"]
    # against sums of PyTorch
    x = model.wte(torch.as_tensor(TOKENS)) + model.wpe
    left = model.h[0].attn.c_attn(model.h[0].ln_1(x))
    third = audit.layers[2]
    assert third.signal == pytest.approx(float(left.detach().square().mean().sqrt()), rel=1e-5)


class Plain(torch.nn.Module):
    def __init__(self, activation=torch.relu):
        super().__init__()
        torch.manual_seed(0)
        sizes = (8, 48, 48, 48)
        self.layers = torch.nn.ModuleList([torch.nn.Linear(a, b) for a, b in pairwise(sizes)])
        self.head = torch.nn.Linear(48, 4)
        self.activation = activation

    def forward(self, x):
        for layer in self.layers:
            x = self.activation(layer(x))
        return self.head(x)


class Stack(torch.nn.Module):
    def __init__(self, divided, depth=8):
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Linear(8, 48)
        self.blocks = torch.nn.ModuleList(
            [Branch(depth**-0.5 if divided else 1) for _ in range(depth)]
        )
        self.norm, self.head = torch.nn.LayerNorm(48), torch.nn.Linear(48, 4)

    def forward(self, x):
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class Branch(torch.nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.linear, self.scale = torch.nn.Linear(48, 48, bias=False), scale
        torch.nn.init.kaiming_normal_(self.linear.weight)

    def forward(self, x):
        return x + self.scale * self.linear(torch.relu(x))


X = RNG.standard_normal((12, 8)).astype(np.float32)
PLAIN = (X, RNG.integers(4, size=12))


@pytest.mark.parametrize(
    ("model", "batch", "layer", "fault"),
    [
        (lambda: planted(lambda m: m.lm_head.weight.mul_(30)), BATCH, "lm_head", "output scale"),
        (lambda: planted(lambda m: m.h[2].c_fc.weight.mul_(10)), BATCH, "h.2.c_fc",
         "initial scale"),
        (lambda: planted(lambda m: m.layers[1].bias.fill_(-30), Plain()), PLAIN, "layers.1",
         "dead units"),
        (lambda: Stack(divided=False), PLAIN, "blocks", "residual branches"),
        (lambda: planted(lambda m: m.h[1].c_fc.requires_grad_(False)), BATCH, "h.1.c_fc",
         "no gradient"),
        (lambda: planted(lambda m: m.layers[1].weight.mul_(30), Plain(torch.tanh)), PLAIN,
         "layers.1", "saturated"),
        (lambda: planted(lambda m: m.h[1].attn.c_attn.weight[:128].mul_(10)), BATCH, "h.1.attn",
         "attention logits"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_found_and_named(model, batch, layer, fault):
    assert (layer, fault) in faults(model(), batch)


def test_sound_counterparts():
    assert faults(Plain(), PLAIN) == []
    assert faults(Plain(torch.tanh), PLAIN) == []
    assert faults(Stack(divided=True), PLAIN) == []


def test_transfer_and_what_to_paste():
    def make(n_embd):
        return SmallGPT(n_embd)

    audit = ww.audit(make, batch=BATCH, widths=(32, 64, 128))
    assert [(f.layer, f.fault) for f in audit.faults] == [
        ("h.0.attn.c_attn", "transfer over width")
    ]
    sound = ww.audit(make, batch=BATCH, widths=(32, 64, 128), parametrization="mup")
    assert sound.healthy
    assert sound.cost.passes <= 5
    model, other = (gpt(128, 2) for _ in range(2))
    names = {"model": model}
    exec(audit.paste(), names)
    assert audit.plan is not None
    groups = audit.plan.parameter_groups(
        audit.plan.initialize(other), learning_rate=1e-3, epsilon=1e-8
    )
    rates = {id(p): (g["lr"], g["eps"]) for g in names["optimizer"].param_groups
             for p in g["params"]}  # fmt: skip
    expected = {id(p): (g["lr"], g["eps"]) for g in groups for p in g["params"]}
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-7)
        assert rates[id(one)] == pytest.approx(expected[id(two)], rel=1e-5)


def test_depth():
    def make(n_layer=2):
        return Stack(divided=False, depth=n_layer)

    audit = ww.audit(make, batch=PLAIN, depths=(2, 4, 8))
    assert ("blocks", "residual branches") in [(f.layer, f.fault) for f in audit.faults]


def test_pytorchs_own_attention():
    def model(scale):
        torch.manual_seed(0)
        layer = torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        with torch.no_grad():
            layer.self_attn.in_proj_weight[:32] *= scale
        return torch.nn.Sequential(torch.nn.Embedding(SYMBOLS, 16), layer, torch.nn.Linear(16, 5))

    batch = (TOKENS, RNG.integers(5, size=TOKENS.shape))
    assert ("1.self_attn", "attention logits") in faults(model(6), batch)
    assert faults(model(1), batch) == []


def test_a_residual_network_of_torchvision():
    models = pytest.importorskip("torchvision").models
    torch.manual_seed(0)
    images = (torch.randn(8, 3, 48, 48), torch.arange(8))
    model = models.resnet18(num_classes=10)
    assert ww.audit(model, batch=images).findings == []
    with torch.no_grad():
        model.fc.weight *= 100
    assert faults(model, images) == [("fc", "output scale")]


def test_a_hugging_face_folder(tmp_path):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=31, n_positions=32, n_embd=32, n_layer=2, n_head=4,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path)
    audit = ww.audit(tmp_path, widths=(32, 64, 128))
    assert [f.fault for f in audit.faults] == ["transfer over width"]
    assert any("lm_head" in note for note in audit.notes)  # tied
    assert audit.layers[0].name == "transformer.wte"


def test_refused():
    line = torch.nn.Linear(8, 4)
    for model, options, match in [
        (torch.nn.Tanh(), {}, "no parameters that require gradients"),
        (lambda width: torch.nn.Linear(8, 4 + 0 * width), {"widths": (8, 16, 32)}, "use the width"),
        (line, {"batch": (X * np.nan, PLAIN[1])}, "loss is nan"),
        (line, {"batch": (X.astype(int), PLAIN[1])}, "whole numbers for tokens"),
        (line, {"optimizer": "lion"}, "adamw"),
        (line, {"loss": lambda f, _: f}, "one real number"),
    ]:
        with pytest.raises(ValueError, match=match):
            ww.audit(model, **{"batch": PLAIN, **options})


def test_a_batch_is_drawn_where_none_is_given():
    audit = ww.audit(Plain())
    assert "Gaussian noise of shape 8" in audit.notes[0]
    assert ww.audit(torch.nn.Sequential(torch.nn.Embedding(7, 8), torch.nn.Linear(8, 7))).healthy
