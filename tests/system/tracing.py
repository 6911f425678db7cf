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


def record(dom0, options, work='true'):
    """What xentrace records while dom0 does this, and its file; one command, for guests that compute make each a matter of seconds. The buffers' size is for the
    machine's whole life: all tests here use the same."""
    out = dom0.ok(f'''rm -f /tmp/trace /tmp/trace.end
        (xentrace -s 20 -S 256 {options} /tmp/trace 2> /tmp/trace.err & echo $! > /tmp/trace.pid; wait $!; echo $? > /tmp/trace.end) > /dev/null &
        within 30 test -s /tmp/trace && {{ {work}; }} > /tmp/trace.work 2>&1 && kill -TERM $(cat /tmp/trace.pid) && within 60 test -s /tmp/trace.end &&
        test "$(cat /tmp/trace.end)" = 0 && gzip -c /tmp/trace | base64 || {{ cat /tmp/trace.err /tmp/trace.work; false; }}''', 360)
    data = gzip.decompress(base64.b64decode(out))
    return records.read(data), data


def run_states(dom0, seconds):
    """The timeline of so many seconds of dom0's, from the records of run states alone, of which none may be lost."""
    recs, _ = record(dom0, '-D -e 0x00021000', f'usleep {int(seconds * 1e6)}')
    t = timeline.Timeline(recs, HZ)
    assert not t.lost, t.lost
    return t
