"""Inputs: real images in their published formats, shipped images and text, and known laws."""

from widthwise.data.images import Images as Images
from widthwise.data.images import fashion_mnist as fashion_mnist
from widthwise.data.images import fashion_mnist_subset as fashion_mnist_subset
from widthwise.data.images import mnist as mnist
from widthwise.data.inputs import as_unit_inputs as as_unit_inputs
from widthwise.data.inputs import hypercube as hypercube
from widthwise.data.spherical import SphericalLaw as SphericalLaw
from widthwise.data.spherical import gaussian_inputs as gaussian_inputs
from widthwise.data.spherical import radial_inputs as radial_inputs
from widthwise.data.spherical import sphere_inputs as sphere_inputs
from widthwise.data.text import Text as Text
from widthwise.data.text import as_text as as_text
from widthwise.data.text import shakespeare as shakespeare
