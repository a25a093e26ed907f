"""The logarithm of a sum of exponentials, with an error that does not grow from one to the next.

A recursion in log space takes it thousands of times. The rules for its steps would take the errors of all
terms for independent and let them add up in each; but if all terms are off by the same, so is the result,
and by no more.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from .dispatch import constant, highest, total, with_partials
from .tracked import ULPS, Tracked, rounded


def log_sum_exp(*terms: Any) -> Any:
    """Logarithm of the sum of exponentials of a few arrays of one shape; -inf where all terms are.

        log sum exp(x) = log sum exp(x - m) + m,    m = max x

    Source: P. Blanchard, D. Higham, N. Higham, Accurately computing the log-sum-exp and softmax functions
    (2021), algorithm 4.1.
    """

    def share(which: int) -> Any:
        def partial(c: Any, *terms: Any) -> Any:
            gap = terms[which] - log_sum_exp(*terms)
            return c * np.exp(np.where(terms[which] == -np.inf, -np.inf, gap))

        return partial

    return with_partials(_value, [share(which) for which in range(len(terms))], *terms)


def _value(*terms: Any) -> Any:
    home = highest(terms)
    rule = None if home is None else home.functions.get(log_sum_exp)
    if rule is not None:
        return rule(*terms)
    shift = reduce(np.maximum, [constant(term) for term in terms])
    shift = np.where(np.isfinite(shift), shift, 0.0)
    return np.log(total(*(np.exp(term - shift) for term in terms))) + shift


def _tracked(*terms: Any) -> Tracked:
    """The same with its bound.

    The computed m cancels, so that what is computed is the sum for terms each of which is off by what it was
    and by the rounding of x - m. If x[i] is off by up to e[i], the result is off by up to

        log sum p[i] exp(e[i]),    p = softmax x,

    upwards, and by less downwards (Jensen's inequality).
    """
    home = next(term for term in terms if isinstance(term, Tracked))
    parts = [home._operand(term) for term in terms]
    form, unit = home.format, home.format.unit_roundoff
    # Nothing is computed with -inf, for which extended precision is slow, and errors are float64.
    there = [part.value != -np.inf for part in parts]
    shift = reduce(np.maximum, [part.value for part in parts])
    shift = np.where(np.isfinite(shift), shift, 0.0)
    gaps = [np.where(has, part.value, shift) - shift for has, part in zip(there, parts)]
    powers = [np.where(has, np.exp(gap), 0.0) for has, gap in zip(there, gaps)]
    powers_sum = reduce(np.add, powers)
    some = reduce(np.logical_or, there)
    logarithm = np.log(np.where(some, powers_sum, 1.0))

    errors = [np.where(has, part.error, 0).astype(np.float64) for has, part in zip(there, parts)]
    doubt = reduce(np.maximum, errors)  # of m
    off = [e + unit * (np.abs(gap).astype(np.float64) + e + doubt) for e, gap in zip(errors, gaps)]
    grown = reduce(np.add, [power.astype(np.float64) * np.expm1(e) for power, e in zip(powers, off)])
    largest = reduce(np.maximum, off)
    error = np.fmin(np.log1p(grown / np.where(some, powers_sum, 1.0).astype(np.float64)), largest)
    # Exponentials are rounded, and then their sum, which is 1 or more.
    units = 2 * ULPS[np.exp] + np.maximum(reduce(np.add, [has.astype(np.int8) for has in there]) - 1, 0)
    error = error + units * (unit / (1 - units * unit) + form.smallest_subnormal)
    size = np.abs(logarithm).astype(np.float64) + error + doubt
    error = error + 2 * ULPS[np.log] * (unit * size + form.smallest_subnormal)
    peak = reduce(np.maximum, [part.peak for part in parts])
    result = rounded(logarithm + shift, error, peak, form, underflow=False)
    if not np.all(some):
        result = Tracked.functions[np.where](some, result, -np.inf)
    return result


Tracked.functions[log_sum_exp] = _tracked
