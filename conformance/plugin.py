"""The pytest plugin: options, header, fixtures and the closing summary. Loaded by conftest.py."""

from __future__ import annotations

import difflib
import gc
import importlib
import random
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, settings

from reference import FORMATS
from strategies import values

from . import watch

if TYPE_CHECKING:  # torch is imported once pytest is configured, so that its lack is told in a line
    from .cells import Cell
    from .losses import Loss
    from .tally import Tally

OLDEST_TORCH = "2.6"
PROFILES = ("dev", "ci", "nightly")
PLAIN = "plain"

# Examples are a matter of the cell: no deadline, and no database that a later run would depend on.
# Neither explicit examples, nor an explanation in place of our own.
PHASES = (Phase.generate, Phase.shrink)
settings.register_profile(
    "dev", max_examples=100, deadline=None, derandomize=True, database=None, phases=PHASES
)
settings.register_profile("ci", settings.get_profile("dev"), print_blob=True)
# An audit also aims: at the largest error / bound.
settings.register_profile(
    "nightly", max_examples=2000, deadline=None, database=None, print_blob=True,
    phases=(Phase.generate, Phase.target, Phase.shrink),
)  # fmt: skip
settings.load_profile("dev")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the suite's options."""
    group = parser.getgroup("conformance", "torch-loss-conformance")
    group.addoption(
        "--loss", action="append", default=[], metavar="NAME",
        help="test this loss only; name of the functional or of the module; repeatable",
    )  # fmt: skip
    group.addoption(
        "--device", action="append", default=[], metavar="DEVICE",
        help="test on this device only, as torch spells it; repeatable; default: cpu, cuda, and "
        "whatever other accelerator torch finds",
    )  # fmt: skip
    group.addoption(
        "--dtype", action="append", default=[], metavar="NAME",
        help=f"test this format only: {', '.join(FORMATS)}; repeatable",
    )  # fmt: skip
    group.addoption(
        "--way", action="append", default=[], metavar="NAME",
        help=f"run torch in this way only; repeatable; {PLAIN} is all that is tested of plain calls; "
        "an unknown name lists the others",
    )  # fmt: skip
    group.addoption(
        "--examples", metavar="N",
        help="examples of each cell (loss, reduction, dtype, device); default: the profile's, 100",
    )  # fmt: skip
    group.addoption(
        "--implementation", metavar="NAME",
        help="test this in place of torch.nn.functional: package.module:attribute, which is a loss or "
        "holds losses; package.module, which holds losses; or an entry point that leads to one of these",
    )  # fmt: skip
    group.addoption(
        "--registry", metavar="FILE.py",
        help="a Python file that defines DIVERGENCES, the known divergences of the implementation; without "
        "--implementation they are known besides those of torch",
    )  # fmt: skip
    group.addoption(
        "--report", metavar="DIR",
        help="write a record of the run (record.json), a page of it (report.html) and a summary in Markdown "
        "(summary.md) into this folder; what is there of an earlier run is replaced",
    )  # fmt: skip
    group.addoption(
        "--progress", metavar="SECONDS", default="60",
        help="say so often how far the run is; default: 60; 0: never",
    )  # fmt: skip
    group.addoption(
        "--hang", metavar="SECONDS", default="300",
        help="end the process, and say at which case, if torch takes longer for one; default: 300; 0: never",
    )  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Check the options and torch before anything runs."""
    profile = config.getoption("hypothesis_profile", None)
    _known_names("--hypothesis-profile", [profile] if profile else [], PROFILES)
    _known_names("--dtype", config.option.dtype, FORMATS)
    _import_torch()
    losses = importlib.import_module("conformance.losses")
    known = [name for row in losses.LOSSES.values() for name in (row.name, row.module)]
    _known_names("--loss", config.option.loss, known)
    _choose_implementation(config)
    _known_names("--way", config.option.way, [PLAIN, *importlib.import_module("conformance.ways").WAYS])
    devices = importlib.import_module("conformance.devices")
    for name in config.option.device:
        problem = devices.problem(name)
        if problem:
            raise pytest.UsageError(f"--device: {problem}")
    hypothesis_seed = config.getoption("hypothesis_seed", None)
    if hypothesis_seed is not None:
        _whole_number("--hypothesis-seed", hypothesis_seed, least=0)
    if config.option.examples is not None:
        _set_examples(config.option.examples, profile or "dev")
    if profile == "nightly" and hypothesis_seed is None:
        # Chosen here, so that every worker draws from the same seed and the header can tell it.
        config.option.hypothesis_seed = str(random.SystemRandom().randrange(2**32))
    if profile == "nightly":
        values.widen()
    hang = _whole_number("--hang", config.option.hang, least=0)
    on_duty = watch.Watch(config, hang)
    config.pluginmanager.register(on_duty)
    if not hasattr(config, "workerinput"):
        crashes = importlib.import_module("conformance.crashes")
        config.pluginmanager.register(crashes.Crashes(config, on_duty))
        _start_recording(config)


def _start_recording(config: pytest.Config) -> None:
    """Have a record made of the run, and lines of its progress."""
    report = importlib.import_module("conformance.report")
    progress = _whole_number("--progress", config.option.progress, least=0)
    folder = report.prepared(config)
    recorder = report.Recorder(config, _base_seed(config), ways_left_out(config), folder)
    config.pluginmanager.register(recorder, "conformance-recorder")
    if progress:
        config.pluginmanager.register(report.Progress(config, progress))


def _choose_implementation(config: pytest.Config) -> None:
    """Put under test what the options name, and in force the records that count there."""
    implementation = importlib.import_module("conformance.implementation")
    divergences = importlib.import_module("conformance.divergences")
    option = config.option
    if option.implementation is not None:
        chosen = implementation.find_implementation(option.implementation)
        implementation.put_under_test(chosen)
        divergences.IN_FORCE.clear()
        for row in selected_losses(config) if option.loss else []:
            if row.name not in chosen.losses:
                has = ", ".join(chosen.losses)
                raise pytest.UsageError(f"--loss: {chosen.name} has no {row.name} (it has: {has})")
    if option.registry is not None:
        divergences.IN_FORCE.extend(divergences.read_records(option.registry))


def _known_names(option: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise pytest.UsageError(f"{option}: unknown name {name!r}{hint} (valid: {', '.join(known)})")


def _import_torch() -> None:
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError) as error:
        mend = f"pip install 'torch>={OLDEST_TORCH}'"
        raise pytest.UsageError(f"torch cannot be imported ({error}); install it: {mend}") from None
    if torch.__version__ < OLDEST_TORCH:
        found = f"torch {torch.__version__} is too old"
        raise pytest.UsageError(f"{found}; this suite needs {OLDEST_TORCH} or newer")
    # Workers share the cores already.
    torch.set_num_threads(1)


def _whole_number(option: str, text: str, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        raise pytest.UsageError(f"{option}: must be a whole number from {least} on, got {text!r}")
    return int(text)


def _set_examples(text: str, profile: str) -> None:
    examples = _whole_number("--examples", text, least=1)
    settings.register_profile("examples", settings.get_profile(profile), max_examples=examples)
    settings.load_profile("examples")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what is tested, and how."""
    import torch

    from .devices import available_devices, cpu_capability
    from .implementation import TORCH, under_test

    build = torch.version.cuda or torch.version.hip
    examples = settings().max_examples
    tested = under_test()
    return [
        *([] if tested is TORCH else [f"implementation {tested.name}: {', '.join(tested.losses)}"]),
        f"torch {torch.__version__} ({torch.version.git_version[:10]}, "
        f"{'accelerator ' + build if build else 'cpu'} build), "
        f"CPU capability {cpu_capability()}, "
        f"devices {', '.join(available_devices())}",
        f"profile {config.getoption('hypothesis_profile', None) or 'dev'}, {examples} examples a cell, "
        f"seed {_base_seed(config)}",
    ]


def _base_seed(config: pytest.Config) -> int:
    return int(config.getoption("hypothesis_seed", None) or 0)


@pytest.hookimpl(trylast=True)  # a device comes last in a test's id
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test every selected ``cell``, ``passage``, ``instance`` of a law, ``place`` or ``device``.

    Absent devices are marked as skipped.
    """
    from .cells import all_cells
    from .corners import places
    from .devices import absence, default_devices
    from .laws import instances
    from .ways import passages

    option = metafunc.config.option
    devices = list(dict.fromkeys(option.device)) or default_devices()
    absent = {device: absence(device) for device in devices}

    def on(device: str, value: Any) -> Any:
        reason = absent[device]
        return pytest.param(value, id=str(value), marks=[pytest.mark.skip(reason=reason)] if reason else ())

    if "device" in metafunc.fixturenames:
        metafunc.parametrize("device", [on(device, device) for device in devices])
    axes: dict[str, Callable[..., Sequence[Cell]]] = {
        "cell": all_cells,
        "instance": instances,
        "place": places,
        "passage": passages,
    }
    for name in axes.keys() & set(metafunc.fixturenames):
        formats = [name for name in FORMATS if not option.dtype or name in option.dtype]
        cells = axes[name](selected_losses(metafunc.config), formats, devices)
        metafunc.parametrize(name, [on(cell.device, cell) for cell in cells])


def ways_left_out(config: pytest.Config) -> list[str]:
    """The ways that are not tested unless they are asked for.

    Some are slow, and a nightly run tests them; others ask more of a loss than an implementation need do.
    """
    from .implementation import TORCH, under_test
    from .ways import SIMPLE, WAYS

    if config.option.way:
        return []
    if under_test() is not TORCH:
        return [name for name, way in WAYS.items() if way not in SIMPLE]
    nightly = config.getoption("hypothesis_profile", None) == "nightly"
    return [name for name, way in WAYS.items() if not (way.by_default or nightly)]


def selected_losses(config: pytest.Config) -> list[Loss]:
    """The rows that ``--loss`` names; all that are under test by default."""
    from .implementation import under_test
    from .losses import LOSSES, find_loss

    chosen = {find_loss(name).name for name in config.option.loss} or under_test().losses
    return [row for row in LOSSES.values() if row.name in chosen]


@pytest.fixture
def base_seed(pytestconfig: pytest.Config) -> int:
    """The seed from which each cell derives its own."""
    return _base_seed(pytestconfig)


@pytest.fixture
def plugin_modules(pytestconfig: pytest.Config) -> list[str]:
    """The modules that ``-p`` names: one may have registered the device, which another process needs, too."""
    from .retrial import plugin_modules

    return plugin_modules(pytestconfig)


@pytest.fixture
def tally(record_property: Any) -> Tally:
    """A count for the test to fill; it travels with the test's report, also from a worker."""
    from .tally import Tally

    count = Tally()
    record_property("tally", vars(count))
    return count


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests of other losses and ways than the options name, and those that only torch can pass."""
    from .cells import Cell
    from .divergences import Divergence
    from .implementation import TORCH, under_test
    from .ways import Way

    option, ways = config.option, set(config.option.way)
    chosen = {row.name for row in selected_losses(config)} if option.loss or option.implementation else None
    left_out = ways_left_out(config)
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for item in items:
        callspec = getattr(item, "callspec", None)  # only parametrized tests have one
        params = list(callspec.params.values()) if callspec else []
        losses = {_loss_name(value) for value in params} - {None}
        ways_of = (getattr(value, "way", None) for value in params)
        way = next((value.name for value in ways_of if isinstance(value, Way)), PLAIN)
        # All others are about torch itself: its lists of losses, its documentation, what it refuses.
        of_any = under_test() is TORCH or any(isinstance(value, Cell | Divergence) for value in params)
        wanted = way in ways if ways else way not in left_out
        wanted = wanted and (chosen is None or losses <= chosen)
        (kept if of_any and wanted else dropped).append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


def pytest_collection_finish() -> None:
    """Leave what is there by now out of collections of garbage; torch alone is 165,000 objects."""
    gc.freeze()


def _loss_name(param: Any) -> str | None:
    """The loss that a test's parameter is, or is about."""
    from .losses import Loss

    loss = param if isinstance(param, Loss) else getattr(param, "loss", None)
    return loss.name if isinstance(loss, Loss) else loss


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what was found, how close it came to the bounds, and what was not tested."""
    recorder = terminalreporter.config.pluginmanager.get_plugin("conformance-recorder")
    lines = importlib.import_module("conformance.report.terminal").summary(recorder.record)
    if lines or recorder.told:
        terminalreporter.section("torch-loss-conformance")
    for line in [*lines, *recorder.told]:
        terminalreporter.line(line)
