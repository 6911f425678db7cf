# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kernels as PV and as PVH guests, and the xl commands that act on one.

Guests with a life of their own here run the cloud kernel, which comes up sooner; the shared ones and test_comes_up the usual one.
"""
import json
import re

import pytest

pytestmark = [pytest.mark.xl]


def create(m, name, kind, mem=128, vcpus=1, args='', *lines, kernel='/vmlinux-cloud', flags='-q'):
    extra = ' '.join(f"'{line}'" for line in lines)
    return m.ok(f'rm -f /var/log/xen/guest-{name}.log; KERNEL={kernel}; xl create {flags} $(cfg {name} {kind} {mem} {vcpus} "{args}" {extra})', 90)


def await_line(m, name, pattern, seconds=60):
    r = m.run(f"await {name} '{pattern}' {seconds}", seconds + 10)
    assert r.status == 0, f'no {pattern!r} on the console of {name}:\n' + m.run(f'glog {name} | tail -20; xl list; xl_log {name}; hv_log 10').out


@pytest.mark.quick
def test_comes_up(dom0, pool, kind):
    """The unmodified bzImage boots to userspace and sees what it was given."""
    name = 'up-' + kind
    create(dom0, name, kind, 128, 2, kernel='/vmlinuz')
    await_line(dom0, name, 'GUEST UP', 90)
    line = dom0.ok(f'glog {name} | grep "GUEST UP"')
    assert 'cpus=2' in line and 'hv=xen' in line and f'mode={kind.upper()}' in line
    await_line(dom0, name, 'GUEST DONE')
    dom0.ok(f'gone {name} 30', 40)


@pytest.mark.quick
def test_answers(dom0, guest):
    assert dom0.ok(f'in_guest {guest} "echo sum=\\$((40+2))"') == 'sum=42'


def test_smp_both_cpus_work(dom0, guest):
    dom0.ok(f'in_guest {guest} "for c in 0 1; do taskset -c \\$c md5sum /bin/busybox & done; wait"', 60)
    idle = dom0.ok(f'in_guest {guest} "grep -c ^processor /proc/cpuinfo"')
    assert idle == '2'


def test_domid_and_domname(dom0, guest):
    domid = dom0.ok(f'xl domid {guest}')
    assert int(domid) > 0 and dom0.ok(f'xl domname {domid}') == guest


def test_listed(dom0, guest):
    row = dom0.ok(f'xl list {guest}').splitlines()[1].split()
    assert row[0] == guest and row[2:4] == ['128', '2']
    text = dom0.ok(f'xl list -l {guest}')
    # libxl may warn first of a device that another test detached
    assert json.loads(text[text.index('['):])[0]['config']['b_info']['max_vcpus'] == 2


def test_console(dom0, guest):
    """xl console on a terminal: what is typed reaches the guest, what it writes is shown, Ctrl-] leaves."""
    number = dom0.send_command(f'xl console {guest} < /dev/hvc0 > /dev/hvc0', 60)
    dom0.expect('GUEST READY|@end', 20)  # what the guest wrote before
    dom0.send('run k1 echo from-$((6*7))\n')
    dom0.expect('from-42', 20)
    dom0.send('\x1d')
    assert dom0.finish(number, 20).status == 0


def test_pause_and_unpause(dom0, guest):
    dom0.ok(f'xl pause {guest}')
    assert 'p' in dom0.ok(f'dom_state {guest}')
    assert dom0.run(f'in_guest {guest} true 2', 20).status == 98
    dom0.ok(f'xl unpause {guest}')
    assert 'p' not in dom0.ok(f'dom_state {guest}')
    dom0.ok(f'in_guest {guest} true')


def test_rename(dom0, guest):
    dom0.ok(f'xl rename {guest} other-name; xl domid other-name')
    assert dom0.run(f'xl domid {guest}').status != 0
    dom0.ok(f'xl rename other-name {guest}; xl domid {guest}')


def test_uptime(dom0, guest):
    assert re.search(rf'^{guest} +\d+ +0:\d\d:\d\d', dom0.ok(f'xl uptime {guest}'), re.M)


def test_vcpu_list(dom0, guest):
    rows = [r.split() for r in dom0.ok(f'xl vcpu-list {guest}').splitlines()[1:]]
    assert [r[2] for r in rows] == ['0', '1'] and all(float(r[5]) > 0 for r in rows)


def test_vcpu_pin(dom0, guest):
    dom0.ok(f'xl vcpu-pin {guest} 0 1; xl vcpu-pin {guest} 1 0')
    rows = [r.split() for r in dom0.ok(f'xl vcpu-list {guest}').splitlines()[1:]]
    assert [r[6] for r in rows] == ['1', '0']
    dom0.ok(f'in_guest {guest} "taskset -c 0 md5sum /bin/busybox"')
    assert dom0.ok(f'xl vcpu-list {guest}').splitlines()[1].split()[3] == '1'
    dom0.ok(f'xl vcpu-pin {guest} all all; in_guest {guest} true')


def test_vcpu_set(dom0, guest):
    dom0.ok(f'xl vcpu-set {guest} 1; within 20 sh -c ". /lib/zendo.sh; in_guest {guest} \'test \\$(nproc) = 1\'"', 40)
    dom0.ok(f'xl vcpu-set {guest} 2; within 20 sh -c ". /lib/zendo.sh; in_guest {guest} \'echo 1 > /sys/devices/system/cpu/cpu1/online; '
            'test \\$(nproc) = 2\'"', 40)


def test_mem_set(dom0, guest):
    dom0.ok(f'xl mem-set {guest} 112; within 30 sh -c ". /lib/zendo.sh; test \\$(dom_mem {guest}) = 112"', 40)
    dom0.ok(f'in_guest {guest} true')
    dom0.ok(f'xl mem-set {guest} 128; within 30 sh -c ". /lib/zendo.sh; test \\$(dom_mem {guest}) -ge 127"', 40)


def test_mem_max(dom0, guest):
    dom0.ok(f'xl mem-max {guest} 160')
    assert dom0.ok(f'xenstore-read /local/domain/$(xl domid {guest})/memory/static-max') == str(160 * 1024)
    dom0.ok(f'xl mem-max {guest} 128; in_guest {guest} true')


def test_sysrq(dom0, guest):
    dom0.ok(f'xl sysrq {guest} h')
    await_line(dom0, guest, 'sysrq: HELP', 20)


def test_trigger_nmi(dom0, guest):
    dom0.ok(f'in_guest {guest} "dmesg -c > /dev/null"')
    dom0.ok(f'xl trigger {guest} nmi 0')
    dom0.ok(f'within 20 sh -c ". /lib/zendo.sh; in_guest {guest} \'dmesg | grep -qi nmi\'"', 40)


def test_xentop_shows_it(dom0, guest):
    assert re.search(rf'^ *{guest} .* 13[12]\d\d\d ', dom0.ok('xentop -b -i 1'), re.M)


def test_clock_agrees_with_dom0(dom0, guest):
    """Over more than 10 s the guest's clock advances as dom0's does to 1 %, also across a pause."""
    d0, g0, window0 = map(float, dom0.ok(f'clock_pair {guest}', 40).split())
    dom0.ok(f'usleep 4000000; xl pause {guest}; usleep 2000000; xl unpause {guest}; usleep 6000000', 40)
    d1, g1, window1 = map(float, dom0.ok(f'clock_pair {guest}', 40).split())
    assert abs((g1 - g0) - (d1 - d0)) <= 0.01 * (d1 - d0) + window0 + window1, f'guest {g1 - g0:.2f} s, dom0 {d1 - d0:.2f} s'


def test_clock_agrees_under_load(dom0, guest):
    """Both of the guest's vCPUs and both of dom0's compute all the time: three of every four wait."""
    burn = 'for i in 1 2; do (while :; do :; done) & echo $! >> /tmp/burn; done'
    stop = 'kill $(cat /tmp/burn); rm /tmp/burn'
    dom0.ok(f"in_guest {guest} '{burn}'; {burn}", 40)
    try:
        d0, g0, window0 = map(float, dom0.ok(f'clock_pair {guest}', 60).split())
        dom0.ok('usleep 10000000', 40)
        d1, g1, window1 = map(float, dom0.ok(f'clock_pair {guest}', 60).split())
    finally:
        dom0.ok(f"{stop}; in_guest {guest} '{stop}'", 60)
    assert abs((g1 - g0) - (d1 - d0)) <= 0.01 * (d1 - d0) + window0 + window1, f'guest {g1 - g0:.2f} s, dom0 {d1 - d0:.2f} s'


# --- lives and deaths: each with a guest of its own -------------------------------------------------------------------------------
def test_created_paused(dom0, kind):
    create(dom0, 'paused', kind, flags='-q -p')
    assert 'p' in dom0.ok('dom_state paused')
    dom0.ok('! glog_has paused "GUEST UP"; xl unpause paused')
    await_line(dom0, 'paused', 'GUEST UP', 60)


def test_shutdown(dom0, kind):
    """xl asks, the guest's kernel runs its poweroff; -w waits until the domain is gone."""
    create(dom0, 'down', kind, args='job=stay')
    await_line(dom0, 'down', 'GUEST READY')
    dom0.ok('xl shutdown -w down', 60)
    assert dom0.run('xl domid down').status != 0
    dom0.ok('glog_has down "GUEST OBEYS poweroff"')


def test_reboot(dom0, kind):
    """The same through xl reboot: the name comes back as a new domain."""
    create(dom0, 'anew', kind, args='job=stay')
    await_line(dom0, 'anew', 'GUEST READY')
    first = dom0.ok('xl domid anew; xl reboot anew').split()[0]
    dom0.ok('within 100 glog_times anew GUEST.READY 2', 110)
    dom0.ok('glog_has anew "GUEST OBEYS reboot"')
    assert int(dom0.ok('within 20 quietly xl domid anew; xl domid anew')) > int(first)
    dom0.ok('xl destroy anew; gone anew 20', 40)


def test_create_with_its_console(dom0, kind):
    """xl create -c: the console is this terminal from the first line on; Ctrl-] leaves, and the guest runs on."""
    number = dom0.send_command(f'KERNEL=/vmlinux-cloud; xl create -c $(cfg seen {kind} 128 1 job=stay) < /dev/hvc0 > /dev/hvc0', 90)
    dom0.expect('GUEST READY', 60)
    dom0.send('run k1 echo from-$((6*7))\n')
    dom0.expect('from-42', 20)
    dom0.send('\x1d')
    assert dom0.finish(number, 20).status == 0
    dom0.ok('in_guest seen true; xl destroy seen; gone seen 20', 40)


def test_more_memory_later(dom0, kind):
    """memory < maxmem (populate on demand for PVH): the guest comes up with less than it was told of, and can be given the rest and asked for it back."""
    create(dom0, 'pod', kind, 128, 1, 'job=stay', 'maxmem=256')
    await_line(dom0, 'pod', 'GUEST READY', 90)
    assert 126 <= int(dom0.ok('dom_mem pod')) <= 130
    for size in (192, 144):
        dom0.ok(f'xl mem-set pod {size}; within 30 sh -c ". /lib/zendo.sh; m=\\$(dom_mem pod); '
                f'[ \\$m -ge {size - 2} ] && [ \\$m -le {size + 2} ]"', 40)
        dom0.ok('in_guest pod "dd if=/dev/zero of=/tmp/fill bs=1M count=20 && md5sum /tmp/fill && rm /tmp/fill"', 40)
    dom0.ok('xl destroy pod; gone pod 20', 40)


def test_dump_core(dom0, pool):
    """An ELF file with the guest's memory; the guest does not notice. PV only: of a PVH guest libxc asks for a million pages that are not there, one by one."""
    guest = pool.guest('pv')
    assert dom0.ok(f'xl dump-core {guest} /tmp/core && head -c 4 /tmp/core | tail -c 3; s=$(stat -c %s /tmp/core); rm /tmp/core; '
                   'test $s -gt 130000000', 60).strip().endswith('ELF')
    dom0.ok(f'in_guest {guest} true')


def test_save_is_whole_or_harmless(dom0, kind):
    """A guest that is saved can be restored; where that is not supported xl says so and the guest goes on."""
    create(dom0, 'saved', kind, args='job=stay')
    await_line(dom0, 'saved', 'GUEST READY')
    r = dom0.run('xl save saved /tmp/saved', 90)
    if r.status == 0:
        dom0.ok('! xl domid saved && xl restore /tmp/saved', 90)
    else:
        assert 'rror' in r.out or 'ailed' in r.out
    answer = dom0.run('in_guest saved "echo alive"', 40)
    assert answer.out.endswith('alive'), f'save: {r}\nafterwards: {answer}\n' + dom0.run('glog saved | tail; xl list').out
    dom0.ok('rm -f /tmp/saved; xl destroy saved; gone saved 20', 40)


# What xl's rename-restart makes of a name: the time is added.
RENAMED = '^{}-[0-9]{{8}}T[0-9]{{4}}Z '


@pytest.mark.parametrize('action', ['rename-restart', 'preserve'])
def test_on_poweroff(dom0, action):
    """What xl does when the guest switches itself off, as its configuration says."""
    create(dom0, 'ends', 'pv', 128, 1, '', f'on_poweroff="{action}"')
    await_line(dom0, 'ends', 'GUEST DONE')
    after = {'rename-restart': f'xl list | grep -qE "{RENAMED.format("ends")}" && xl domid ends',
             'preserve': 'dom_state ends | grep -q "s"'}[action]
    dom0.ok("cat > /tmp/after <<'E'\n. /lib/zendo.sh\n" + after + '\nE\nwithin 60 quietly sh /tmp/after', 70)
    dom0.ok('destroy_named ends')


@pytest.mark.parametrize('action', ['coredump-destroy', 'rename-restart'])
def test_on_crash(dom0, action):
    dom0.ok('rm -rf /var/lib/xen/dump; mkdir -p /var/lib/xen/dump')
    create(dom0, 'dies', 'pv', 80, 1, 'job=crash', f'on_crash="{action}"')
    after = {'coredump-destroy': 'no_domain dies', 'rename-restart': f'xl list | grep -qE "{RENAMED.format("dies")}"'}[action]
    dom0.ok("cat > /tmp/after <<'E'\n. /lib/zendo.sh\n" + after + '\nE\nwithin 90 quietly sh /tmp/after', 100)
    if action.startswith('coredump'):
        dom0.ok('test $(stat -c %s $(ls /var/lib/xen/dump/* | head -1)) -gt 80000000')
    dom0.ok('destroy_named dies; rm -rf /var/lib/xen/dump', 40)


def test_power_off_from_inside(dom0, kind):
    create(dom0, 'off', kind)
    await_line(dom0, 'off', 'GUEST DONE')
    dom0.ok('gone off 30', 40)


def test_reboot_from_inside(dom0, kind):
    """The same name comes back as a new domain."""
    create(dom0, 'again', kind, 128, 1, 'end=reboot', flags='-q -p')
    first = dom0.ok('xl domid again && xl unpause again')
    dom0.ok('within 100 glog_times again GUEST.UP 2', 110)
    assert int(dom0.ok('within 20 quietly xl domid again; xl domid again')) > int(first)
    dom0.ok('destroy_named again', 30)


def test_crash_destroys(dom0, kind):
    create(dom0, 'crash', kind, 128, 1, 'job=crash')
    dom0.ok('gone crash 60', 70)
    assert 'crash' not in dom0.ok('xl list | tail -n +2')


def test_crash_is_preserved_when_asked(dom0, kind):
    create(dom0, 'kept', kind, 128, 1, 'job=crash', 'on_crash="preserve"')
    dom0.ok('within 60 sh -c ". /lib/zendo.sh; dom_state kept | grep -q c"', 70)
    dom0.ok('xl destroy kept; gone kept 20')


def test_destroyed_in_the_middle_of_its_boot(dom0, kind):
    create(dom0, 'mid', kind, 128, 2)
    dom0.ok('usleep 1500000; xl destroy mid; gone mid 20', 40)
    assert dom0.ok('xl list | wc -l')


def test_destroyed_while_it_spins(dom0, kind):
    create(dom0, 'spin', kind, 128, 2, 'job=burn')
    await_line(dom0, 'spin', 'BURN START')
    dom0.ok('xl destroy spin; gone spin 20', 40)


@pytest.mark.long
def test_one_vcpu_and_96_mib(dom0, kind):
    """About as little as Debian's kernel needs: it is 58 MiB large and starts at 16 MiB."""
    create(dom0, 'small', kind, 96, 1)
    await_line(dom0, 'small', 'GUEST UP')


@pytest.mark.long
def test_more_vcpus_than_cpus(dom0, kind):
    create(dom0, 'wide', kind, 192, 8)
    await_line(dom0, 'wide', 'GUEST UP cpus=8', 150)
    dom0.ok('gone wide 60', 70)


@pytest.mark.long
def test_two_gib(dom0, kind):
    create(dom0, 'large', kind, 2048, 2)
    await_line(dom0, 'large', 'GUEST UP', 120)
    kib = int(re.search(r'mem=(\d+)', dom0.ok('glog large | grep "GUEST UP"')).group(1))
    assert 1900 * 1024 < kib <= 2048 * 1024
