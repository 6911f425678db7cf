# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU's machine protocol, one command a connection."""
import json
import socket


def qmp(path, command, arguments, seconds=20):
    """The answer to a command: {'return': ...} or {'error': {'desc': ...}}; events before it are skipped."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(seconds)
        s.connect(path)
        f = s.makefile('rw')
        f.readline()
        for c in ({'execute': 'qmp_capabilities'}, {'execute': command, 'arguments': arguments}):
            f.write(json.dumps(c) + '\n')
            f.flush()
            answer = json.loads(f.readline())
            while 'event' in answer:
                answer = json.loads(f.readline())
    return answer
