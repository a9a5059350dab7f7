"""Members spread over devices: the numbers of one device, however they are divided."""

import os
import subprocess
import sys

import jax
import pytest

import widthwise as ww
from widthwise.numerics.devices import chosen_devices

FOUR_DEVICES = """
import jax, numpy as np, optax, widthwise as ww
from widthwise.ensembles import sample, train
devices = jax.devices()
assert len(devices) == 4
net = ww.Sequential(ww.Dense(4), ww.Relu(), ww.Dense(1))
x = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
key = jax.random.key(0)
one = np.asarray(sample(net, x, key=key, members=11, devices=devices[:1]))
for some in (None, devices[1:]):
    many = np.asarray(sample(net, x, key=key, members=11, devices=some))
    np.testing.assert_allclose(many, one, rtol=1e-6)
part = sample(net, jax.device_put(x, devices[2]), key=key, members=(4, 6))
assert len(part.sharding.device_set) == 4
np.testing.assert_allclose(part, one[4:6], rtol=1e-6)

def trained(some):
    options = dict(steps=3, optimizer=optax.sgd(0.1), devices=some)
    return train(net, (x, np.sin(x[:, 0])), key=key, members=6, **options)

alone, together = trained(devices[:1]), trained(None)
for name in ("loss", "output"):
    np.testing.assert_allclose(together[name], alone[name], rtol=1e-5)
"""


@pytest.mark.slow
def test_four_devices_give_the_numbers_of_one():
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"
    done = subprocess.run(
        [sys.executable, "-c", FOUR_DEVICES],
        env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_which_devices_are_meant():
    here = tuple(jax.local_devices())
    assert chosen_devices(None) == here
    with jax.default_device(here[0]):
        assert chosen_devices(None) == here[:1]
    with pytest.raises(ValueError, match="give at least one, each once"):
        chosen_devices([])
    net = ww.Sequential(ww.Dense(1))
    with pytest.raises(ValueError, match="give at least one, each once"):
        ww.sample(net, jax.numpy.ones((1, 2)), key=jax.random.key(0), members=1, devices=2 * here)
