"""Figures of record: theory as lines, measurement as points with error bars."""

from widthwise.plotting.animation import animate as animate
from widthwise.plotting.axes import heatmap as heatmap
from widthwise.plotting.axes import legend as legend
from widthwise.plotting.axes import log_axis as log_axis
from widthwise.plotting.axes import new_figure as new_figure
from widthwise.plotting.axes import square as square
from widthwise.plotting.files import pdf as pdf
from widthwise.plotting.files import png as png
from widthwise.plotting.files import save as save
from widthwise.plotting.marks import band as band
from widthwise.plotting.marks import cobweb as cobweb
from widthwise.plotting.marks import diagonal as diagonal
from widthwise.plotting.marks import measured as measured
from widthwise.plotting.marks import power_law as power_law
from widthwise.plotting.marks import reference_line as reference_line
from widthwise.plotting.marks import theory as theory
from widthwise.plotting.pictures import Picture as Picture
from widthwise.plotting.pictures import Pictures as Pictures
from widthwise.plotting.placing import placed as placed
from widthwise.plotting.style import PALETTE as PALETTE
from widthwise.plotting.style import colour as colour
from widthwise.plotting.style import paper_style as paper_style
from widthwise.plotting.style import styled as styled
from widthwise.plotting.surfaces import surface as surface
from widthwise.plotting.svg import svg as svg
