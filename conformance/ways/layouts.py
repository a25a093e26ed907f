"""Layouts: the same numbers as views of something larger, or in another order in memory."""

from __future__ import annotations

from .way import Way

# A number that no argument holds stands around what a view shows. Around labels the first of them does: what
# takes another for an index may leave its memory.
GAP = "gap = lambda x: 77 if x.is_floating_point() or not x.numel() else int(x.flatten()[0])"

LAYOUTS = (
    Way("stepped", setup=GAP, layout="torch.stack([x, x.new_full(x.shape, gap(x))], -1)[..., 0]"),
    Way(
        "offset",
        setup=GAP,
        layout="torch.cat([around := x.new_full((3,), gap(x)), x.reshape(-1), around])[3:-3].view(x.shape)",
    ),
    # Of these two fewer examples have the axes that it takes.
    Way(
        "transposed",
        layout="x.movedim(0, -1).contiguous().movedim(-1, 0) if x.ndim > 1 else x",
        divisor=3,
    ),
    Way(
        "channels_last",
        layout="x.movedim(1, -1).contiguous().movedim(-1, 1) if x.ndim > 2 else x",
        divisor=2,
    ),
    # A dimension of size 1 may have any stride, and torch must not rely on it.
    Way(
        "odd_strides",
        layout="x.as_strided(x.shape, [n if size > 1 else 77 for n, size in zip(x.stride(), x.shape)])",
    ),
    # These hold one number in several places, so that other numbers are passed.
    Way(
        "expanded",
        layout="x[:1].expand(x.shape) if x.ndim and (x.is_floating_point() or name == 'target') else x",
        other_numbers=True,
    ),
    Way(
        "overlapping",
        layout="x.as_strided(x.shape, [1] * x.ndim) if x.is_floating_point() else x",
        other_numbers=True,
    ),
)
