"""Measure segmenters on sets of images, the same way for every row of a table."""
