"""Closed forms of Gaussian averages, one family a file."""
