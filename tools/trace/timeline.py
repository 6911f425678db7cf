# SPDX-License-Identifier: GPL-2.0-or-later
"""Records put together: who ran on each CPU, the states of each vCPU, who woke whom, what was lost, and (details) what happened meanwhile.

Times are nanoseconds from the first record. A Span is [start, end) with a name; the spans of one row follow each other.
"""
from collections import namedtuple

import records

IDLE = 32767
RUNNING, RUNNABLE, BLOCKED, OFFLINE = range(4)
STATES = ('running', 'runnable', 'blocked', 'offline')

RUNSTATE_CHANGE, CONTINUE_RUNNING = 0x21001, 0x21002
RUNSTATE_MASK = 0x0ffff00f
SCHED_WAKE = 0x28004
IRQ_HANDLED = 0x802008
VMENTRY, VMEXIT, VMEXIT64 = 0x81001, 0x81002, 0x81102
HYPERCALL, SUBCALL = 0x20100d, 0x20200e

HYPERCALLS = {0: 'set_trap_table', 1: 'mmu_update', 2: 'set_gdt', 3: 'stack_switch', 4: 'set_callbacks', 5: 'fpu_taskswitch', 7: 'platform_op', 8: 'set_debugreg',
              9: 'get_debugreg', 10: 'update_descriptor', 12: 'memory_op', 13: 'multicall', 14: 'update_va_mapping', 15: 'set_timer_op', 17: 'xen_version',
              18: 'console_io', 20: 'grant_table_op', 21: 'vm_assist', 22: 'update_va_mapping_otherdomain', 23: 'iret', 24: 'vcpu_op', 25: 'set_segment_base',
              26: 'mmuext_op', 28: 'nmi_op', 29: 'sched_op', 30: 'callback_op', 32: 'event_channel_op', 33: 'physdev_op', 34: 'hvm_op', 35: 'sysctl',
              36: 'domctl'}
# AMD's exit codes; others show as numbers
EXITS = {0x60: 'INTR', 0x61: 'NMI', 0x64: 'VINTR', 0x6e: 'RDTSC', 0x72: 'CPUID', 0x78: 'HLT', 0x7b: 'IOIO', 0x7c: 'MSR', 0x81: 'VMMCALL', 0x400: 'NPF'}
INSTANTS = {0x201104: 'page fault', 0x201103: 'trap', 0x201106: 'privileged instruction', 0x20110b: 'page-table write', 0x82004: 'interrupt injected',
            0x82003: 'exception injected', 0x10f001: 'grant map', 0x10f002: 'grant unmap', 0x41001: 'domain created', 0x41002: 'domain destroyed'}

Span = namedtuple('Span', 'start end name args')
Wake = namedtuple('Wake', 'at cpu vcpu run_at run_cpu')  # run_at: when it got its CPU
Lost = namedtuple('Lost', 'start end cpu count')
Instant = namedtuple('Instant', 'at cpu name args')


def vcpu_name(vcpu):
    return 'idle' if vcpu[0] == IDLE else f'd{vcpu[0]}v{vcpu[1]}'


def _append(spans, start, end, name, args):
    """Behind what is there: spans of a row never overlap, whatever a wrong trace says."""
    start = max(start, spans[-1].end if spans else 0)
    if end > start:
        spans.append(Span(start, end, name, args))


class Timeline:
    """Of records in the order of time, hz cycles a second."""

    def __init__(self, recs, hz):
        self.first_tsc, self.hz = recs[0].tsc, hz
        self.cpus, self.vcpus = {}, {}  # CPU: [Span]; (domain, number): [Span]
        self.wakes, self.lost, self.instants, self.inner = [], [], [], []
        self._open = {}      # CPU: (start, vCPU) that runs there
        self._state = {}     # vCPU: (start, state, CPU)
        self._woken = {}     # vCPU: (time, CPU) of the wake-up that it has not answered yet
        self._exits = {}     # CPU: (time, name)
        self._cpu_first, self._cpu_last = {}, {}
        self.end = self._ns(recs[-1].tsc)
        for r in recs:
            self._cpu_first.setdefault(r.cpu, self._ns(r.tsc))
            self.cpus.setdefault(r.cpu, [])
            self._take(r)
            self._cpu_last[r.cpu] = self._ns(r.tsc)
        self._close_all()

    def _ns(self, tsc):
        return max(0, (tsc - self.first_tsc) * 1000000000 // self.hz)

    def _take(self, r):
        now, event = self._ns(r.tsc), r.event
        if event & RUNSTATE_MASK == RUNSTATE_CHANGE:
            self._change(r, now, event >> 8 & 3, event >> 4 & 3)
        elif event == CONTINUE_RUNNING:
            vcpu = self._vcpu(r)
            if r.cpu not in self._open:
                self._begin(vcpu, r.cpu, self._cpu_first[r.cpu] if not self.cpus[r.cpu] else now)
        elif event == SCHED_WAKE:
            domain, number = r.need(2)[:2]
            state = self._state.get((domain, number))
            if state is None or state[1] in (BLOCKED, OFFLINE):
                self._woken[domain, number] = (now, r.cpu)
        elif event == records.LOST:
            self._lose(r, now)
        else:
            self._detail(r, now)

    @staticmethod
    def _vcpu(r):
        word = r.need(1)[0]
        return word >> 16, word & 0xffff

    def _change(self, r, now, old, new):
        vcpu = self._vcpu(r)
        if vcpu[0] == IDLE:
            if new == RUNNING:
                self._leave_cpu(r.cpu, now)
                self._open[r.cpu] = (now, vcpu)
            elif old == RUNNING:
                if r.cpu not in self._open and not self.cpus[r.cpu]:
                    self._open[r.cpu] = (self._cpu_first[r.cpu], vcpu)
                self._leave_cpu(r.cpu, now)
            return
        if old == RUNNING and vcpu not in self._state and r.cpu not in self._open and not self.cpus[r.cpu]:
            self._begin(vcpu, r.cpu, self._cpu_first[r.cpu])  # it ran when the trace began
        self._leave_state(vcpu, now)
        if old == RUNNING and self._open.get(r.cpu, (0, None))[1] == vcpu:
            self._leave_cpu(r.cpu, now)
        if new == RUNNING:
            self._begin(vcpu, r.cpu, now)
            self._answer(vcpu, now, r.cpu)
        else:
            self._state[vcpu] = (now, new, r.cpu)

    def _begin(self, vcpu, cpu, now):
        self._leave_cpu(cpu, now)
        self._open[cpu] = (now, vcpu)
        if vcpu[0] != IDLE:
            self._leave_state(vcpu, now)
            self._state[vcpu] = (now, RUNNING, cpu)

    def _answer(self, vcpu, now, cpu):
        woken = self._woken.pop(vcpu, None)
        if woken:
            self.wakes.append(Wake(woken[0], woken[1], vcpu, now, cpu))

    def _leave_cpu(self, cpu, now):
        start, vcpu = self._open.pop(cpu, (0, None))
        if vcpu is not None:
            _append(self.cpus[cpu], start, now, vcpu_name(vcpu), {})

    def _leave_state(self, vcpu, now):
        start, state, cpu = self._state.pop(vcpu, (0, None, 0))
        spans = self.vcpus.setdefault(vcpu, [])
        if state is not None:
            _append(spans, start, now, STATES[state], {'cpu': cpu})

    def _lose(self, r, now):
        """What this CPU did since then is not known: nobody runs there until the trace says so again."""
        words = r.need(4)
        since = min(max(self._ns(words[2] | words[3] << 32), self._cpu_last.get(r.cpu, 0)), now)
        self.lost.append(Lost(since, now, r.cpu, words[0]))
        _, vcpu = self._open.get(r.cpu, (0, None))
        self._leave_cpu(r.cpu, since)
        self._exits.pop(r.cpu, None)
        if vcpu is not None and vcpu[0] != IDLE:
            self._leave_state(vcpu, max(since, self._state.get(vcpu, (0,))[0]))

    def _detail(self, r, now):
        if r.event in (VMEXIT, VMEXIT64):
            code = r.need(1)[0]
            self._exits[r.cpu] = (now, EXITS.get(code, f'exit 0x{code:x}'))
        elif r.event == VMENTRY:
            start, name = self._exits.pop(r.cpu, (0, None))
            runs = self._open.get(r.cpu)
            if name and runs and start >= runs[0]:
                self.inner.append((r.cpu, Span(start, now, name, {})))
        elif r.event in (HYPERCALL, SUBCALL):
            op = r.need(1)[0] & 0xfffff
            args = {'args': ' '.join(f'0x{w:x}' for w in r.words[1:])} if len(r.words) > 1 else {}
            self.instants.append(Instant(now, r.cpu, HYPERCALLS.get(op, f'hypercall {op}'), args))
        elif r.event == IRQ_HANDLED:
            irq, begin, end = r.need(3)[:3]
            self.instants.append(Instant(now, r.cpu, f'IRQ {irq}', {'cycles': (end - begin) & 0xffffffff}))
        elif r.event in INSTANTS:
            self.instants.append(Instant(now, r.cpu, INSTANTS[r.event], {'words': ' '.join(f'0x{w:x}' for w in r.words)}))

    def _close_all(self):
        for cpu in list(self._open):
            self._leave_cpu(cpu, self.end)
        for vcpu in list(self._state):
            self._leave_state(vcpu, self.end)
        self.vcpus = {v: s for v, s in sorted(self.vcpus.items()) if s}
        self.cpus = dict(sorted(self.cpus.items()))
