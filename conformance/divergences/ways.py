"""Names of the ways of running torch that diverge together."""

from __future__ import annotations

OVERRIDES = ("function_mode", "subclass", "device_context", "default_device")
FUNCTORCH = ("vmap", "vmap_last", "vmap_first", "vmap_of_grad")
ONE_GRAPH = ("compile_aot_eager", "compile_aot_eager_dynamic")
IN_PARTS = "compile_aot_eager_in_parts"
AOT = (*ONE_GRAPH, IN_PARTS)
INDUCTOR = ("compile_inductor", "compile_inductor_dynamic")
COMPILED = ("compile_eager", "compile_eager_dynamic", *ONE_GRAPH, *INDUCTOR, "export")
DYNAMIC = tuple(way for way in COMPILED if way.endswith("_dynamic"))
WITHOUT_DATA = ("meta", "fake")
AUTOCAST = ("autocast_bfloat16", "autocast_float16")
