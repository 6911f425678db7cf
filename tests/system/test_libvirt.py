# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's libvirt (driver libxl, connection xen:///system) and virsh: the life of a PV and a PVH guest."""
import re

import pytest

import image

pytestmark = [pytest.mark.xl, pytest.mark.long]
START = r'''
mkdir -p /etc/libvirt /run/libvirt /var/log/libvirt/libxl /var/lib/libvirt/libxl/save
echo 'root:x:0:0:root:/root:/bin/sh' > /etc/passwd; echo 'root:x:0:' > /etc/group
printf 'unix_sock_group="root"\nauth_unix_rw="none"\nauth_unix_ro="none"\nhost_uuid="11111111-2222-3333-4444-555555555566"\n' > /etc/libvirt/libvirtd.conf
libvirtd -d -p /run/libvirtd.pid && within 30 quietly virsh -c xen:///system version
'''
GUEST = '''<domain type="xen"><name>{name}</name><memory unit="MiB">128</memory><vcpu>2</vcpu>
<os><type arch="x86_64" machine="{machine}">{type}</type><kernel>/vmlinux-cloud</kernel><initrd>/guest.img</initrd>
<cmdline>console=hvc0 quiet panic=-1 job=stay</cmdline></os>
<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
<devices><console type="pty"><target type="xen" port="0"/></console></devices></domain>'''
TYPES = {'pv': ('xenpv', 'linux'), 'pvh': ('xenpvh', 'xenpvh')}


@pytest.fixture(scope='module')
def libvirt(hv):
    """A machine with libvirtd running; virsh needs no arguments to find it."""
    from machine import Machine
    with Machine(hv, 'libvirt', smp=2, files=image.guest_kernels(), archives=[image.libvirt_archive()]) as m:
        m.boot().start_tools()
        m.ok(START, 90)
        yield m


def virsh(m, command, deadline_s=60):
    return m.ok(f'export VIRSH_DEFAULT_CONNECT_URI=xen:///system; virsh -q {command}', deadline_s)


def test_host(libvirt):
    assert 'Xen' in virsh(libvirt, 'version')
    info = virsh(libvirt, 'nodeinfo')
    assert re.search(r'CPU\(s\): +2\b', info)
    caps = virsh(libvirt, 'capabilities')
    assert all(f"machine='{m}'" in caps or f'>{m}<' in caps for m in ('xenpv', 'xenpvh'))
    assert 'Domain-0' in virsh(libvirt, 'list')


@pytest.mark.parametrize('kind', ['pvh', 'pv'])
def test_life_of_a_guest(libvirt, kind):
    m, name = libvirt, 'lv-' + kind
    machine, os_type = TYPES[kind]
    m.ok(f"cat > /tmp/{name}.xml <<'E'\n{GUEST.format(name=name, machine=machine, type=os_type)}\nE")
    virsh(m, f'define /tmp/{name}.xml')
    assert re.search(rf'{name} +shut off', virsh(m, 'list --all'))
    virsh(m, f'start {name}', 90)
    m.ok(f'await {name} "GUEST READY" 90', 100)
    info = virsh(m, f'dominfo {name}')
    assert re.search(r'State: +running', info) and re.search(r'CPU\(s\): +2', info) and re.search(r'Used memory: +13\d{4} KiB', info)
    virsh(m, f'suspend {name}')
    assert 'p' in m.ok(f'dom_state {name}') and 'paused' in virsh(m, f'domstate {name}')
    virsh(m, f'resume {name}')
    m.ok(f'in_guest {name} true')
    number = m.send_command(f'virsh -c xen:///system console {name} < /dev/hvc0 > /dev/hvc0', 60)
    m.expect('Escape character', 20)
    m.expect('GUEST READY', 20)  # what the guest wrote before; now virsh has set up its terminal, which throws away what was typed until then
    m.send('run k1 echo from-$((6*7))\n')
    m.expect('from-42', 20)
    m.send('\x1d')
    assert m.finish(number, 20).status == 0
    assert virsh(m, f'vcpuinfo {name}').count('State:') == 2
    virsh(m, f'shutdown {name}')
    m.ok(f'gone {name} 40', 50)
    m.ok(f'within 20 sh -c "virsh -c xen:///system domstate {name} | grep -q \'shut off\'"', 30)
    virsh(m, f'start {name}', 90)
    virsh(m, f'destroy {name}')
    m.ok(f'gone {name} 20', 30)
    virsh(m, f'undefine {name}')
    assert name not in virsh(m, 'list --all')
