# SPDX-License-Identifier: GPL-2.0-or-later
"""Tracing with stock xentrace in dom0: what a guest and dom0 did is in the file, stock xenalyze summarises it, tools/trace2json turns it into a trace
that keeps its format's rules; masks; buffers from boot that run over, under the null scheduler."""
import re

import pytest

from tracing import HZ, record  # which also finds tools/trace
import chrome
import records
import timeline

pytestmark = [pytest.mark.xl]
CLASS = {'sched': 0x2f000, 'hvm': 0x8f000, 'pv': 0x20f000, 'hw': 0x80f000}


def classes(recs):
    return {name for name, mask in CLASS.items() if any(r.event & mask & 0xfff0000 for r in recs)}


def xenalyze(dom0, path='/tmp/trace'):
    status, out = dom0.run(f'xenalyze --svm-mode --summary {path} 2> /tmp/xenalyze.err', 120).status, dom0.ok('cat /tmp/xenalyze.err')
    assert status == 0 and not re.search('FATAL|rror|unknown', out), out
    return dom0.ok(f'xenalyze --svm-mode --summary {path} 2> /dev/null', 120)


def test_guest(dom0, guest, kind):
    domain = int(dom0.ok(f'xl domid {guest}'))
    recs, _ = record(dom0, '-D -e all', f'in_guest {guest} "cat /proc/interrupts; uname -a"; dd if=/dev/vda of=/dev/null count=1 iflag=direct')
    assert {'sched', 'pv', 'hw'} <= classes(recs)
    assert {r.cpu for r in recs} == {0, 1}
    t = timeline.Timeline(recs, HZ)
    assert {(0, 0), (0, 1), (domain, 0)} <= set(t.vcpus)
    states = {s.name for s in t.vcpus[domain, 0]}
    assert {'running', 'blocked'} <= states
    assert any(w.vcpu[0] == domain for w in t.wakes)
    hypercalls = {r.words[0] & 0xfffff for r in recs if r.event == timeline.HYPERCALL}
    assert 29 in hypercalls  # sched_op, by which dom0 waits
    if kind == 'pvh':
        exits = [r for r in recs if r.event == timeline.VMEXIT64]
        entries = [r for r in recs if r.event == timeline.VMENTRY]
        assert exits and abs(len(exits) - len(entries)) <= 2
    trace = chrome.convert(t, details=True)
    assert chrome.check(trace) == []
    summary = xenalyze(dom0)
    assert f'|-- Domain {domain} --|' in summary and '|-- Domain 0 --|' in summary


def test_masks(dom0):
    recs, _ = record(dom0, '-D -e 0x00021000')
    assert {r.event & 0xfffff00f for r in recs} <= {timeline.RUNSTATE_CHANGE, timeline.CONTINUE_RUNNING}
    assert {r.cpu for r in recs} == {0, 1}
    recs, _ = record(dom0, '-D -c 0x2 -e sched')
    assert {r.cpu for r in recs} == {1} and classes(recs) == {'sched'}
    dom0.ok('xentrace -c all -e all -T 1 /tmp/trace 2> /dev/null')
    # another size than the first is refused, which xentrace says nothing about: it takes what is there
    assert dom0.run('xentrace_setsize 7').status != 0


def test_off_again(dom0):
    """xentrace ends and nothing is recorded any more."""
    record(dom0, '-D -e all')
    dom0.ok('xentrace -X -D -e all -T 2 /tmp/off 2> /dev/null; test ! -s /tmp/off')


@pytest.mark.zendo  # Debian builds Xen without the null scheduler
def test_from_boot(new_machine):
    """Buffers of two pages from the start hold what came first; then records are lost, and the reader is told how many."""
    dom0 = new_machine(hv_args='sched=null tbuf_size=2 tevt_mask=0x0002f000')
    dom0.start_tools()
    recs, _ = record(dom0, '-e sched')
    events = {r.event for r in recs}
    assert {0x28001, 0x22a02} <= events  # dom0 was made, and its vCPU given a CPU
    assert not any(e & 0xfffffe00 == 0x22200 for e in events)  # nothing of credit2
    assert all(r.event & 0x2f000 for r in recs)
    assert sum(r.words[0] for r in recs if r.event == records.LOST) > 100
    t = timeline.Timeline(recs, HZ)
    assert len(t.lost) >= 2
    assert chrome.check(chrome.convert(t)) == []
