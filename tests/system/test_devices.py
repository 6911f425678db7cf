# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks by blkback/blkfront and networks by netback/netfront, with the data checked on both sides."""
import pytest

from test_guest import await_line, create

pytestmark = [pytest.mark.xl, pytest.mark.dev]
DISK = 'dd if=/dev/zero of=/tmp/{0}.img bs=1M count=32 2>/dev/null; mkfs.ext4 -q -F /tmp/{0}.img'
BRIDGE = 'ip link show xenbr0 >/dev/null 2>&1 || { ip link add xenbr0 type bridge; ip addr add 10.9.0.1/24 dev xenbr0; ip link set xenbr0 up; }'


def test_disk(dom0, kind):
    """ext4 written, synced, remounted and checksummed by the guest; clean for dom0 afterwards."""
    dom0.ok(DISK.format('d'), 60)
    create(dom0, 'disk', kind, 128, 1, 'job=disk', 'disk=["format=raw,vdev=xvda,access=rw,target=/tmp/d.img"]', kernel='/vmlinux')
    await_line(dom0, 'disk', 'DISK ', 90)
    assert 'DISK OK' in dom0.ok('glog disk')
    dom0.ok('gone disk 30; e2fsck -fn /tmp/d.img', 60)


def test_block_attach_list_detach(dom0, guest):
    dom0.ok(DISK.format('e'), 60)
    dom0.ok(f'xl block-attach {guest} "format=raw,vdev=xvdb,access=rw,target=/tmp/e.img"', 60)
    assert '51728' in dom0.ok(f'xl block-list {guest}')
    dom0.ok(f'in_guest {guest} "mods ext4; mount -t ext4 /dev/xvdb /mnt && echo kept > /mnt/f && umount /mnt"', 60)
    dom0.ok(f'xl block-detach {guest} xvdb', 60)
    assert '51728' not in dom0.ok(f'xl block-list {guest}')
    dom0.ok('mods more; mkdir -p /tmp/m; mount -o loop /tmp/e.img /tmp/m; grep kept /tmp/m/f; umount /tmp/m')


def test_network_attach_list_detach(dom0, guest):
    dom0.ok(BRIDGE)
    dom0.ok(f'xl network-attach {guest} bridge=xenbr0 mac=00:16:3e:01:02:03', 60)
    assert '00:16:3e:01:02:03' in dom0.ok(f'xl network-list {guest}')
    dom0.ok(f'in_guest {guest} "ip link set eth0 up; ip addr add 10.9.0.9/24 dev eth0; ping -c 3 -W 5 10.9.0.1"', 60)
    dom0.ok(f'xl network-detach {guest} 00:16:3e:01:02:03', 60)
    assert '00:16:3e:01:02:03' not in dom0.ok(f'xl network-list {guest}')
