"""The pytest plugin: options, header, fixtures and the closing summary. Loaded by conftest.py."""

from __future__ import annotations

import gc
import importlib
import random
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from reference import FORMATS
from strategies import values

from . import failures, notes, options, scripts, surroundings, watch

if TYPE_CHECKING:  # torch is imported once pytest is configured, so that its lack is told in a line
    from .cells import Cell
    from .tally import Tally

options.register_profiles()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the suite's options."""
    options.add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Let workers that are done take over tests of others: cells differ in cost a hundredfold."""
    option = config.option
    if getattr(option, "numprocesses", None) and option.dist == "no":  # without xdist there is no such option
        option.dist = "worksteal"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Check the options and torch before anything runs."""
    profile = config.getoption("hypothesis_profile", None)
    options.check_names("--hypothesis-profile", [profile] if profile else [], list(options.EXAMPLES))
    options.check_names("--dtype", config.option.dtype, FORMATS)
    surroundings.import_torch()
    controls = not hasattr(config, "workerinput")
    if controls:
        config.add_cleanup(surroundings.guard_exit())
    foreign = importlib.import_module("conformance.foreign")
    config.add_cleanup(foreign.watch_for_interrupts(terminates=controls))
    losses = importlib.import_module("conformance.losses")
    known = [name for row in losses.LOSSES.values() for name in (row.name, row.module)]
    options.check_names("--loss", config.option.loss, known)
    _choose_implementation(config)
    ways = importlib.import_module("conformance.ways").WAYS
    options.check_names("--way", config.option.way, [options.PLAIN, *ways])
    devices = importlib.import_module("conformance.devices")
    for name in config.option.device:
        problem = devices.problem(name)
        if problem:
            raise pytest.UsageError(f"--device: {problem}")
    hypothesis_seed = config.getoption("hypothesis_seed", None)
    if hypothesis_seed is not None:
        options.whole_number("--hypothesis-seed", hypothesis_seed, least=0, most=options.LARGEST_SEED)
    if config.option.examples is not None:
        options.set_examples(config.option.examples, profile or "dev")
    if profile == "nightly" and hypothesis_seed is None:
        # Chosen here, so that every worker draws from the same seed and the header can tell it.
        config.option.hypothesis_seed = str(random.SystemRandom().randrange(2**32))
    if profile == "nightly":
        values.widen()
    scripts.put_plugins(options.plugin_modules(config))
    altered = surroundings.altered_state()
    if altered:
        raise pytest.UsageError(altered)
    hang = options.whole_number("--hang", config.option.hang, least=0)
    on_duty = watch.Watch(config, hang)
    config.pluginmanager.register(on_duty)
    if controls:
        config.pluginmanager.register(_Verbosity())
        crashes = importlib.import_module("conformance.crashes")
        config.pluginmanager.register(crashes.Crashes(config, on_duty))
        _start_recording(config)


def _start_recording(config: pytest.Config) -> None:
    """Have a record made of the run, and lines of its progress."""
    report = importlib.import_module("conformance.report")
    left_out = importlib.import_module("conformance.selection").ways_left_out(config)
    progress = options.whole_number("--progress", config.option.progress, least=0)
    required = report.required_share(config.option.require_tested)
    folder = report.prepared(config)
    recorder = report.Recorder(config, _base_seed(config), left_out, folder)
    config.pluginmanager.register(recorder, "conformance-recorder")
    config.pluginmanager.register(report.RequireTested(recorder, required))
    if progress:
        absent = frozenset(name for name, why in recorder.record.devices.items() if why)
        config.pluginmanager.register(report.Progress(config, progress, absent))


def _choose_implementation(config: pytest.Config) -> None:
    """Put under test what the options name, and in force the records that count there."""
    implementation = importlib.import_module("conformance.implementation")
    divergences = importlib.import_module("conformance.divergences")
    option = config.option
    hang = options.whole_number("--hang", option.hang, least=0)
    if option.implementation is not None:
        chosen = implementation.find_implementation(option.implementation, hang)
        implementation.put_under_test(chosen)
        divergences.IN_FORCE.clear()
        selected = importlib.import_module("conformance.selection").selected_losses
        for row in selected(config) if option.loss else []:
            if row.name not in chosen.losses:
                has = ", ".join(chosen.losses)
                raise pytest.UsageError(f"--loss: {chosen.name} has no {row.name} (it has: {has})")
    if option.registry is not None:
        taken = {record.id for record in divergences.IN_FORCE}
        divergences.IN_FORCE.extend(divergences.read_records(option.registry, taken, hang))


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what is tested, and how."""
    import torch

    from .devices import available_devices, cpu_capability
    from .implementation import TORCH, under_test
    from .report.environment import revision

    build = torch.version.cuda or torch.version.hip
    examples = settings().max_examples
    tested = under_test()
    return [
        *([] if tested is TORCH else [f"implementation {tested.name}: {', '.join(tested.losses)}"]),
        f"torch {torch.__version__} ({revision()[:10]}, "
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
    from .selection import selected_losses
    from .test_other_dtypes import dtype_cells
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
        "dtype_cell": dtype_cells,
    }
    for name in axes.keys() & set(metafunc.fixturenames):
        formats = [name for name in FORMATS if not option.dtype or name in option.dtype]
        cells = axes[name](selected_losses(metafunc.config), formats, devices)
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
    from .tally import Tally

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


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Name the cause of a failure before anyone shows it."""
    if report.failed:
        failures.explain(report)


@pytest.hookimpl(tryfirst=True)
def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Name the cause of an error in collection before anyone shows it."""
    if report.failed:
        failures.explain(report)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests of other losses and ways than the options name, and those that only torch can pass."""
    from .selection import split

    kept, dropped = split(config, items)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


def pytest_collection_finish() -> None:
    """Leave what is there by now out of collections of garbage; torch alone is 165,000 objects."""
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what was found, how close it came to the bounds, and what was not tested."""
    config = terminalreporter.config
    recorder = config.pluginmanager.get_plugin("conformance-recorder")
    lines = importlib.import_module("conformance.report.terminal").summary(recorder.record)
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
