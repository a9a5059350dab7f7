"""The choice of a method, and that the one chosen fits in memory."""

from widthwise.ensembles.tangent.cost import MEMORY, Shape, plan, work
from widthwise.ensembles.tangent.factors import Sizes

ALL = ("jacobian", "products", "layers")
MLP = [Sizes(10, 1, 784, 512), Sizes(10, 1, 512, 512), Sizes(10, 1, 512, 10)]


def test_layers_for_networks_made_of_them():
    for trace in (True, False):
        assert plan(ALL, Shape(200, 200, 10, trace, False), MLP, 0, None).method == "layers"


def test_others_without_known_layers():
    assert plan(ALL, Shape(50, 50, 1, True, False), [], 1000, None).method != "products"
    assert plan(ALL, Shape(50, 50, 20, False, False), [], 1000, None).method == "products"


def test_batches_fit_and_can_be_given():
    shape = Shape(5000, 5000, 10, False, False)
    for method in ALL:
        chosen = plan((method,), shape, MLP, 0, None)
        tile = shape._replace(n=chosen.batch_size, m=chosen.batch_size)
        assert chosen.batch_size == 1 or work(method, tile, MLP, 0).numbers <= MEMORY
        assert plan((method,), shape, MLP, 0, 7).batch_size == 7
    assert plan(("layers",), shape, MLP, 0, None).batch_size > 500


def test_gradients_of_many_positions_are_written_out():
    image = [Sizes(10, 1024, 27, 64)]
    shape = Shape(20, 20, 10, True, False)
    grams = 2 * 20 * 20 * 1024**2 * (27 + 10 * 64)
    assert work("layers", shape, image, 0).flops < grams / 10
