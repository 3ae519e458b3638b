"""Measures the figures of the README on this machine, as ratios of cases that alternate within one run."""
