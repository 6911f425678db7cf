# SPDX-License-Identifier: GPL-2.0-or-later
"""What stock xentrace in dom0 records while something happens, brought here and read with tools/trace."""
import base64
import gzip
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../tools/trace'))
import records  # noqa: E402
import timeline  # noqa: E402

HZ = 10**9  # times are the machine's cycles: tests look at shares of time, which are the same in any unit


def fetch(dom0, path):
    """The records of a file in dom0, and the file."""
    data = gzip.decompress(base64.b64decode(dom0.ok(f'gzip -c {path} | base64', 240)))
    return records.read(data), data


def record(dom0, options, work='true'):
    """What xentrace records while dom0 does this. The buffers' size is for the machine's whole life: all tests here use the same."""
    dom0.ok(f'rm -f /tmp/trace /tmp/trace.end; (xentrace -s 20 -S 256 {options} /tmp/trace 2> /tmp/trace.err & echo $! > /tmp/trace.pid; '
            'wait $!; echo $? > /tmp/trace.end) > /dev/null & within 30 test -s /tmp/trace', 60)
    dom0.ok(work, 120)  # typing it on the serial console makes interrupts
    dom0.ok('kill -TERM $(cat /tmp/trace.pid) && within 60 test -s /tmp/trace.end && test "$(cat /tmp/trace.end)" = 0', 90)
    return fetch(dom0, '/tmp/trace')


def run_states(dom0, seconds):
    """The timeline of so many seconds of dom0's, from the records of run states alone, of which none may be lost."""
    recs, _ = record(dom0, '-D -e 0x00021000', f'usleep {int(seconds * 1e6)}')
    t = timeline.Timeline(recs, HZ)
    assert not t.lost, t.lost
    return t
