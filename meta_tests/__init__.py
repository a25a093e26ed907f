"""Tests of the suite itself: the oracle, the bounds, the strategies, the options."""
