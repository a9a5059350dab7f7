"""Tangent kernels of finite networks, and functions linearized in their parameters."""

from widthwise.ensembles.tangent.expansion import linearize as linearize
from widthwise.ensembles.tangent.expansion import taylor_expand as taylor_expand
from widthwise.ensembles.tangent.kernel import empirical_nngp as empirical_nngp
from widthwise.ensembles.tangent.kernel import empirical_ntk as empirical_ntk
from widthwise.ensembles.tangent.operator import TangentOperator as TangentOperator
from widthwise.ensembles.tangent.operator import ntk_vector_product as ntk_vector_product
