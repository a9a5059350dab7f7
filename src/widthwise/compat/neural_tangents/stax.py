"""Layers as triples (init_fn, apply_fn, kernel_fn), under the archived names.

Every name is one layer of :mod:`widthwise.networks`, which ``kernel_fn.layer`` shows.
"""

from typing import Any

from widthwise.compat.neural_tangents.absent import STAX, missing
from widthwise.compat.neural_tangents.combinators import FanInConcat as FanInConcat
from widthwise.compat.neural_tangents.combinators import FanInProd as FanInProd
from widthwise.compat.neural_tangents.combinators import FanInSum as FanInSum
from widthwise.compat.neural_tangents.combinators import FanOut as FanOut
from widthwise.compat.neural_tangents.combinators import Identity as Identity
from widthwise.compat.neural_tangents.combinators import parallel as parallel
from widthwise.compat.neural_tangents.combinators import repeat as repeat
from widthwise.compat.neural_tangents.combinators import serial as serial
from widthwise.compat.neural_tangents.elementwise import ABRelu as ABRelu
from widthwise.compat.neural_tangents.elementwise import Abs as Abs
from widthwise.compat.neural_tangents.elementwise import Cos as Cos
from widthwise.compat.neural_tangents.elementwise import Elementwise as Elementwise
from widthwise.compat.neural_tangents.elementwise import (
    ElementwiseNumerical as ElementwiseNumerical,
)
from widthwise.compat.neural_tangents.elementwise import Erf as Erf
from widthwise.compat.neural_tangents.elementwise import Exp as Exp
from widthwise.compat.neural_tangents.elementwise import Gabor as Gabor
from widthwise.compat.neural_tangents.elementwise import Gaussian as Gaussian
from widthwise.compat.neural_tangents.elementwise import Gelu as Gelu
from widthwise.compat.neural_tangents.elementwise import Hermite as Hermite
from widthwise.compat.neural_tangents.elementwise import LeakyRelu as LeakyRelu
from widthwise.compat.neural_tangents.elementwise import Monomial as Monomial
from widthwise.compat.neural_tangents.elementwise import Polynomial as Polynomial
from widthwise.compat.neural_tangents.elementwise import Rbf as Rbf
from widthwise.compat.neural_tangents.elementwise import RectifiedMonomial as RectifiedMonomial
from widthwise.compat.neural_tangents.elementwise import Relu as Relu
from widthwise.compat.neural_tangents.elementwise import Sigmoid_like as Sigmoid_like
from widthwise.compat.neural_tangents.elementwise import Sign as Sign
from widthwise.compat.neural_tangents.elementwise import Sin as Sin
from widthwise.compat.neural_tangents.linear import Conv as Conv
from widthwise.compat.neural_tangents.linear import ConvLocal as ConvLocal
from widthwise.compat.neural_tangents.linear import ConvTranspose as ConvTranspose
from widthwise.compat.neural_tangents.linear import Dense as Dense
from widthwise.compat.neural_tangents.linear import GlobalSelfAttention as GlobalSelfAttention
from widthwise.compat.neural_tangents.masking import unmask_fn as unmask_fn
from widthwise.compat.neural_tangents.settings import AttentionMechanism as AttentionMechanism
from widthwise.compat.neural_tangents.settings import Padding as Padding
from widthwise.compat.neural_tangents.settings import PositionalEmbedding as PositionalEmbedding
from widthwise.compat.neural_tangents.structure import AvgPool as AvgPool
from widthwise.compat.neural_tangents.structure import Dropout as Dropout
from widthwise.compat.neural_tangents.structure import Flatten as Flatten
from widthwise.compat.neural_tangents.structure import GlobalAvgPool as GlobalAvgPool
from widthwise.compat.neural_tangents.structure import GlobalSumPool as GlobalSumPool
from widthwise.compat.neural_tangents.structure import LayerNorm as LayerNorm
from widthwise.compat.neural_tangents.structure import SumPool as SumPool


def __getattr__(name: str) -> Any:
    raise missing("stax", name, STAX, globals())
