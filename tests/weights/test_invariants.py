"""Invariants as graphs: how many there are, their values, their exact means."""

import jax
import numpy as np
import pytest

from widthwise import weights
from widthwise.plotting import png
from widthwise.weights import Graph
from widthwise.weights.entry_moments import PARTITIONS, entry_moments

WICK = {
    "aa bb": 2.9639009663, "ab ab": 18.28, "ab ba": 7.28, "ab bc": 12.84,
    "aa aa aa": 0.279380783710, "ab ab ab": 6.569981275981, "ab bc ca": 2.067339441374,
    "ab ac bc": 4.720714182974, "ab cd ef": 369.792, "ab ab ab ab": 28.795313179810,
    "ab ab ba ba": 16.398044527128, "ab bc cd da": 29.578555386520,
    "ab cb cd ad": 133.179555386520, "ab ac ad ae": 382.6176, "ab cd ef gh": 3991.1616,
}  # fmt: skip
SPREADS = [1.716745, 4.242641, 4.857674, 4.684763, 5.228894, 5.365756, 15.507418, 18.85948,
           13.589702, 48.029991, 2.523054, 4.191523, 12.061842]  # fmt: skip
LINEAR_AND_QUADRATIC = weights.published_graphs()[:13]


def by_einsum(graph: Graph, w: np.ndarray) -> np.ndarray:
    letters = [chr(ord("a") + s) + chr(ord("a") + t) for s, t in graph.edges]
    return np.einsum(",".join(f"z{pair}" for pair in letters) + "->z", *[w] * graph.degree)


def test_counts_are_those_of_the_enumeration() -> None:
    assert [len(weights.graphs(k)) for k in (1, 2, 3, 4)] == [2, 11, 52, 296]
    assert [len(weights.graphs(k, bipartite=True)) for k in (1, 2, 3, 4)] == [1, 4, 10, 33]
    vertices = [graph.vertices for graph in weights.graphs(4)]
    assert [vertices.count(n) for n in range(1, 9)] == [1, 18, 71, 108, 71, 22, 4, 1]
    published = weights.published_graphs()
    assert len(set(published)) == 52
    assert set(LINEAR_AND_QUADRATIC) == {*weights.graphs(1), *weights.graphs(2)}
    for degree in (3, 4):
        chosen = {g for g in published if g.degree == degree}
        rule = {
            g for g in weights.graphs(degree) if g.vertices in (1, 2, 2 * degree - 1, 2 * degree)
        }
        assert chosen == rule


def test_values_are_those_of_einsum() -> None:
    w = np.random.default_rng(0).standard_normal((2, 3, 3))
    graphs = [graph for degree in (1, 2, 3, 4) for graph in weights.graphs(degree)]
    found = weights.evaluate(graphs, w)
    for index, graph in enumerate(graphs):
        np.testing.assert_allclose(found[:, index], by_einsum(graph, w), rtol=1e-10, atol=1e-10)
    wide = np.random.default_rng(1).standard_normal((2, 3, 5))
    graphs = [graph for degree in (1, 2, 3, 4) for graph in weights.graphs(degree, bipartite=True)]
    found = weights.evaluate(graphs, wide)
    for index, graph in enumerate(graphs):
        np.testing.assert_allclose(found[:, index], by_einsum(graph, wide), rtol=1e-10, atol=1e-10)


def test_permuted_matrices_have_the_same_invariants() -> None:
    rng = np.random.default_rng(2)
    w, order, other = rng.standard_normal((2, 5, 5)), rng.permutation(5), rng.permutation(5)
    graphs = [*weights.graphs(3)[::4], *weights.graphs(4)[::12]]
    both = weights.evaluate(graphs, w[:, order][:, :, order])
    np.testing.assert_allclose(both, weights.evaluate(graphs, w), rtol=1e-9, atol=1e-9)
    graphs = weights.graphs(4, bipartite=True)
    apart = weights.evaluate(graphs, w[:, order][:, :, other])
    np.testing.assert_allclose(apart, weights.evaluate(graphs, w), rtol=1e-9, atol=1e-9)


def test_averages_and_deviations_of_the_reference_ensemble(sines) -> None:
    expected = [0.122846631161, 0.04968728906092, 7.7250230419, 2.176016494482, 2.100125970638,
                -0.002921057545394, 12.12933138875, 1.657778547878, 1.261412101181,
                0.3400094524334, 1.451120035203, 0.335601645003, 0.292657396367]  # fmt: skip
    found = weights.evaluate(LINEAR_AND_QUADRATIC, sines(6, 4, 4)).mean(axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    graphs = [Graph("ab ab ab ab"), Graph("ab bc ca"), Graph("ab ac ad ae")]
    found = weights.deviations(sines(8, 5, 5), "tied", graphs)
    np.testing.assert_allclose(found.measured, [11.1630264371, 0.5502172782, 310.039286364])
    np.testing.assert_allclose(found.spread, [0.494579820708, 11.0147962842, 137.585499296])
    np.testing.assert_allclose(found.predicted, [25.456388055, 0.287658461581, 218.045118536])
    sizes = [28.90000970, 0.0238369198892, 0.668632728729]
    np.testing.assert_allclose(np.abs(found.deviation), sizes, rtol=1e-9)


def test_means_and_spreads_under_the_reference_model(p) -> None:
    found = weights.expected([Graph(words) for words in WICK], p)
    np.testing.assert_allclose(found, list(WICK.values()), rtol=1e-10)
    spreads = weights.standard_deviation(LINEAR_AND_QUADRATIC, p)
    np.testing.assert_allclose(spreads, SPREADS, rtol=1e-6)
    quadratic = weights.evaluate(LINEAR_AND_QUADRATIC, 2 * np.eye(4))
    assert quadratic[0, 0] == 8  # the trace comes first


def test_covariance_of_entries_by_pattern(p) -> None:
    """Averages of products of two given entries, as the mean of sums over all equal ones."""
    moments = entry_moments(p)
    partitions = PARTITIONS

    def covariance(i: int, j: int, k: int, m: int) -> float:
        at = (i, j, k, m)
        total = 0.0
        for coefficient, classes in zip(moments[2:], partitions, strict=True):
            pairs = [(a, b) for a in range(4) for b in range(a) if classes[a] == classes[b]]
            total += coefficient * all(at[a] == at[b] for a, b in pairs)
        return total

    expected = {
        (0, 0, 0, 0): 0.720755933208, (0, 0, 1, 1): -0.045910733458, (0, 0, 0, 1): 0.07996903995,
        (0, 0, 1, 0): 0.02996903995, (0, 1, 0, 1): 0.440848813358, (0, 1, 1, 0): 0.074182146692,
        (0, 0, 1, 2): -0.015864293383, (0, 1, 0, 2): 0.013765480025, (0, 1, 2, 1): 0.088765480025,
        (0, 1, 1, 2): -0.007067853308, (0, 1, 2, 0): -0.007067853308, (0, 1, 2, 3): -0.038317853308,
    }  # fmt: skip
    for entries, value in expected.items():
        assert covariance(*entries) == pytest.approx(value, rel=1e-9), entries
    assert moments[0] + moments[1] == pytest.approx(0.021529934458, rel=1e-9)
    assert moments[0] == pytest.approx(0.155694013108, rel=1e-9)


def test_means_of_independent_entries() -> None:
    model = weights.IsotropicGaussian((10, 10), 0.0, 0.1)
    words = ("ab ab ab ab", "ab cb cd ad", "ab bc cd da", "ab cd ef gh", "aa aa aa aa")
    found = weights.expected([Graph(word) for word in words], model)
    np.testing.assert_allclose(found, [3, 21, 1.2, 300, 0.3], rtol=1e-11)
    np.testing.assert_allclose(weights.expected(weights.graphs(3), model), 0, atol=1e-11)
    # the published errors of I4, I7, I8, I9, I10, I12 and I13 are too small by up to sqrt(2)
    exact = [1, 3.162278, 1.414214, 1.414214, 1.048809, 1.048809, 4.472136, 4.472136, 3.316625,
             14.142136, 0.447214, 1.414214, 3.316625]  # fmt: skip
    spreads = weights.standard_deviation(LINEAR_AND_QUADRATIC, model)
    np.testing.assert_allclose(spreads, exact, rtol=1e-6)
    large = weights.IsotropicGaussian((4096, 4096), 0.0, 1 / 4096)
    assert weights.expected([Graph("ab ab ab ab")], large)[0] == pytest.approx(3.0, rel=1e-12)


def test_means_of_rectangular_matrices() -> None:
    model = weights.BipartiteGaussian((4, 6), 0.7, 0.5, 1.2, 0.3, 0.9)
    words = {
        "ax ay": 27.54, "ax ax ax": 8.257434047067, "ax ay bx by": 187.1581,
        "ax ax ax ax": 47.951004166667, "ax by cz dw": 1417.0176,
    }  # fmt: skip
    found = weights.expected([Graph(word) for word in words], model)
    np.testing.assert_allclose(found, list(words.values()), rtol=1e-10)
    square = weights.BipartiteGaussian((5, 5), 0.7, 0.5, 1.2, 0.3, 0.9)
    graphs = [*weights.graphs(2), *weights.published_graphs()[13:]]
    through = weights.expected(graphs, weights.as_tied(square))
    np.testing.assert_allclose(weights.expected(graphs, square), through, rtol=1e-10, atol=1e-12)


def test_means_are_those_of_samples(p) -> None:
    graphs = [*weights.published_graphs()[13:], *weights.graphs(4)[::50]]
    values = weights.evaluate(graphs, p.sample(jax.random.key(5), 10_000))
    errors = values.std(axis=0) / 100
    z = (values.mean(axis=0) - weights.expected(graphs, p)) / errors
    assert np.max(np.abs(z)) < 4.5


def test_deviations_are_significant_only_where_they_should_be() -> None:
    rng = np.random.default_rng(3)
    flat = weights.deviations(
        rng.uniform(-1, 1, (100, 6, 6)), "tied", key=jax.random.key(0), resamples=40
    )
    worst = str(flat.graph.values[np.argmax(np.abs(flat.z.values))])
    assert worst == "ab ab ab ab"
    assert float(flat.z.min()) < -10
    normal = weights.deviations(
        rng.standard_normal((100, 6, 6)), "isotropic", key=jax.random.key(0), resamples=40
    )
    assert float(np.abs(normal.z).max()) < 4.5
    start = weights.IsotropicGaussian((6, 6), 0.0, 1.0)
    graphs = [Graph("ab ab"), Graph("ab ab ab ab")]
    known = weights.deviations(
        rng.uniform(-1, 1, (50, 6, 6)), start, graphs, key=jax.random.key(1), resamples=40
    )
    assert float(known.z.max()) < -10
    rectangular = weights.deviations(rng.standard_normal((20, 4, 6)), "bipartite")
    assert all(Graph(words).bipartite for words in rectangular.graph.values)
    assert rectangular.sizes["graph"] == 8


def test_graphs_are_drawn() -> None:
    figure = weights.gallery(
        [Graph("aa aa ab"), Graph("ab ab ba"), Graph("ab cd"), Graph("aa")], columns=2
    )
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "aa aa ab",
        "ab ab ba",
        "ab cd",
        "aa",
    ]
    arrows = [len(ax.patches) for ax in figure.axes]
    assert arrows == [3, 3, 2, 1]
    assert png(figure, dpi=40)[:4] == b"\x89PNG"
