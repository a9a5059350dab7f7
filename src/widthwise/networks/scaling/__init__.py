"""How the settings of any model follow its width and depth, from its shapes alone."""

from widthwise.networks.scaling.exponents import Limit as Limit
from widthwise.networks.scaling.exponents import change_exponents as change_exponents
from widthwise.networks.scaling.exponents import limit as limit
from widthwise.networks.scaling.family import Family as Family
from widthwise.networks.scaling.parametrize import parametrize as parametrize
from widthwise.networks.scaling.plan import Plan as Plan
from widthwise.networks.scaling.plan import ScaledParameter as ScaledParameter
