"""Numerical experiments of the course, each one function that a notebook writes out by hand."""
