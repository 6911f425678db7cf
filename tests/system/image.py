# SPDX-License-Identifier: GPL-2.0-or-later
"""What a test machine boots, made from Debian's packages and kept in build/system-cache under a hash of what it was made from.

dom0_image() -> (kernel, initrd)    Debian's kernel and the initrd that image/mkroot.sh packs
vmlinux() -> path                   the same kernel, unpacked here: an emulated machine takes some seconds for it
other_kernel('cloud')               another of Debian's kernels; its package is downloaded and unpacked, not installed
debian_xen() -> path                Debian's own hypervisor, the oracle: likewise
debian_root() -> path               an ext4 file system with a small Debian and systemd, made by mmdebstrap
debian_dom0() -> directory          the same with Debian's kernel and Xen's tools: root.img, vmlinuz, initrd.img
libvirt_archive() -> path           libvirtd with its libxl driver and virsh, to append to the initrd; likewise only unpacked
loaders_archive() -> path           GRUB as PV and as PVH guest, and the 32-bit kernel with an initrd: /loaders in dom0
"""
import fcntl
import functools
import glob
import gzip
import hashlib
import lzma
import os
import re
import shutil
import struct
import subprocess
import tempfile

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..'))
HERE = os.path.join(ROOT, 'tests/system/image')
OVMF = '/usr/share/ovmf/OVMF.fd'
CACHE = os.path.join(ROOT, 'build/system-cache')
APT_SOURCES = [p for p in ('/etc/apt/sources.list', '/etc/apt/sources.list.d/debian.sources') if os.path.exists(p)]
PACKAGES = ['xen-utils-4.17', 'xenstore-utils', 'busybox-static', 'bash', 'iproute2', 'e2fsprogs', 'libc6', 'libxenmisc4.17']

LIBVIRT = ['libvirt-daemon', 'libvirt-daemon-driver-xen', 'libvirt-clients']
LIBVIRT_NOT = {'libvirt-daemon-driver-qemu', 'dmidecode'}  # they come with it and do nothing for Xen


class ImageError(Exception):
    """A package that the image needs is missing, or a step of making it failed."""


def debian_kernel():
    """(path, version, the directory that holds lib/modules) of Debian's usual amd64 kernel: the newest installed, else unpacked from its
    package, which is not installed: a machine's boot menu is left alone."""
    found = [p for p in glob.glob('/boot/vmlinuz-*-amd64') if re.search(r'-\d+-amd64$', p)]
    if found:
        best = max(found, key=lambda p: [int(n) for n in re.findall(r'\d+', p)])
        return best, os.path.basename(best)[len('vmlinuz-'):], '/'
    return _unpacked_kernel(_newest('linux-image-amd64'))


def _make(name, build):
    """build-cache/name, made once by build(directory) even when several processes ask."""
    os.makedirs(CACHE, exist_ok=True)
    final = os.path.join(CACHE, name)
    with open(os.path.join(CACHE, '.lock'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(final):
            work = tempfile.mkdtemp(prefix='new-', dir=CACHE)
            try:
                os.chmod(work, 0o755)
                build(work)
                os.rename(work, final)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    return final


def _run(cmd, **kw):
    p = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)
    if p.returncode != 0:
        raise ImageError(f'{" ".join(cmd)} failed:\n{p.stdout[-2000:]}')
    return p.stdout


def guest_kernels():
    """{path in dom0: content} for machines that start many guests: the usual kernel unpacked; the cloud kernel, which is smaller, as it is and unpacked."""
    cloud, version, _ = other_kernel('cloud')
    files = {'vmlinux': vmlinux(), 'vmlinuz-cloud': cloud, 'vmlinux-cloud': unpacked(cloud, version)}
    return {name: open(path, 'rb').read() for name, path in files.items()}


def unpack_bzimage(path):
    """The ELF file inside an x86 kernel whose payload is xz or lz4 (the boot protocol's header, offsets 0x1f1 and 0x248)."""
    with open(path, 'rb') as f:
        data = f.read()
    offset, length = struct.unpack_from('<II', data, 0x248)
    begin = ((data[0x1f1] or 4) + 1) * 512 + offset
    payload = data[begin:begin + length]
    if payload.startswith(b'\x02\x21\x4c\x18'):
        # behind lz4's last block stands the size, which lz4 takes for a block it does not know
        elf = subprocess.run(['lz4', '-dc'], input=payload[:-4], stdout=subprocess.PIPE, check=True).stdout
    else:
        elf = lzma.LZMADecompressor().decompress(payload)
    if not elf.startswith(b'\x7fELF'):
        raise ImageError(f'{path} holds no ELF file packed with xz or lz4')
    return elf


def vmlinux():
    kernel, version, _ = debian_kernel()
    return unpacked(kernel, version)


def unpacked(kernel, version):
    """The path of this kernel's ELF file."""
    with open(kernel, 'rb') as f:
        digest = hashlib.sha256(f.read()).hexdigest()[:16]

    def build(work):
        with open(work + '/vmlinux', 'wb') as f:
            f.write(unpack_bzimage(kernel))

    return _make(f'vmlinux-{version}-{digest}', build) + '/vmlinux'


def dom0_image():
    kernel, version, modules = debian_kernel()
    digest = hashlib.sha256(version.encode())
    digest.update(_run(['dpkg-query', '-W', '-f', '${Package} ${Version}\n', *PACKAGES]).encode())
    for path in sorted(glob.glob(HERE + '/*')):
        with open(path, 'rb') as f:
            digest.update(os.path.basename(path).encode() + f.read())

    def build(work):
        _run([HERE + '/mkroot.sh', kernel, version, work, modules])
        shutil.copy(kernel, work + '/vmlinuz')

    made = _make('dom0-' + digest.hexdigest()[:16], build)
    return made + '/vmlinuz', made + '/dom0.img'


def _package(name, into):
    """Unpack the files of one of Debian's packages, not installed, into a directory."""
    # apt's downloader runs as a user of its own that may not write here
    with tempfile.TemporaryDirectory() as t:
        os.chmod(t, 0o777)
        try:
            _run(['apt-get', 'download', '-qq', name], cwd=t)
        except ImageError:
            _run(['apt-get', 'update', '-qq'])
            _run(['apt-get', 'download', '-qq', name], cwd=t)
        _run(['dpkg', '-x', glob.glob(t + '/*.deb')[0], into])


@functools.lru_cache
def _newest(package):
    """The version that one of the packages linux-image-amd64, linux-image-cloud-amd64, ... stands for, as 6.1.0-13-cloud-amd64."""
    for attempt in range(2):
        m = re.search(r'Depends: linux-image-(\S+)', _run(['apt-cache', 'depends', package]))
        if m:
            return m.group(1)
        if not attempt:
            _run(['apt-get', 'update', '-qq'])
    raise ImageError(f'apt knows no {package}')


def _unpacked_kernel(version):
    def build(work):
        _package('linux-image-' + version, work)
        _run(['depmod', '-b', work, version])

    made = _make('linux-image-' + version, build)
    return f'{made}/boot/vmlinuz-{version}', version, made


def other_kernel(flavour):
    """As debian_kernel(), of the 'cloud' or 'rt' kernel."""
    return _unpacked_kernel(_newest(f'linux-image-{flavour}-amd64'))


def grub_disc(work, files, lines):
    """A disc for BIOS and EFI machines on which GRUB finds these files (name -> path) under /boot and runs these lines."""
    tree = work + '/disc'
    os.makedirs(tree + '/boot/grub')
    for name, path in files.items():
        shutil.copy(path, f'{tree}/boot/{name}')
    with open(tree + '/boot/grub/grub.cfg', 'w') as f:
        f.write('set timeout=0\nmenuentry zendo {\n' + '\n'.join(lines) + '\nset gfxpayload=text\nboot\n}\n')
    _run(['grub-mkrescue', '-o', tree + '.iso', tree])
    return tree + '.iso'


def debian_xen():
    have = glob.glob(CACHE + '/xen-*/xen')
    if have:
        return max(have, key=os.path.getmtime)

    def build(work):
        with tempfile.TemporaryDirectory() as t:
            _package('xen-hypervisor-4.17-amd64', t)
            with gzip.open(glob.glob(t + '/boot/xen-4.17-amd64.gz')[0]) as f, open(work + '/xen', 'wb') as out:
                shutil.copyfileobj(f, out)

    return _make('xen-4.17', build) + '/xen'


def libvirt_archive():
    have = glob.glob(CACHE + '/libvirt-*/libvirt.img')
    if have:
        return max(have, key=os.path.getmtime)

    def build(work):
        with tempfile.TemporaryDirectory() as t:
            os.chmod(t, 0o777)
            # what this machine lacks of it; the libraries that it has are taken from it
            plan = _run(['apt-get', 'install', '-s', '--no-install-recommends', *LIBVIRT])
            names = sorted({line.split()[1] for line in plan.splitlines() if line.startswith('Inst ')} - LIBVIRT_NOT)
            if names:
                _run(['apt-get', 'download', '-qq', *names], cwd=t)
            for deb in glob.glob(t + '/*.deb'):
                _run(['dpkg', '-x', deb, t + '/x'])
            with open(work + '/libvirt.img', 'wb') as out:
                out.write(cpio(_libvirt_files(t + '/x')))

    return _make('libvirt-9', build) + '/libvirt.img'


def _libvirt_files(root):
    """{path: bytes} of the programs, the driver, its data, and all libraries that they need, from root or else from this machine."""
    libs = 'usr/lib/x86_64-linux-gnu'
    driver = libs + '/libvirt/connection-driver/libvirt_driver_libxl.so'

    def find(path):
        return next(p for p in (os.path.join(root, path), '/' + path) if os.path.exists(p))

    need = {path: find(path) for path in ('usr/sbin/libvirtd', 'usr/bin/virsh', driver)}
    for path in list(need.values()):
        out = _run(['ldd', path], env=dict(os.environ, LD_LIBRARY_PATH=os.path.join(root, libs)))
        for m in re.finditer(r'=> (/\S+)', out):
            need[f'{libs}/{os.path.basename(m.group(1))}'] = m.group(1)
    for base, _, names in os.walk(os.path.dirname(find('usr/share/libvirt/cpu_map/index.xml'))):
        for name in names:
            need['usr/share/libvirt/' + os.path.relpath(os.path.join(base, name), os.path.dirname(base))] = os.path.join(base, name)
    files = {}
    for path, source in need.items():
        with open(source, 'rb') as f:
            files[path] = f.read()
    return files


def debian_root():
    """root has no password; nothing but what systemd and a login need is installed."""
    def build(work):
        tree = work + '/tree'
        _run(['mmdebstrap', '--quiet', '--variant=minbase', '--include=systemd-sysv,udev,iproute2,login', 'bookworm', tree, *APT_SOURCES])
        _run(['chroot', tree, 'passwd', '-d', 'root'])
        with open(tree + '/etc/fstab', 'w') as f:
            f.write('/dev/xvda / ext4 defaults 0 0\n')
        with open(work + '/root.img', 'wb') as f:
            f.truncate(768 << 20)
        _run(['mkfs.ext4', '-q', '-d', tree, work + '/root.img'])
        shutil.rmtree(tree)

    return _make('debian-root', build) + '/root.img'


def debian_dom0():
    """What someone has who installed Debian and its xen-utils: the stock services start oxenstored, xenconsoled and the rest."""
    def build(work):
        tree = work + '/tree'
        _run(['mmdebstrap', '--quiet', '--variant=minbase', '--include=systemd-sysv,udev,iproute2,login,kmod,linux-image-amd64,xen-utils-4.17',
              'bookworm', tree, *APT_SOURCES])
        _run(['chroot', tree, 'passwd', '-d', 'root'])
        with open(tree + '/etc/fstab', 'w') as f:
            f.write('/dev/vda / ext4 defaults 0 0\n')
        with open(tree + '/root/guest.cfg', 'w') as f:
            f.write('name="guest"\nkernel="/vmlinuz"\nramdisk="/initrd.img"\nmemory=512\nextra="console=hvc0 break=top"\n')
        for name in ('vmlinuz', 'initrd.img'):
            shutil.copy(glob.glob(f'{tree}/boot/{name}-*')[0], f'{work}/{name}')
        with open(work + '/root.img', 'wb') as f:
            f.truncate(2 << 30)
        _run(['mkfs.ext4', '-q', '-d', tree, work + '/root.img'])
        shutil.rmtree(tree)

    return _make('debian-dom0', build)


LOADERS_INIT = """#!/bin/busybox sh
# The first process of a 32-bit guest: what it sees, and its disk read through blkfront.
export PATH=/bin
/bin/busybox --install -s /bin
mkdir /proc /sys /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
insmod /xen-blkfront.ko
i=0
while [ ! -b /dev/xvda ] && [ $i -lt 100 ]; do sleep 0.2; i=$((i + 1)); done
echo "GUEST32 $(uname -m) cpus=$(grep -c ^processor /proc/cpuinfo) hv=$(cat /sys/hypervisor/type)" \\
    "mode=$(cat /sys/hypervisor/guest_type) disk=$(md5sum < /dev/xvda | cut -c1-32)"
poweroff -f
"""


def _i386_apt(directory):
    """Options with which apt knows another architecture's packages, by lists of its own: this machine's stay as they are."""
    return ['-o', 'APT::Architecture=i386', '-o', 'APT::Architectures=i386', '-o', f'Dir::State::lists={directory}/lists', '-o', 'Dir::Cache::pkgcache=',
            '-o', 'Dir::Cache::srcpkgcache=', '-o', 'Acquire::Languages=none']


def _unpack(directory, options, *packages):
    """Download packages, unpack their files under directory/x."""
    for package in packages:
        _run(['apt-get', 'download', '-qq', *options, package], cwd=directory)
    for deb in glob.glob(directory + '/*.deb'):
        _run(['dpkg', '-x', deb, directory + '/x'])
        os.remove(deb)


def _bytes(pattern):
    with open(glob.glob(pattern, recursive=True)[0], 'rb') as f:
        return f.read()


def loaders_archive():
    def build(work):
        with tempfile.TemporaryDirectory() as t:
            os.chmod(t, 0o777)
            os.makedirs(t + '/lists/partial')
            apt, files = _i386_apt(t), t + '/x'
            try:
                _run(['apt-get', 'update', '-qq', *apt])
            except ImageError:
                pass  # one index of several may be changing just now; what is not in the others fails below, by name
            meta = _run(['apt-cache', *apt, 'depends', '--important', 'linux-image-686-pae'])
            _unpack(t, [], 'grub-xen-host')
            _unpack(t, apt, 'busybox-static', re.search(r'Depends: (linux-image-\S+)', meta).group(1))
            initrd = cpio({'bin/busybox': _bytes(files + '/bin/busybox'), 'init': LOADERS_INIT,
                           'xen-blkfront.ko': _bytes(files + '/lib/modules/**/xen-blkfront.ko')})
            with open(work + '/loaders.img', 'wb') as out:
                out.write(cpio({'loaders/grub-pvh': _bytes(files + '/usr/lib/grub-xen/grub-i386-xen_pvh.bin'),
                                'loaders/grub-pv': _bytes(files + '/usr/lib/grub-xen/grub-x86_64-xen.bin'),
                                'loaders/vmlinuz-686': _bytes(files + '/boot/vmlinuz-*-686-pae'), 'loaders/initrd-686': initrd}))

    return _make('loaders-2', build) + '/loaders.img'


def cpio(files):
    """A newc archive of {path: bytes or str}, to append to an initrd: not compressed, the emulated machine would take longer."""
    out = bytearray()

    def entry(name, mode, data=b''):
        out.extend(b'070701' + b''.join(b'%08X' % v for v in (
            len(names), mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)) + name.encode() + b'\0')
        out.extend(b'\0' * (-len(out) % 4) + data)
        out.extend(b'\0' * (-len(out) % 4))
        names.add(name)

    names = set()
    for path, data in files.items():
        parts = path.strip('/').split('/')
        for i in range(1, len(parts)):
            if '/'.join(parts[:i]) not in names:
                entry('/'.join(parts[:i]), 0o40755)
        entry('/'.join(parts), 0o100755, data.encode() if isinstance(data, str) else data)
    entry('TRAILER!!!', 0)
    return bytes(out)


if __name__ == '__main__':  # make what the machines of `make test` boot, before they do
    dom0_image()
    guest_kernels()
