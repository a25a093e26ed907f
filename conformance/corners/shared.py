"""Conventions that hold at the corners of several losses."""

from __future__ import annotations

import math

NAN, INF = math.nan, math.inf

NO_MEAN = "the mean of nothing is nan: 0 / 0 in IEEE 754"
NO_SUM = "the sum of nothing is 0, whatever memory holds"
NO_ELEMENTS = "a loss for each element: none"
SCALAR = "documented for any number of dimensions, so for none"
CONTRIBUTES = "nan that contributes gives nan"
NO_LIMIT = "the difference of equal infinities has no limit"
LIMIT = "the limit of the documented formula"
FITS = "the true value fits the format, whatever an intermediate result does"
IGNORED = "an ignored sample contributes nothing, whatever its numbers are (ignore_index is documented so)"
WEIGHTLESS = "0 times infinity is 0, the limit, as in 0 log 0"
FACTOR = "a weight is a factor, and 0 times infinity is nan; a torch that takes 0 for a mask conforms, too"
ROUNDED = "derived from the documented formula"
PERFECT = "a perfect prediction costs nothing"
HINGE = "the documented max(0, .)"
# Half precision ends at 65504: more rows than that, and sums beyond it.
ROWS = 66_000
SIGNED_ZERO = "-0 is 0"
