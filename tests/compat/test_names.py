"""Every public name of neural-tangents 0.6.5 is offered or says what to use, all on the page."""

import inspect
from pathlib import Path

import pytest

import widthwise.compat.neural_tangents as nt

NAMES = {
    "": """Kernel NtkImplementation batch empirical_kernel_fn empirical_nngp_fn empirical_ntk_fn
        empirical_ntk_vp_fn experimental linearize monte_carlo_kernel_fn predict stax
        taylor_expand""",
    "predict": """Gaussian ODEState gp_inference gradient_descent gradient_descent_mse
        gradient_descent_mse_ensemble max_learning_rate""",
    "stax": """ABRelu Abs Aggregate AggregateImplementation AttentionMechanism AvgPool Bool Conv
        ConvLocal ConvTranspose Cos Dense Diagonal DotGeneral Dropout Elementwise
        ElementwiseNumerical Erf Exp ExpNormalized FanInConcat FanInProd FanInSum FanOut Flatten
        Gabor Gaussian Gelu GlobalAvgPool GlobalSelfAttention GlobalSumPool Hermite Identity
        ImageResize Index LayerNorm LeakyRelu MaskedArray Monomial Padding PositionalEmbedding
        Polynomial Rbf RectifiedMonomial Relu Sigmoid_like Sign Sin Slice SumPool layer parallel
        repeat requires serial supports_masking unmask_fn""",
}
PAGE = (Path(__file__).parents[2] / "docs" / "coming_from_neural_tangents.md").read_text()


@pytest.mark.parametrize("module", NAMES)
def test_names(module):
    owner = getattr(nt, module) if module else nt
    for name in NAMES[module].split():
        assert name in PAGE
        try:
            getattr(owner, name)
        except NotImplementedError as error:
            assert str(error).startswith(f"{name} is not offered: ")  # noqa: PT017


PARAMETERS = {
    nt.stax.Dense: "out_dim W_std b_std batch_axis channel_axis parameterization s",
    nt.stax.Conv: "out_chan filter_shape strides padding W_std b_std dimension_numbers "
    "parameterization s",
    nt.stax.AvgPool: "window_shape strides padding normalize_edges batch_axis channel_axis",
    nt.batch: "kernel_fn batch_size device_count store_on_device",
    nt.empirical_ntk_fn: "f trace_axes diagonal_axes vmap_axes implementation",
    nt.monte_carlo_kernel_fn: "init_fn apply_fn key n_samples batch_size device_count "
    "store_on_device trace_axes diagonal_axes vmap_axes implementation",
    nt.predict.gp_inference: "k_train_train y_train diag_reg diag_reg_absolute_scale trace_axes",
    nt.predict.gradient_descent: "loss k_train_train y_train learning_rate momentum trace_axes",
    nt.predict.gradient_descent_mse_ensemble: "kernel_fn x_train y_train learning_rate diag_reg "
    "diag_reg_absolute_scale trace_axes",
    nt.predict.max_learning_rate: "ntk_train_train y_train_size momentum eps",
}


def test_parameters_have_their_places():
    for function, names in PARAMETERS.items():
        parameters = list(inspect.signature(function).parameters)
        assert parameters[: len(names.split())] == names.split()
