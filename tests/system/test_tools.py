# SPDX-License-Identifier: GPL-2.0-or-later
"""The stock daemons and the xl commands that need no guest."""
import json
import re

import pytest

import image

pytestmark = [pytest.mark.xl]


@pytest.mark.quick
def test_daemons_start(dom0):
    dom0.ok('pidof xenstored && pidof xenconsoled')
    assert dom0.ok('xenstore-read /local/domain/0/name') == 'Domain-0'


@pytest.mark.quick
def test_info(dom0):
    info = dict(re.findall(r'^(\w+) *: (.*)$', dom0.ok('xl info'), re.M))
    assert info['nr_cpus'] == '2' and info['xen_major'] == '4' and info['xen_minor'] == '17'
    assert 4000 <= int(info['total_memory']) <= 4096
    assert 1800 <= int(info['free_memory']) <= 2560
    assert 'xen-3.0-x86_64' in info['xen_caps'] and 'hvm-3.0-x86_64' in info['xen_caps']
    assert 'pv' in info['virt_caps'].split() and 'hvm' in info['virt_caps'].split()


def test_info_numa(dom0):
    assert re.search(r'^cpu:\s+core\s+socket\s+node\n\s+0:', dom0.ok('xl info -n'), re.M)


@pytest.mark.quick
def test_list(dom0):
    assert re.search(r'^Domain-0 +0 +1536 +2 +r-----', dom0.ok('xl list'), re.M)


def test_list_long(dom0):
    doms = json.loads(dom0.ok('xl list -l 2>/dev/null'))  # libxl may warn of a domain that is going
    assert doms[0]['domid'] == 0 and doms[0]['config']['c_info']['name'] == 'Domain-0'


def test_list_verbose(dom0):
    assert 'UUID' in dom0.ok('xl list -v') and '00000000-0000-0000-0000-000000000000' in dom0.ok('xl list -v')


def test_uptime(dom0):
    assert re.search(r'^Domain-0 +0 +0:\d\d:\d\d', dom0.ok('xl uptime'), re.M)


def ring_of(dom0, flags=''):
    """The hypervisor's log as xl shows it; its tags are changed so that machine.py does not take the lines for the console's own."""
    return dom0.ok(f"xl dmesg {flags} | sed 's/^(\\([A-Za-z]*\\)) /\\1: /'")


def test_dmesg(dom0):
    ring = ring_of(dom0)
    assert len(ring.splitlines()) > 10
    assert sum(line.strip() in ring for line in dom0.console.hv_lines[:40] if line.strip()) > 10


def test_dmesg_clear(dom0):
    assert ring_of(dom0, '-c')
    assert len(ring_of(dom0)) < 500
    dom0.ok('xl debug-keys h')
    assert len(ring_of(dom0)) > 20


@pytest.mark.parametrize('key', ['h', 'q', 'e', 'r', 'm'])
def test_debug_keys(dom0, key):
    before = len(dom0.console.hv_lines)
    dom0.ok(f'xl debug-keys {key}')
    dom0.wait_for(lambda: len(dom0.console.hv_lines) > before, f'output of debug key {key}', 20)


def test_log_is_kept_by_xenconsoled(dom0):
    """It is told of new lines by VIRQ_CON_RING, and reads them."""
    dom0.ok(': > /var/log/xen/hypervisor.log; xl debug-keys m; loghas /var/log/xen/hypervisor.log "Debug key .m." 20', 30)


def test_names_of_functions(dom0):
    names = dom0.ok('cat /proc/xen/xensyms', 60)
    assert len(names.splitlines()) > 500
    assert re.search(r'^ffff[0-9a-f]{12} [tT] do_platform_op$', names, re.M), names[:300]


def test_set_parameters(dom0):
    before = dom0.ok('xenhypfs cat /params/loglvl').strip()
    dom0.ok(f'xl set-parameters loglvl=all && xl set-parameters loglvl={before}')
    assert dom0.run('xl set-parameters nonsense-of-a-name=1').status != 0


def test_vcpu_list_of_dom0(dom0):
    rows = dom0.ok('xl vcpu-list 0').splitlines()[1:]
    assert [r.split()[2] for r in rows] == ['0', '1']


def test_domid_of_unknown_name(dom0):
    r = dom0.run('xl domid no-such-domain')
    assert r.status != 0 and 'no-such-domain' in r.out


def test_xentop(dom0):
    rows = dom0.ok('xentop -b -i 2 -d 1', 30)
    assert len(re.findall(r'^ *Domain-0 ', rows, re.M)) == 2


def test_cpupool_list(dom0):
    assert re.search(r'^Pool-0 +2 ', dom0.ok('xl cpupool-list'), re.M)


def test_sched(dom0):
    sched = dict(re.findall(r'^(\w+) *: (.*)$', dom0.ok('xl info'), re.M))['xen_scheduler']
    assert 'Domain-0' in dom0.ok(f'xl sched-{sched}')


def test_claims(dom0):
    assert re.search(r'^Domain-0 +0 ', dom0.ok('xl claims'), re.M)


def test_xenstore_works(dom0):
    dom0.ok('xenstore-write /tool/t/a 1 /tool/t/b 2; test "$(xenstore-ls /tool/t | wc -l)" = 2; xenstore-rm /tool/t; '
            '! xenstore-exists /tool/t/a')


@pytest.mark.extra
def test_every_tool(dom0, pool):
    """Each xl command and program of xen-utils once, with a guest of either kind: its status and the shape of what it prints."""
    results = dom0.scenario('tools', 500, PV=pool.guest('pv'), PVH=pool.guest('pvh'))
    bad = [n for n, v in results.items() if n and not v[0]]
    assert not bad and 'list-after' in results, f'{bad}\n{results[""][-4000:]}'


@pytest.mark.long
@pytest.mark.extra
def test_oxenstored(new_machine):
    """The store in OCaml instead of the one in C, with a guest of either kind."""
    m = new_machine(files=image.guest_kernels())
    m.ok('XENSTORED=oxenstored; tools', 90)
    for kind in ('pv', 'pvh'):
        m.ok(f'KERNEL=/vmlinux-cloud; xl create -q $(cfg o{kind} {kind} 128 1 job=stay)', 90)
    for kind in ('pv', 'pvh'):
        m.ok(f'await o{kind} "GUEST READY" 90 && in_guest o{kind} true', 130)
    assert 'name = "opvh"' in m.ok('xenstore-ls /local/domain')
    m.ok('test-xenstore; xl shutdown -a -w; no_domain opv && no_domain opvh', 90)
