"""Conformance tests of the losses of an installed torch, and the machinery that runs and judges them."""
