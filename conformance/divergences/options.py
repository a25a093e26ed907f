"""What torch does with number options in other types than float."""

from __future__ import annotations

from typing import Any

from .divergence import NUMBERS, Divergence, Witness
from .outcomes import Raises
from .ways import AOT, INDUCTOR
from .witnesses import forward, gradient, value


def integer_variance(mismatch: Any) -> bool:
    """Calls with one variance that is an int or a bool of Python."""
    return isinstance(mismatch.case.arguments["var"], int)


def bool_margin(mismatch: Any) -> bool:
    """Calls with a margin that is a bool of Python."""
    return isinstance(mismatch.case.arguments.get("margin"), bool)


DIVERGENCES = (
    Divergence(
        "gaussian_nll_loss-integer-variance", "error", "ordinary",
        Raises(("TypeError",), ("any() received an invalid combination of arguments",), integer_variance),
        "a scalar variance that is an integer is refused, as it is taken for a tensor; \"a positive scalar "
        "value\" is documented",
        (
            value("F.gaussian_nll_loss(torch.zeros(2), torch.zeros(2), 1)", "TypeError", 0.0),
            gradient("torch.zeros(2)", "F.gaussian_nll_loss(x, torch.zeros(2), 1)", "[0]", "TypeError", 0.0),
            forward("torch.zeros(2)", "F.gaussian_nll_loss(x, torch.zeros(2), 1)", "torch.ones(2)",
                    "TypeError", 0.0),
        ),
        of=NUMBERS,
    ),
    *(
        Divergence(
            f"multi_margin_loss-bool-margin{suffix}", "error", "ordinary",
            Raises((error,), ("Subtraction, the `-` operator, with a bool tensor",), bool_margin),
            "compiled, a margin of True or False is refused; elsewhere it is the number 1 or 0, as in all "
            "losses",
            (
                Witness(
                    "multi_margin_loss",
                    "f = torch.compile(lambda *given: F.multi_margin_loss(*given, margin=True), "
                    "backend='aot_eager')\n"
                    "f(torch.zeros(1, 2), torch.zeros(1, dtype=torch.long))",
                    error, 0.5,
                ),
            ),
            of=("way",), ways=(*AOT, *INDUCTOR), since=since, until=until,
        )
        for suffix, error, since, until in (
            ("", "RuntimeError", None, "2.14"), ("-not-implemented", "NotImplementedError", "2.14", None),
        )
    ),
)  # fmt: skip
