"""The corner catalogue: what its conventions say agrees with the oracle, and a corner can fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from conformance.bounds import expect
from conformance.corners import CORNERS, Corner, places
from conformance.losses import LOSSES
from conformance.tally import Tally
from conformance.test_corners import test_corner as check_corner
from reference import FORMATS

corners = pytest.mark.parametrize("corner", CORNERS, ids=lambda corner: corner.slug)


@corners
def test_convention_agrees_with_the_oracle(corner: Corner) -> None:
    for name in corner.formats:
        form = FORMATS[name]
        expected = expect(LOSSES[corner.loss], corner.case(form))
        value, truth = np.asarray(expected.value), corner.truth(form)
        assert value.shape == truth.shape
        beyond = (np.abs(value) > form.max) & (np.copysign(np.inf, value) == truth)
        with np.errstate(invalid="ignore"):  # infinities agree or do not
            near = np.abs(value - truth) <= expected.bound
        same = (value == truth) | (np.isnan(value) & np.isnan(truth))
        assert np.all(beyond | near | same), (value, truth)


@corners
def test_arguments_are_numbers_of_the_format(corner: Corner) -> None:
    for name in corner.formats:
        form = FORMATS[name]
        for value in corner.case(form).arguments.values():
            if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                np.testing.assert_array_equal(form.nearest(value), value)


def test_every_loss_has_corners_and_every_corner_a_name() -> None:
    assert min(Counter(corner.loss for corner in CORNERS).values()) >= 5
    assert {corner.loss for corner in CORNERS} == set(LOSSES)
    assert len({corner.slug for corner in CORNERS}) == len(CORNERS)
    assert all(corner.convention for corner in CORNERS)


@pytest.mark.parametrize(
    ("slug", "wrong"),
    [
        ("l1_loss-empty_batch_sum", lambda given: torch.full((), torch.nan, dtype=given["input"].dtype)),
        ("l1_loss-equal", lambda given: (given["input"] - given["target"]).abs().sum() + 1),
        ("l1_loss-nan", lambda given: torch.nan_to_num((given["input"] - given["target"]).abs())),
    ],
)
def test_corner_fails_where_torch_does_otherwise(
    slug: str, wrong: Callable[[dict[str, Any]], torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = next(
        place for place in places([*LOSSES.values()], ["float32"], ["cpu"]) if place.corner.slug == slug
    )
    monkeypatch.setattr(torch.nn.functional, place.loss.name, lambda **given: wrong(given))
    with pytest.raises(pytest.fail.Exception, match=place.loss.name):
        check_corner(place, Tally())
