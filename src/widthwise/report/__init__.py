"""Pages about finished runs and about weights: each is one self-contained file."""

from widthwise.report.audit import write_audit_page as write_audit_page
from widthwise.report.comparison import write_comparison as write_comparison
from widthwise.report.page import render as render
from widthwise.report.page import write_page as write_page
from widthwise.report.site import Site as Site
from widthwise.report.site import write_site as write_site
from widthwise.report.weights import write_weights_page as write_weights_page
