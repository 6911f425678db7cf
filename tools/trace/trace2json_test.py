#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of trace2json: small traces with known answers, the format's rules over random ones, and what it says to files that are wrong."""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.dom.minidom

HERE = os.path.dirname(os.path.abspath(__file__))
TOOL = os.path.join(HERE, '../trace2json')
sys.path.insert(0, HERE)
import chrome  # noqa: E402
import records  # noqa: E402
import shares  # noqa: E402
import svg  # noqa: E402
import timeline  # noqa: E402

HZ = 10**9  # one cycle is one nanosecond
IDLE = timeline.IDLE
RUNNING, RUNNABLE, BLOCKED, OFFLINE = range(4)


def record(event, tsc, *words):
    if tsc is None:
        return struct.pack(f'<I{len(words)}I', event | len(words) << 28, *words)
    return struct.pack(f'<IQ{len(words)}I', event | len(words) << 28 | 1 << 31, tsc, *words)


def window(cpu, *recs):
    body = b''.join(recs)
    return struct.pack('<III', records.CPU_CHANGE | 2 << 28, cpu, len(body)) + body


def change(tsc, vcpu, old, new):
    return record(timeline.RUNSTATE_CHANGE | old << 8 | new << 4, tsc, vcpu[0] << 16 | vcpu[1])


def switch(tsc, prev, to, following):
    """One leaves the CPU for this state, the next gets it."""
    return change(tsc, prev, RUNNING, to) + change(tsc, following, RUNNABLE, RUNNING)


def wake(tsc, vcpu):
    return record(timeline.SCHED_WAKE, tsc, *vcpu) + change(tsc, vcpu, BLOCKED, RUNNABLE)


def lost(tsc, since, count):
    return record(records.LOST, tsc, count, 0, since & 0xffffffff, since >> 32)


def of(*windows):
    return timeline.Timeline(records.read(b''.join(windows)), HZ)


def spans(row):
    return [(s.start, s.end, s.name) for s in row]


A, B, I0, I1 = (1, 0), (2, 3), (IDLE, 0), (IDLE, 1)


class Meaning(unittest.TestCase):
    def test_two_vcpus(self):
        t = of(window(0, switch(1000, A, BLOCKED, I0), wake(1500, A), switch(1600, I0, RUNNABLE, A), switch(2000, A, RUNNABLE, B), switch(2500, B, BLOCKED, A)))
        self.assertEqual(spans(t.cpus[0]), [(0, 600, 'idle'), (600, 1000, 'd1v0'), (1000, 1500, 'd2v3')])
        self.assertEqual(spans(t.vcpus[A]), [(0, 500, 'blocked'), (500, 600, 'runnable'), (600, 1000, 'running'), (1000, 1500, 'runnable')])
        self.assertEqual([(w.at, w.cpu, w.vcpu, w.run_at, w.run_cpu) for w in t.wakes], [(500, 0, A, 600, 0)])

    def test_ran_when_it_began(self):
        t = of(window(0, record(0x28009, 100, 7), switch(900, A, BLOCKED, I0), record(0x28009, 1000, 7)))
        self.assertEqual(spans(t.cpus[0]), [(0, 800, 'd1v0'), (800, 900, 'idle')])
        self.assertEqual(spans(t.vcpus[A]), [(0, 800, 'running'), (800, 900, 'blocked')])

    def test_goes_on(self):
        t = of(window(1, record(timeline.CONTINUE_RUNNING, 50, A[0] << 16 | A[1]), record(0x28009, 150, 7)))
        self.assertEqual(spans(t.cpus[1]), [(0, 100, 'd1v0')])

    def test_woken_on_another_cpu(self):
        """Windows come CPU by CPU; time puts them in order. Under null a vCPU runs without having been runnable."""
        t = of(window(1, change(100, A, RUNNING, BLOCKED), change(100, I1, RUNNABLE, RUNNING), change(900, I1, RUNNING, RUNNABLE), change(900, A, BLOCKED, RUNNING)),
               window(0, change(50, I0, RUNNABLE, RUNNING), switch(200, I0, RUNNABLE, B), record(timeline.SCHED_WAKE, 850, *A), switch(1000, B, BLOCKED, I0)))
        self.assertEqual([(w.at, w.cpu, w.run_at, w.run_cpu) for w in t.wakes], [(800, 0, 850, 1)])
        trace = chrome.convert(t)
        self.assertEqual(chrome.check(trace), [])
        flow = [(e['ph'], e['tid'], e['ts']) for e in trace['traceEvents'] if e['ph'] in 'sf']
        self.assertEqual(flow, [('s', 0, 0.8), ('f', 1, 0.85)])

    def test_lost(self):
        t = of(window(0, switch(100, I0, RUNNABLE, A), lost(900, 400, 12), switch(1000, A, BLOCKED, I0), record(0x28009, 1100, 7)))
        self.assertEqual(spans(t.cpus[0])[0], (0, 300, 'd1v0'))
        self.assertEqual([tuple(x) for x in t.lost], [(300, 800, 0, 12)])
        trace = chrome.convert(t)
        self.assertEqual(chrome.check(trace), [])
        self.assertIn('12 records lost', [e['name'] for e in trace['traceEvents']])

    def test_shares(self):
        """A runs 300 of 1000 on CPU 0 and 500 on CPU 1; B never runs."""
        t = of(window(0, switch(0, I0, RUNNABLE, A), change(300, A, RUNNING, RUNNABLE), change(300, I0, RUNNABLE, RUNNING), record(0x28009, 1000, 7)),
               window(1, change(0, I1, RUNNABLE, RUNNING), switch(400, I1, RUNNABLE, A), switch(900, A, BLOCKED, I1), change(950, B, BLOCKED, RUNNABLE)))
        self.assertEqual(shares.run_ns(t, A), {0: 300, 1: 500})
        self.assertEqual((shares.inside(t, A, {0}), shares.inside(t, A, {0, 1}), shares.of_time(t, A)), (0.375, 1, 0.8))
        self.assertEqual((shares.run_ns(t, B), shares.inside(t, B, {0}), shares.of_time(t, B)), ({}, 0, 0))

    def test_details(self):
        t = of(window(0, switch(100, I0, RUNNABLE, A), record(timeline.VMEXIT64, 200, 0x81, 1, 0), record(0x82012, None, 29), record(timeline.VMENTRY, 250),
                      record(timeline.HYPERCALL, 300, 29 | 1 << 20, 1), record(timeline.IRQ_HANDLED, 350, 9, 100, 160), record(0x201104, 360, 1, 2, 3, 4, 5),
                      switch(400, A, BLOCKED, I0)))
        trace = chrome.convert(t, details=True)
        self.assertEqual(chrome.check(trace), [])
        names = {e['name'] for e in trace['traceEvents']}
        self.assertLessEqual({'VMMCALL', 'sched_op', 'IRQ 9', 'page fault'}, names)
        self.assertNotIn('VMMCALL', {e['name'] for e in chrome.convert(t)['traceEvents']})


class Rules(unittest.TestCase):
    """Whatever is recorded, what is written keeps the rules of the format; and the check finds what does not."""

    def random_trace(self, rng):
        cpus = {c: [] for c in range(rng.randint(1, 4))}
        vcpus = [(d, n) for d in range(3) for n in range(3)] + [(IDLE, c) for c in cpus]
        now = 1000
        for _ in range(rng.randint(1, 400)):
            now += rng.choice((0, 1, 7, 1000))
            v, cpu = rng.choice(vcpus), rng.choice(list(cpus))
            cpus[cpu].append(rng.choice((
                change(now, v, rng.randrange(4), rng.randrange(4)), switch(now, v, rng.randrange(1, 4), rng.choice(vcpus)), wake(now, v),
                record(timeline.CONTINUE_RUNNING, now, v[0] << 16 | v[1]), lost(now, rng.randrange(now + 500), 3), record(timeline.VMENTRY, now),
                record(timeline.VMEXIT64, now, 0x72, 1, 1), record(timeline.HYPERCALL, now, 3), record(records.WRAP, None, 0, 0), record(0x802008, now, 1, 2, 3))))
        return b''.join(window(c, *recs) for c, recs in cpus.items() if recs)

    def test_random(self):
        for seed in range(150):
            rng = random.Random(seed)
            data = self.random_trace(rng)
            try:
                t = timeline.Timeline(records.read(data), rng.choice((HZ, 2400000000, 7)))
            except records.TraceError as e:
                self.assertIn('no record', str(e))
                continue
            trace = json.loads(json.dumps(chrome.convert(t, details=seed % 2 == 0)))
            self.assertEqual(chrome.check(trace), [], f'seed {seed}')
            xml.dom.minidom.parseString(svg.draw(t))

    def broken(self, text, change_it):
        t = of(window(0, switch(1000, A, BLOCKED, I0), wake(1500, A), switch(1600, I0, RUNNABLE, A), switch(2000, A, RUNNABLE, B), switch(2500, B, BLOCKED, A)))
        trace = chrome.convert(t)
        change_it(trace['traceEvents'])
        self.assertTrue(any(text in e for e in chrome.check(trace)), chrome.check(trace))

    @staticmethod
    def first(events, ph):
        return next(e for e in events if e['ph'] == ph)

    def test_check_finds(self):
        self.broken('ph', lambda e: e[-1].update(ph='Q'))
        self.broken('no name', lambda e: e[-1].update(ts=-1))
        self.broken('goes back', lambda e: e.append(dict(self.first(e, 'X'), ts=0.1)) or e.append(dict(self.first(e, 'X'), ts=0)))
        self.broken('dur is', lambda e: self.first(e, 'X').pop('dur'))
        self.broken('ends after', lambda e: self.first(e, 'X').update(dur=0.7))
        self.broken('not one s and one f', lambda e: e.remove(self.first(e, 'f')))
        self.broken('belong together', lambda e: self.first(e, 'f').update(name='other'))
        self.broken('in no slice', lambda e: [e.remove(x) for x in [x for x in e if x['ph'] == 'X' and x['pid'] == 1]])
        self.broken('has no name', lambda e: e.remove(next(x for x in e if x['name'] == 'thread_name')))


class Wrong(unittest.TestCase):
    """A file that is wrong: the tool ends with 1 and says where, and never with a traceback."""

    GOOD = window(0, switch(1000, A, BLOCKED, I0), switch(1600, I0, RUNNABLE, A)) + window(1, switch(1200, B, BLOCKED, I1))

    def run_tool(self, data, *args):
        with tempfile.TemporaryDirectory() as d:
            with open(d + '/in', 'wb') as f:
                f.write(data)
            p = subprocess.run([sys.executable, TOOL, *args, d + '/in', d + '/out'], capture_output=True, text=True)
            out = None
            if os.path.exists(d + '/out'):
                with open(d + '/out') as f:
                    out = f.read()
            return p.returncode, p.stderr, out

    def says(self, data, *texts):
        status, err, out = self.run_tool(data)
        self.assertEqual((status, out), (1, None), err)
        self.assertNotIn('Traceback', err)
        for text in texts:
            self.assertIn(text, err)

    def test_good(self):
        status, err, out = self.run_tool(self.GOOD)
        self.assertEqual((status, err), (0, ''))
        self.assertEqual(chrome.check(json.loads(out)), [])

    def test_offsets(self):
        self.says(b'', 'offset 0 ', 'no record')
        self.says(b'hello, world', 'offset 0 ', 'no file of xentrace')
        self.says(b'short', 'offset 0 ', 'too few')
        self.says(self.GOOD + b'\0' * 12, f'offset {len(self.GOOD)} ', 'a window must begin here')
        self.says(self.GOOD[:-4], 'the window of CPU 1 has 32 bytes, the file ends after 28', '--partial')
        self.says(struct.pack('<III', records.CPU_CHANGE | 2 << 28, 5000, 0), 'offset 4 ', 'CPU 5000')
        self.says(struct.pack('<III', records.CPU_CHANGE | 2 << 28, 0, 6) + b'\0' * 6, 'offset 8 ', 'no multiple of 4')
        self.says(window(0, record(0x28009, 5, 7), record(0x28009, 4, 7)), 'offset 28 ', 'time goes back, from 5 to 4')
        self.says(window(0, record(0x28009, 5, 7), struct.pack('<I', 0x28009 | 7 << 28)), 'offset 28 ', 'takes 32 bytes, its window has 4 left')
        self.says(window(0, window(1)), 'offset 12 ', 'inside another')
        self.says(window(0, record(timeline.RUNSTATE_CHANGE, 5)), 'offset 12 ', 'has 0 words, 1 are needed')
        self.says(window(0, record(records.LOST, 5, 1)), 'has 1 words, 4 are needed')

    def test_partial(self):
        for cut in range(13, len(self.GOOD)):
            status, err, _ = self.run_tool(self.GOOD[:cut], '--partial') if cut % 7 == 0 else (0, '', None)
            self.assertNotIn('Traceback', err)
            if cut > 40:
                self.assertEqual(status, 0, err)

    def test_random_damage(self):
        """In the parser itself, to have many: only its own kind of error comes out."""
        rng = random.Random(3)
        base = Rules().random_trace(random.Random(5))
        for _ in range(500):
            data = bytearray(base)
            for _ in range(rng.randint(1, 4)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            data = bytes(data[:rng.randrange(len(data))] if rng.random() < 0.3 else data)
            for partial in (False, True):
                try:
                    t = timeline.Timeline(records.read(data, partial), HZ)
                    self.assertEqual(chrome.check(chrome.convert(t, True)), [])
                except records.TraceError:
                    pass

    def test_arguments(self):
        def tool(*args):
            return subprocess.run([sys.executable, TOOL, *args], capture_output=True, text=True)
        self.assertIn('examples:', tool('--help').stdout)
        self.assertIn('nothing to make', tool('x').stderr)
        self.assertIn('2.4G', tool('--cpu-hz', 'fast', 'x', 'y').stderr)
        self.assertIn('--to must be after --from', tool('--from', '2', '--to', '1', 'x', 'y').stderr)
        self.assertRegex(tool('/nonexistent', 'y').stderr, r'^trace2json: .*No such file')


if __name__ == '__main__':
    unittest.main(verbosity=0)
