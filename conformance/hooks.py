"""The pytest hooks and fixtures of a run: what is tested, the watch over it, and its record.

`conformance.plugin` registers them once torch is there.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import settings

from reference import FORMATS
from strategies import values

from . import corners, devices, failures, foreign, laws, notes, options, report, scripts, surroundings, ways
from .cells import Cell, all_cells
from .checks.other_dtypes import dtype_cells
from .checks.sizes import size_cells
from .crashes import Crashes
from .divergences import in_force, read_records
from .implementation import TORCH, find_implementation, under_test
from .journal import Watchdog
from .losses import LOSSES
from .report.environment import revision
from .report.terminal import summary
from .selection import selected_losses, split, ways_left_out
from .session import session
from .tally import Tally


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Check the options, and set the session up."""
    controls = not hasattr(config, "workerinput")
    if controls:
        config.add_cleanup(surroundings.guard_exit())
    config.add_cleanup(foreign.watch_for_interrupts(terminates=controls))
    known = [name for row in LOSSES.values() for name in (row.name, row.module)]
    options.check_names("--loss", config.option.loss, known)
    hang = options.whole_number("--hang", config.option.hang, least=0)
    _choose_implementation(config, hang)
    options.check_names("--way", config.option.way, [options.PLAIN, *ways.WAYS])
    for name in config.option.device:
        problem = devices.problem(name)
        if problem:
            raise pytest.UsageError(f"--device: {problem}")
    _set_up_drawing(config)
    scripts.put_plugins(options.plugin_modules(config))
    altered = surroundings.altered_state()
    if altered:
        raise pytest.UsageError(altered)
    watch = Watchdog(config, hang)
    config.pluginmanager.register(watch)
    if controls:
        config.pluginmanager.register(_Verbosity())
        config.pluginmanager.register(Crashes(config, watch))
        _start_recording(config)


def _set_up_drawing(config: pytest.Config) -> None:
    """How many examples are drawn, from which seed, and from which numbers."""
    profile, seed = options.profile(config), config.getoption("hypothesis_seed", None)
    if seed is not None:
        options.whole_number("--hypothesis-seed", seed, least=0, most=options.LARGEST_SEED)
    if config.option.examples is not None:
        options.set_examples(config.option.examples, profile or "dev")
    if profile == "nightly":
        if seed is None:
            # Chosen here, so that every worker draws from the same seed and the header can show it.
            config.option.hypothesis_seed = str(random.SystemRandom().randrange(2**32))
        values.widen(_base_seed(config))


def _start_recording(config: pytest.Config) -> None:
    """Have a record made of the run, and lines of its progress."""
    progress = options.whole_number("--progress", config.option.progress, least=0)
    required = report.required_share(config.option.require_tested)
    folder = report.prepared(config)
    recorder = report.Recorder(config, _base_seed(config), ways_left_out(config), folder)
    config.pluginmanager.register(recorder, "conformance-recorder")
    config.pluginmanager.register(report.RequireTested(recorder, required))
    if progress:
        absent = frozenset(name for name, why in recorder.record.devices.items() if why)
        config.pluginmanager.register(report.Progress(config, progress, absent))


def _choose_implementation(config: pytest.Config, hang: int) -> None:
    """Put under test what the options name, and in force the records that count there."""
    option = config.option
    if option.implementation is not None:
        chosen = find_implementation(option.implementation, hang)
        session.implementation, session.records = chosen, ()
        for row in selected_losses(config) if option.loss else []:
            if row.name not in chosen.losses:
                has = ", ".join(chosen.losses)
                raise pytest.UsageError(f"--loss: {chosen.name} has no {row.name} (it has: {has})")
    if option.registry is not None:
        taken = {record.id for record in in_force()}
        session.records = (*in_force(), *read_records(option.registry, taken, hang))


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what is tested, and how."""
    build = torch.version.cuda or torch.version.hip
    examples = settings().max_examples
    tested = under_test()
    return [
        *([] if tested is TORCH else [f"implementation {tested.name}: {', '.join(tested.losses)}"]),
        f"torch {torch.__version__} ({revision()[:10]}, "
        f"{'accelerator ' + build if build else 'cpu'} build), "
        f"CPU capability {devices.cpu_capability()}, "
        f"devices {', '.join(devices.available_devices())}",
        f"profile {options.profile(config) or 'dev'}, {examples} examples a cell, seed {_base_seed(config)}",
    ]


def _base_seed(config: pytest.Config) -> int:
    return int(config.getoption("hypothesis_seed", None) or 0)


@pytest.hookimpl(trylast=True)  # a device comes last in a test's id
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test every selected ``cell``, ``passage``, ``instance`` of a law, ``place`` or ``device``.

    Absent devices are marked as skipped.
    """
    option = metafunc.config.option
    tested = list(dict.fromkeys(option.device)) or devices.default_devices()
    absent = {device: devices.absence(device) for device in tested}

    def on(device: str, value: Any) -> Any:
        reason = absent[device]
        return pytest.param(value, id=str(value), marks=[pytest.mark.skip(reason=reason)] if reason else ())

    if "device" in metafunc.fixturenames:
        metafunc.parametrize("device", [on(device, device) for device in tested])
    axes: dict[str, Callable[..., Sequence[Cell]]] = {
        "cell": all_cells,
        "instance": laws.instances,
        "place": corners.places,
        "passage": ways.passages,
        "dtype_cell": dtype_cells,
        "size_cell": size_cells,
    }
    for name in axes.keys() & set(metafunc.fixturenames):
        formats = [name for name in FORMATS if not option.dtype or name in option.dtype]
        cells = axes[name](selected_losses(metafunc.config), formats, tested)
        # Some combinations of options leave nothing, which is shown rather than taken for a mistake.
        why = "the selected losses have none for the selected dtypes"
        nothing = pytest.param(None, id="nothing", marks=pytest.mark.skip(reason=why))
        metafunc.parametrize(name, [on(cell.device, cell) for cell in cells] or [nothing])


@pytest.fixture
def base_seed(pytestconfig: pytest.Config) -> int:
    """The seed from which each cell derives its own."""
    return _base_seed(pytestconfig)


@pytest.fixture
def plugin_modules(pytestconfig: pytest.Config) -> list[str]:
    """The modules that ``-p`` names: one may have registered the device, which another process needs, too."""
    return options.plugin_modules(pytestconfig)


@pytest.fixture
def take_note(request: pytest.FixtureRequest) -> Callable[[str, object], None]:
    """Notes something of a test, by a name, for the record of the run."""
    return partial(notes.take, request.node)


@pytest.fixture
def tally(take_note: Callable[[str, object], None]) -> Tally:
    """A count for the test to fill; it travels with the test's report, also from a worker."""
    count = Tally()
    take_note("tally", vars(count))
    return count


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin the notes of a test, also if it is run again.

    Raises:
        pytest.fail.Exception: what ran before has altered the state of the process.
    """
    notes.begin(item)
    altered = surroundings.altered_state()
    if altered:
        pytest.fail(altered, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send the notes of a test with its report."""
    report = yield
    notes.attach(item, report)
    return report


# Not the first: where there is a recorder, it explains a failure with the command that shows it again.
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Name the cause of a failure before pytest shows it."""
    if report.failed:
        failures.explain(report)


@pytest.hookimpl(tryfirst=True)
def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Name the cause of an error in collection before anyone shows it."""
    if report.failed:
        failures.explain(report)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests of other losses and ways than the options name, and those that only torch can pass."""
    kept, dropped = split(config, items)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


def pytest_collection_finish() -> None:
    """Leave what is there by now out of collections of garbage; torch alone is 165,000 objects.

    An example makes thousands of arrays and small objects, few of which are in a cycle.
    """
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what was found, how close it came to the bounds, and what was not tested."""
    config = terminalreporter.config
    recorder = config.pluginmanager.get_plugin("conformance-recorder")
    lines = summary(recorder.record)
    if lines or recorder.told:
        terminalreporter.section("torch-loss-conformance")
    for line in [*lines, *recorder.told]:
        terminalreporter.line(line)
    # Of pytest's own summary only the list of failures is left to come. Ids are long, and unless pytest is at
    # its most verbose it cuts off what goes beyond the terminal's width: the causes.
    config.option.verbose = max(2, config.option.verbose)


class _Verbosity:
    """Keeps the verbosity that the summary changes from anything that follows."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, config: pytest.Config) -> Iterator[None]:
        """Restore it after the summary."""
        before = config.option.verbose
        try:
            return (yield)
        finally:
            config.option.verbose = before
