# SPDX-License-Identifier: GPL-2.0-or-later
"""Networks by netback/netfront: guests with dom0 and with each other over a bridge in dom0, both ways at once, each byte checked."""
import re

import pytest

from test_guest import await_line, create

pytestmark = [pytest.mark.xl, pytest.mark.dev]
BRIDGE = 'ip link show xenbr0 >/dev/null 2>&1 || { ip link add xenbr0 type bridge; ip addr add 10.9.0.1/24 dev xenbr0; ip link set xenbr0 up; }'
MIB = 24


def address(m, guest, ip, peer):
    """Give the guest's network card an address; it answers and is answered by a peer."""
    m.ok(f'in_guest {guest} "ip link set eth0 up; ip addr replace {ip}/24 dev eth0; i=0; '
         f'until ping -c1 -W1 {peer} >/dev/null 2>&1 || [ \\$i -ge 40 ]; do i=\\$((i+1)); done; '
         f'ping -c 5 -i 0.2 {peer} | grep \\" 0% packet loss\\"" 60', 70)


def both_ways(m, a, a_ip, b, figure):
    """Some MiB each way at once on one connection between two guests, or dom0 (None) and a guest; image/stream.c checks each byte."""
    listen = f'stream listen 7000 {MIB}'
    listen = f'in_guest {a} "{listen}" 150' if a else listen
    out = m.ok(f'{listen} > /tmp/side.a 2>&1 & in_guest {b} "stream connect {a_ip} 7000 {MIB}" 150; r=$?; '
               'wait $! && [ $r = 0 ] || { cat /tmp/side.a; false; }', 170)
    seconds = float(re.search(rf'^{MIB} MiB each way in ([\d.]+) s$', out, re.M).group(1))
    figure(f'TCP both ways at once, {a or "dom0"} and {b}', f'{2 * MIB / seconds:.1f} MiB/s')


def test_dom0_and_guest(dom0, guest, figure):
    dom0.ok(BRIDGE)
    dom0.ok(f'xl network-attach {guest} bridge=xenbr0', 60)
    dom0.ok(f'within 20 in_guest {guest} "test -e /sys/class/net/eth0"', 40)
    address(dom0, guest, '10.9.0.2', '10.9.0.1')
    both_ways(dom0, None, '10.9.0.1', guest, figure)
    dom0.ok(f'xl network-detach {guest} $(xl network-list {guest} | awk \'NR==2{{print $1}}\')', 60)


def test_guest_and_guest(dom0, guest, figure):
    """The shared guest of either kind, and a PV guest of this test's that has its card from the start."""
    dom0.ok(BRIDGE)
    create(dom0, 'peer', 'pv', 128, 1, 'job=stay', 'vif=["bridge=xenbr0"]', kernel='/vmlinux')
    dom0.ok(f'xl network-attach {guest} bridge=xenbr0', 60)
    await_line(dom0, 'peer', 'GUEST READY')
    address(dom0, 'peer', '10.9.0.4', '10.9.0.1')
    address(dom0, guest, '10.9.0.3', '10.9.0.4')
    both_ways(dom0, guest, '10.9.0.3', 'peer', figure)
    dom0.ok(f'xl network-detach {guest} $(xl network-list {guest} | awk \'NR==2{{print $1}}\')', 60)
