"""Pages about finished runs: they read runs only and write one self-contained file."""

from widthwise.report.page import render as render
from widthwise.report.page import write_page as write_page
