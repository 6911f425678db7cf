# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that are not 64-bit Linux from their first instruction: Debian's GRUB as PV and as (32-bit) PVH guest, and its 32-bit kernel as PVH guest."""
import pytest

import image
from machine import Machine
from test_guest import await_line

pytestmark = [pytest.mark.xl]

# A disk as GRUB looks for it; the kernel and initrd are those of every other guest. ARGS: the kernel's arguments.
BOOT_DISK = """
mkdir -p /tmp/b/boot/grub && cp /vmlinuz /guest.img /tmp/b/ &&
printf 'linux /vmlinuz console=hvc0 quiet panic=-1 job=stay\\ninitrd /guest.img\\nboot\\n' > /tmp/b/boot/grub/grub.cfg &&
mkfs.ext4 -q -t ext2 -d /tmp/b /tmp/boot.img 48M && rm -r /tmp/b"""
CFG = """name="{name}"
type="{kind}"
memory={memory}
vcpus={vcpus}
kernel="/loaders/{kernel}"
disk=["format=raw,vdev=xvda,access=rw,target=/tmp/{disk}.img"]
on_crash="destroy"
{more}
"""


@pytest.fixture(scope='module')
def loaders(pool):
    with Machine(pool.hv, 'loaders', archives=[image.loaders_archive()]) as m:
        m.boot()
        yield m.start_tools()


def start(m, name, **settings):
    text = CFG.format(name=name, **{'more': '', **settings})
    m.ok(f"cat > /tmp/{name}.cfg <<'EOF'\n{text}EOF\nrm -f /var/log/xen/guest-{name}.log; xl create -q /tmp/{name}.cfg", 90)


def test_grub_boots_linux(loaders, kind):
    """GRUB finds its configuration on the guest's disk and starts Debian's kernel, which then answers on its console."""
    m, name = loaders, 'grub-' + kind
    m.ok(f'[ -s /tmp/boot.img ] || {{ {BOOT_DISK.strip()}; }}', 60)
    start(m, name, kind=kind, memory=256, vcpus=2, kernel=name, disk='boot')
    await_line(m, name, 'GUEST READY', 240)
    assert m.ok(f'in_guest {name} "cat /proc/cmdline"', 60).strip().endswith('console=hvc0 quiet panic=-1 job=stay')
    assert 'cpus=2' in m.ok(f'glog {name} | grep "GUEST UP"')
    m.ok(f'xl destroy {name}', 30)


@pytest.mark.parametrize('vcpus', [1, 2])
def test_32bit_linux(loaders, vcpus):
    """The 686 kernel reaches userspace with its processors and reads its disk as it is."""
    m, name = loaders, f'linux32-{vcpus}'
    m.ok('[ -s /tmp/d.img ] || dd if=/dev/urandom of=/tmp/d.img bs=64k count=64 2>/dev/null')
    start(m, name, kind='pvh', memory=192, vcpus=vcpus, kernel='vmlinuz-686', disk='d',
          more='ramdisk="/loaders/initrd-686"\nextra="console=hvc0 quiet panic=-1"')
    await_line(m, name, 'GUEST32 ', 180)
    line = m.ok(f'glog {name} | grep GUEST32')
    assert f'i686 cpus={vcpus} hv=xen mode=PVH disk=' + m.ok('md5sum < /tmp/d.img').split()[0] in line
    m.ok(f'gone {name} 30', 40)
