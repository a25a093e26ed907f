"""Checks of one case, call or record each; the test modules draw the cases and call these."""
