from . import activations as activations
from . import studies as studies
