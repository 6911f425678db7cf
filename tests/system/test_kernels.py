# SPDX-License-Identifier: GPL-2.0-or-later
"""Other kernels of Debian's than the usual one, and a whole Debian: in `make test-long` only, but for the cloud kernel."""
import pytest

import image
from bare_machine import BareMachine
from test_guest import await_line, create


@pytest.mark.xl
def test_cloud_kernel(dom0, kind):
    """The cloud kernel (lz4) with about as little memory as it needs: with 80 MiB one boot of some twenty runs out of it while the initrd is unpacked."""
    create(dom0, 'cloud', kind, 88, 1, kernel='/vmlinuz-cloud')
    await_line(dom0, 'cloud', f'GUEST UP .*mode={kind.upper()}')


@pytest.mark.extra
@pytest.mark.xl
def test_real_time_kernel(dom0, kind):
    """A guest's only: as dom0 it hangs in its boot, on Debian's Xen too."""
    with open(image.other_kernel('rt')[0], 'rb') as f:
        dom0.put('/tmp/vmlinuz-rt', f.read())
    create(dom0, 'rt', kind, 192, 2, kernel='/tmp/vmlinuz-rt')
    await_line(dom0, 'rt', f'GUEST UP cpus=2 .*mode={kind.upper()}', 120)


@pytest.mark.extra
@pytest.mark.xl
def test_whole_debian(new_machine, kind):
    """A Debian root file system on a disk, systemd to the login prompt, a session; xl reboot and xl shutdown are obeyed."""
    m = new_machine(files=image.guest_kernels(), qemu=['-drive', f'file={image.debian_root()},format=raw,if=virtio,snapshot=on']).start_tools()
    create(m, 'debian', kind, 512, 2, 'job=root', 'disk=["format=raw,vdev=xvda,access=rw,target=/dev/vdb"]', kernel='/vmlinux')

    def types(text):
        m.ok(f"printf '{text}\\n' > $(xenstore-read /local/domain/$(xl domid debian)/console/tty)")

    await_line(m, 'debian', 'login:', 300)
    types('root')
    await_line(m, 'debian', 'root@', 60)
    types('. /etc/os-release; echo ID=$ID-$VERSION_ID; systemctl is-system-running --wait; echo N=$(nproc)')
    await_line(m, 'debian', 'ID=debian-12', 60)
    await_line(m, 'debian', '^running\\|^degraded', 120)
    await_line(m, 'debian', '^N=2', 30)
    old = m.ok('xl domid debian').strip()
    m.ok('rm /var/log/xen/guest-debian.log; killall -HUP xenconsoled; xl reboot debian', 60)
    m.ok(f"within 120 sh -c 'id=$(xl domid debian 2>/dev/null) && [ $id != {old} ]'", 140)  # in between there is none of that name
    await_line(m, 'debian', 'login:', 400)
    m.ok('xl shutdown -w debian && gone debian 60', 270)  # xl's process that watches it destroys it once it has shut down


@pytest.mark.extra
def test_debian_as_dom0(hv):
    """Debian as people install it, with systemd and the stock services, is the first domain: nothing fails, xl makes a guest of each kind, power off is
    obeyed."""
    if hv == 'xen':
        hv = image.debian_xen()
    files = image.debian_dom0()
    disk = f'file={files}/root.img,if=virtio,format=raw,snapshot=on'
    with BareMachine(hv, f'{files}/vmlinuz root=/dev/vda ro console=hvc0,{files}/initrd.img', 'debian-as-dom0', smp=2, mem=4096, accel='tcg,thread=multi',
                     hv_args='dom0_mem=1536M', qemu=['-machine', 'q35', '-drive', disk]) as m:
        def asks(command, answer, seconds=60):
            after = len(m.text)
            m.type(command + '\n')
            m.expect(answer, seconds, after)

        m.expect('login: $', 400)
        asks('root', '# $')
        asks('systemctl is-system-running --wait; systemctl --failed', 'running\\n(.*\\n)*.*0 loaded units', 120)
        asks('xl list', '^Domain-0 +0 +1536 +2')
        asks('cat /proc/*/comm', '^oxenstored')
        for kind in ('pv', 'pvh'):
            asks(f"xl create -c /root/guest.cfg 'type=\"{kind}\"'", 'initramfs. *$', 240)
            asks('cat /sys/hypervisor/guest_type', f'^{kind.upper()}$')
            asks('poweroff -f', 'reboot: (System halted|Power down)(.*\\n)*.*# $', 60)
        asks('poweroff', 'reboot: Power down', 300)
