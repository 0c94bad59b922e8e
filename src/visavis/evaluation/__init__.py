"""Measuring an index: ground truth, runs, reports, and comparisons of reports."""
