# SPDX-License-Identifier: GPL-2.0-or-later
"""dom0 itself: the hypervisor starts, Debian's kernel comes up, its devices work, the machine goes down."""
import hashlib
import os
import re

import pytest


@pytest.mark.quick
def test_boots_to_userspace(bare):
    assert bare.ok('cat /sys/hypervisor/type') == 'xen'
    assert bare.ok('cat /sys/hypervisor/guest_type') == 'PV'


@pytest.mark.quick
def test_agent_hears_of_no_orphans(bare):
    """The first process does, and a shell that hears of something while it writes loses the line: these tests' command channel hung by it."""
    assert 'agent' not in bare.ok("tr '\\0' ' ' < /proc/1/cmdline")
    assert int(bare.ok('pidof agent')) > 1


@pytest.mark.quick
def test_version_is_4_17(bare):
    assert bare.ok('cat /sys/hypervisor/version/major /sys/hypervisor/version/minor').split() == ['4', '17']


@pytest.mark.quick
def test_all_cpus_are_up(bare):
    assert bare.ok('nproc') == '2'
    # both run at the same time: each spins for itself and is seen in user time
    bare.ok('for c in 0 1; do taskset -c $c sh -c "i=0; while [ \\$i -lt 20000 ]; do i=\\$((i+1)); done" & done; wait', 60)


def test_memory_is_what_was_asked(bare):
    kib = int(bare.ok("awk '/MemTotal/{print $2}' /proc/meminfo"))
    assert 1280 * 1024 < kib <= 1536 * 1024


def test_console_takes_input(bare):
    text = 'x' * 700
    assert bare.ok(f'echo {text}') == text


def test_clock_runs(bare):
    a, b = map(float, bare.ok('uptime_s; usleep 2000000; uptime_s').split())
    assert 1.95 <= b - a <= 3.0


def test_kernel_sees_no_trouble(bare):
    log = bare.ok('dmesg')
    for bad in ('BUG:', 'Oops', 'WARNING: CPU', 'soft lockup', 'rcu_sched detected stalls', 'Call Trace'):
        assert bad not in log, log[-3000:]


@pytest.mark.dev
def test_disk_keeps_data(bare):
    """virtio disk: written by dom0, seen by QEMU on the host; read back from the device."""
    out = bare.ok('dd if=/dev/urandom of=/tmp/r bs=64k count=32 2>/dev/null; dd if=/tmp/r of=/dev/vda bs=64k conv=fsync 2>/dev/null; '
                  'echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/vda bs=64k count=32 2>/dev/null | cmp - /tmp/r && md5sum < /tmp/r')
    assert hashlib.md5(bare.disk_bytes(0, 32 * 65536)).hexdigest() == out.split()[0]


@pytest.mark.dev
def test_disk_interrupts_by_msi(bare):
    bare.ok('dd if=/dev/vda of=/dev/null bs=64k count=16 2>/dev/null')
    assert re.search(r'-msi(-x)?\b.*virtio', bare.ok('cat /proc/interrupts')), bare.ok('cat /proc/interrupts')


def last_cpu_of_interrupts(machine):
    """{(kind, vector): (pCPU it is sent to, how many came, pCPU of the last)} by debug key i."""
    start = len(machine.console.hv_lines)
    machine.ok('xl debug-keys i')
    machine.expect_hv(r"Debug key 'i'", 20)
    lines = machine.console.hv_lines[start:]
    return {(m.group(2), m.group(1)): tuple(map(int, m.groups()[2:]))
            for m in (re.match(r'  vector (0x\w+): (MSI|GSI \d+).* to CPU (\d+); (\d+) came, the last to CPU (\d+)', line) for line in lines) if m}


@pytest.mark.dev
@pytest.mark.zendo
@pytest.mark.parametrize('device,work', [
    ('virtio.*req', 'echo 3 > /proc/sys/vm/drop_caches; taskset -c 0 dd if=/dev/vda of=/dev/null bs=64k count=8 2>/dev/null'),  # MSI-X; vCPU 0's queue
    ('eth0', 'ip link set eth0 up; ip addr replace 10.0.2.15/24 dev eth0; within 20 quietly ping -c1 -W1 10.0.2.2')])  # a level-triggered line
def test_interrupts_follow_their_affinity(dom0, device, work):
    """dom0 moves an interrupt between its vCPUs, each pinned to a pCPU of its own: the hardware then sends it to that pCPU, and none is lost."""
    dom0.ok('xl vcpu-pin 0 0 0 && xl vcpu-pin 0 1 1')
    dom0.ok(work, 40)
    irq = dom0.ok(f"awk '/{device}/{{sub(\":\", \"\", $1); print $1; exit}}' /proc/interrupts")
    try:
        for cpu in (1, 0, 1):
            dom0.ok(f'echo {cpu} > /proc/irq/{irq}/smp_affinity_list')
            before = last_cpu_of_interrupts(dom0)
            dom0.ok(f'for i in 1 2 3 4; do {work}; done', 60)
            after = last_cpu_of_interrupts(dom0)
            moved = [k for k in after if after[k][1] > before[k][1] and after[k][0] == after[k][2] == cpu]
            assert any(('MSI' == k[0]) == ('virtio' in device) for k in moved), (cpu, before, after)
    finally:
        dom0.ok('xl vcpu-pin 0 0 all && xl vcpu-pin 0 1 all')


@pytest.mark.dev
def test_network_card_answers(bare):
    """e1000 by INTx: ping the gateway that QEMU makes."""
    bare.ok('ip link set eth0 up; ip addr replace 10.0.2.15/24 dev eth0; within 20 quietly ping -c1 -W1 10.0.2.2; '
            'ping -c 5 -i 0.2 10.0.2.2 | grep " 0% packet loss"', 60)
    assert 'eth0' in bare.ok('cat /proc/interrupts')


@pytest.mark.quick
def test_power_off(new_machine):
    """Of a machine whose dom0 is the kernel as Debian's package has it, a bzImage with an xz payload."""
    m = new_machine(smp=1, mem=2048, dom0_mem=768, unpacked=False)
    assert m.ok('nproc') == '1'
    m.power_off()


@pytest.mark.long
def test_reboot_of_the_machine(new_machine):
    m = new_machine(smp=4, mem=3072, dom0_mem=768, dom0_vcpus=2)
    assert m.ok('nproc') == '2'
    m.send_command('sync; reboot -f')
    m.wait_exit(60)


@pytest.mark.long
def test_dom0_crash_is_reported(new_machine):
    m = new_machine(mem=2048, dom0_mem=768)
    m.send_command('echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger')
    m.expect(r'Kernel panic - not syncing', 60, ignore_panic=True)
    m.expect_hv(r'(?i)dom(ain)?[- ]?0 crashed', 60, ignore_panic=True)


@pytest.mark.long
@pytest.mark.dev
def test_disk_without_msi(new_machine):
    m = new_machine(mem=2048, dom0_mem=768, dom0_args='pci=nomsi')
    m.ok('dd if=/dev/urandom of=/tmp/r bs=64k count=16 2>/dev/null; dd if=/tmp/r of=/dev/vda bs=64k conv=fsync 2>/dev/null; '
         'echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/vda bs=64k count=16 2>/dev/null | cmp - /tmp/r')
    assert not re.search(r'-msi', m.ok('cat /proc/interrupts'))


@pytest.mark.long
@pytest.mark.dev
def test_q35_with_many_devices(new_machine, tmp_path):
    """Each disk and network card that a QEMU machine has for dom0's drivers: data written and read back, a gateway that answers."""
    disks = {'sda': 'ide-hd,drive=sda,bus=ide.2', 'sdb': 'virtio-scsi-pci', 'nvme0n1': 'nvme,drive=nvme0n1,serial=1'}
    qemu = []
    for name, device in disks.items():
        with open(tmp_path / name, 'wb') as f:
            f.truncate(32 << 20)
        qemu += ['-drive', f'file={tmp_path / name},format=raw,if=none,id={name}', '-device', device]
    qemu += ['-device', 'scsi-hd,drive=sdb']
    for i, card in enumerate(('e1000e', 'virtio-net-pci')):
        qemu += ['-netdev', f'user,id=n{i},net=10.{i + 5}.0.0/24,restrict=on', '-device', f'{card},netdev=n{i},mac=52:54:00:00:00:0{i + 5}']
    m = new_machine(machine='q35', mem=2048, dom0_mem=768, qemu=qemu)
    m.ok('mods more')
    written = set()
    for name in disks:
        m.ok(f'within 20 test -b /dev/{name}; dd if=/dev/urandom of=/tmp/r bs=64k count=16 2>/dev/null; '
             f'dd if=/tmp/r of=/dev/{name} bs=64k conv=fsync 2>/dev/null; echo 3 > /proc/sys/vm/drop_caches; '
             f'dd if=/dev/{name} bs=64k count=16 2>/dev/null | cmp - /tmp/r')
        written.add(m.ok('md5sum < /tmp/r').split()[0])
    # dom0 may name sda what is sdb here
    assert {hashlib.md5((tmp_path / name).read_bytes()[:16 * 65536]).hexdigest() for name in disks} == written, 'on the host'
    for i in range(2):
        m.ok(f'card=$(basename $(dirname $(grep -il 52:54:00:00:00:0{i + 5} /sys/class/net/*/address))); ip link set $card up; '
             f'ip addr add 10.{i + 5}.0.15/24 dev $card; within 30 quietly ping -c1 -W1 10.{i + 5}.0.2; '
             f'ping -c 5 -i 0.2 10.{i + 5}.0.2 | grep " 0% packet loss"', 60)
    interrupts = m.ok('cat /proc/interrupts')
    # extended configuration space, by the window in memory: 4 KiB for PCI Express functions
    assert '4096' in m.ok('stat -c %s /sys/bus/pci/devices/*/config').split()
    assert re.search(r'-msi(-x)?\b.*nvme0q', interrupts) and re.search(r'-msi(-x)?\b.*ahci', interrupts), interrupts


@pytest.mark.long
def test_eight_cpus(new_machine):
    """dom0 with 8 vCPUs on 8 processors; all but one taken from it and given back."""
    m = new_machine(smp=8, mem=3072, dom0_mem=1024)
    assert m.ok('nproc') == '8'
    m.ok('for c in 1 2 3 4 5 6 7; do echo 0 > /sys/devices/system/cpu/cpu$c/online || exit 1; done', 120)
    assert m.ok('nproc') == '1'
    m.ok('for c in 1 2 3 4 5 6 7; do echo 1 > /sys/devices/system/cpu/cpu$c/online || exit 1; done', 120)
    assert m.ok('nproc') == '8'
    m.ok('for c in 0 1 2 3 4 5 6 7; do taskset -c $c sh -c "i=0; while [ \\$i -lt 500 ]; do i=\\$((i+1)); done" & done; wait', 60)
    assert len(set(re.findall(r'^cpu(\d)', m.ok('cat /proc/stat'), re.M))) == 8


@pytest.mark.long
@pytest.mark.parametrize('firmware', ['bios', 'efi'])
def test_grub_starts_debian(new_machine, firmware):
    """From a disc by GRUB and multiboot 2, the gzipped image and Debian's kernel as its package has it, to dom0's userspace."""
    m = new_machine(grub=firmware, mem=2048, dom0_mem=768)
    assert m.ok('cat /sys/hypervisor/guest_type; nproc').split() == ['PV', '2']
    m.power_off()
