import jax.numpy as jnp
import pytest

from widthwise import activations


def test_every_name_is_found():
    arguments = {"hermite": "(2)", "polynomial": "(0,1)"}
    for name in activations.names():
        phi = activations.get(name + arguments.get(name, ""))
        assert phi(jnp.asarray([0.5])).shape == (1,)


def test_families_and_suffixes():
    assert activations.get("tanh(4)") is activations.tanh(4.0)
    assert activations.get("leaky_relu(0.2)") is activations.leaky_relu(0.2)
    assert activations.get("relu.centered") == activations.relu.centered()
    both = activations.get("relu.centered.normalized")
    assert float(both.second_moment()) == pytest.approx(1, abs=1e-14)
    assert float(activations.get("relu.centered(2)").mean(2.0)) == pytest.approx(0, abs=1e-14)
    assert activations.get("polynomial(1,0,2)")(jnp.asarray(3.0)) == 19.0
    assert hash(activations.relu.centered()) == hash(activations.relu.centered())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rellu", "did you mean 'relu'"),
        ("relu.centred", "did you mean 'centered'"),
        ("hermite", "got 0 arguments"),
        ("hermite(-1)", "whole number"),
        ("hermite(1.5)", "whole number"),
        ("tanh(a)", "not a list of numbers"),
        ("tanh(0)", "does not depend on its input"),
        ("relu(3)", "takes no argument"),
        ("polynomial()", "at least one coefficient"),
        ("sin cos", "cannot read"),
        ("", "cannot read"),
        ("no_such_module_here:f", "no module or file"),
        ("missing.py:f", "no file missing.py"),
        ("jax.nn:rellu", "did you mean 'relu'"),
        ("math:pi", "give a function"),
    ],
)
def test_what_cannot_be_found_says_so(name, message):
    with pytest.raises(ValueError, match=message):
        activations.get(name)


def test_a_function_from_a_file_or_module(tmp_path, monkeypatch):
    text = "import jax.numpy as jnp\ndef squared(z):\n    return jnp.maximum(z, 0) ** 2\n"
    text += "from widthwise.activations import relu as mine\n"
    (tmp_path / "my_functions.py").write_text(text)
    from_path = activations.get(f"{tmp_path / 'my_functions.py'}:squared.centered")
    assert float(from_path.mean()) == pytest.approx(0, abs=1e-14)
    monkeypatch.chdir(tmp_path)
    assert activations.get("my_functions:squared").kinks == (0.0,)
    assert activations.get("my_functions:mine") is activations.relu
