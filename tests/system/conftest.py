# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the system tests: which hypervisor, one long-lived machine that most tests share, and the list of what Zendo cannot do yet."""
import functools
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import image  # noqa: E402
from machine import LOST_LINES, Machine, MachineError  # noqa: E402

Machine.asks_debug_keys = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, '../..'))
NOT_YET = os.path.join(HERE, 'not-yet.txt')
MARKS = {'quick': 'in make test-quick', 'xl': 'the stock tools', 'pv': 'a PV guest', 'pvh': 'a PVH guest', 'dev': 'disks and networks',
         'long': 'takes more than half a minute', 'extra': 'in make test-long only: some minutes each, or large packages', 'zendo': "beyond what Debian's Xen does: not run on the oracle"}


def pytest_addoption(parser):
    parser.addoption('--hv', default='build/x86_64/zendo', help="hypervisor image, or 'xen' for Debian's own")
    parser.addoption('--pv-only', action='store_true', help='make PV guests where a test asks for PVH: for the oracle, in an emulator where its PVH guests die')
    parser.addoption('--extra', action='store_true', help='with the tests that are marked so')
    parser.addoption('--counts', help="add 'system PASSED FAILED NOT-YET' to this file")


def pytest_configure(config):
    for mark, text in MARKS.items():
        config.addinivalue_line('markers', f'{mark}: {text}')
    if config.getoption('--pv-only'):
        Machine.settings = {'PVH_TYPE': 'pv'}
    config.tally = {'passed': 0, 'failed': 0, 'pending': 0}
    # with -n 2 (pytest-xdist) each of two workers has its machines; the reports meet in the process that started them
    config.worker = getattr(config, 'workerinput', {}).get('workerid', '')


def test_name(item):
    """The id that not-yet.txt uses: test_file.py::test_name[param]."""
    return item.nodeid.rsplit('/', 1)[-1]


test_name.__test__ = False


def read_not_yet():
    """{test id: reason} of not-yet.txt; lines are `test id  # reason`."""
    out = {}
    with open(NOT_YET) as f:
        for i, line in enumerate(f, 1):
            name, _, reason = line.partition('#')
            if not name.strip():
                continue
            if not reason.strip():
                raise pytest.UsageError(f'{NOT_YET}:{i}: no reason (write: {name.strip()}  # why)')
            out[name.strip()] = reason.strip()
    return out


def pytest_collection_modifyitems(config, items):
    on_xen, all_names = config.getoption('--hv') == 'xen', {test_name(i) for i in items}
    # the long ones first: the workers then end together; and the tests of a file that share a machine one after the other, or it boots twice
    items.sort(key=lambda item: item.get_closest_marker('long') is None and not shares_machine(item.nodeid))
    extra = config.getoption('--extra')
    items[:] = [i for i in items if not (on_xen and i.get_closest_marker('zendo')) and (extra or not i.get_closest_marker('extra'))]
    if on_xen:
        return
    not_yet = read_not_yet()
    whole_run = len(config.args) == 1 and os.path.isdir(config.args[0]) and not config.getoption('-k')
    unknown = set(not_yet) - all_names
    if whole_run and unknown:
        raise pytest.UsageError('not-yet.txt names tests that are not there: ' + ' '.join(sorted(unknown)))
    for item in items:
        if test_name(item) in not_yet:
            reason = not_yet[test_name(item)]
            # one that passes on some runs only is named so, and may
            item.add_marker(pytest.mark.xfail(reason=reason, strict=not reason.startswith('unsteady')))


@functools.lru_cache(None)
def file_shares_machine(path):
    with open(os.path.join(HERE, os.path.basename(path))) as f:
        return "scope='module'" in f.read()


def shares_machine(nodeid):
    """Does the test's file have a machine of its own for its tests?"""
    return file_shares_machine(nodeid.split('::')[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With -n 2 a worker gets its next test when it ends one: tests take from one second to some minutes. Those that share a machine go to one worker."""
    from xdist.scheduler import LoadScheduling

    class OneByOne(LoadScheduling):
        owners = {}

        def may_take(self, node, index):
            name = self.collection[index]
            return not shares_machine(name) or self.owners.setdefault(name.split('::')[0], node) is node

        def _send_tests(self, node, num):
            # two wait at most: the one that runs, and the one that must be known before it ends
            for _ in range(min(num, 2 - len(self.node2pending[node]), len(self.pending))):
                # what only others should take is taken all the same when nothing else is left
                at = next((i for i, index in enumerate(self.pending) if self.may_take(node, index)), 0)
                self.pending.insert(0, self.pending.pop(at))
                super()._send_tests(node, 1)

    return OneByOne(config, log)


def pytest_runtest_logreport(report):
    tally = report_config.tally
    if report.outcome == 'skipped' and hasattr(report, 'wasxfail'):
        tally['pending'] += 1
    elif report.failed:
        tally['failed'] += 1
    elif report.when == 'call' and report.passed:
        tally['passed'] += 1
    elif report.outcome == 'skipped':
        tally['failed'] += 1  # a system test is never skipped


@pytest.fixture
def figure(record_property):
    """figure(name, value): a figure that the run's end shows; nothing passes or fails by it."""
    return record_property


def pytest_terminal_summary(terminalreporter):
    # the reports of a test's end hold those of its beginning too
    lines = sorted({f'{name}: {value}' for reports in terminalreporter.stats.values() for r in reports
                    for name, value in getattr(r, 'user_properties', [])})
    if lines:
        terminalreporter.section('figures')
        terminalreporter.write('\n'.join(lines) + '\n')


def pytest_sessionstart(session):
    global report_config
    report_config = session.config


def pytest_sessionfinish(session, exitstatus):
    path = session.config.getoption('--counts')
    if path and not session.config.worker:
        t = session.config.tally
        os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
        with open(path, 'a') as f:
            f.write(f'system {t["passed"]} {t["failed"]} {t["pending"]}\n')


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    report.user_properties += [('a line of dom0 did not come over the console', line) for line in LOST_LINES]
    LOST_LINES.clear()
    if call.when == 'call':
        item.failed_call = report.outcome != 'passed'


class Pool:
    """The machine that tests share, made again when a test lost it; what failed once for good fails at once for the rest of the run."""

    def __init__(self, hv, worker=''):
        self.hv = hv if hv == 'xen' else os.path.join(ROOT, hv)
        self.name = f'shared-{worker}-' if worker else 'shared-'
        self.machine, self.broken, self.number = None, None, 0
        self.no_guest, self.no_tools = {}, None

    def get(self):
        if self.machine and self.machine.alive:
            return self.machine
        if self.broken:
            raise MachineError('dom0 did not come up earlier in this run: ' + self.broken)
        if self.machine:
            self.machine.stop()
        self.number += 1
        self.machine = Machine(self.hv, f'{self.name}{self.number}', smp=2, files=image.guest_kernels())
        try:
            self.machine.boot()
        except AssertionError as e:
            self.broken = str(e).split('\n')[0]
            self.machine.stop()
            raise
        self.machine.guests = {}  # the shared ones: {name: domid}
        return self.machine

    def tools(self):
        """The machine with the stock daemons running."""
        if self.no_tools:
            raise AssertionError('the daemons did not start earlier in this run: ' + self.no_tools)
        m = self.get()
        try:
            return m.start_tools()
        except AssertionError as e:
            self.no_tools = str(e).split('\n')[0]
            raise

    def guest(self, kind):
        """The shared guest of this kind, running and answering; its name."""
        m, name = self.tools(), 'shared-' + kind
        if name in m.guests and m.run(f'in_guest {name} true', 40).status == 0:
            return name
        if kind in self.no_guest:
            raise AssertionError(f'a {kind} guest did not come up earlier in this run: {self.no_guest[kind]}')
        m.run(f'xl destroy {name}; gone {name} 20')
        try:
            m.ok(f'rm -f /var/log/xen/guest-{name}.log; KERNEL=/vmlinux; xl create -q $(cfg {name} {kind} 128 2 job=stay)', 90)
            m.ok(f'await {name} "GUEST READY" 90', 100)
        except AssertionError as e:
            self.no_guest[kind] = str(e).split('\n')[0]
            raise
        m.guests[name] = m.ok(f'xl domid {name}').strip()
        return name

    def tidy(self, failed):
        """After a test: no guests but the shared ones; after a failure not even those."""
        m = self.machine
        if not (m and m.alive and m.tools_up):
            return
        if failed:
            m.guests = {}
        m.run(f'within 60 destroy_others {" ".join(m.guests.values())}', 90)

    def stop(self):
        if self.machine:
            self.machine.stop()


@pytest.fixture(scope='session')
def pool(request):
    p = Pool(request.config.getoption('--hv'), request.config.worker)
    yield p
    p.stop()


@pytest.fixture(scope='session')
def hv(pool):
    return pool.hv


@pytest.fixture
def bare(pool, request):
    """dom0's userspace, with or without the tools: for tests of dom0 itself."""
    yield pool.get()
    pool.tidy(getattr(request.node, 'failed_call', True))


@pytest.fixture
def dom0(bare, pool):
    """dom0 with the stock daemons running; guests that a test leaves behind are destroyed."""
    return pool.tools()


@pytest.fixture(params=[pytest.param('pvh', marks=pytest.mark.pvh), pytest.param('pv', marks=pytest.mark.pv)])
def kind(request):
    return 'pv' if request.config.getoption('--pv-only') else request.param


@pytest.fixture
def guest(dom0, pool, kind):
    """The name of a running guest of either kind (2 vCPUs, 128 MiB), shared: leave it running as it was."""
    return pool.guest(kind)


@pytest.fixture
def new_machine(hv, pool, request):
    """Make a machine of its own: new_machine(smp=1, ...) boots it; it is stopped at the test's end."""
    made = []

    def make(boot=True, **kw):
        if pool.broken:
            raise MachineError('dom0 did not come up earlier in this run: ' + pool.broken)
        m = Machine(hv, f'{request.node.name}-{len(made) + 1}', **kw)
        made.append(m)
        return m.boot() if boot else m

    yield make
    for m in made:
        m.stop()
