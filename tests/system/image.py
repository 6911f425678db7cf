# SPDX-License-Identifier: GPL-2.0-or-later
"""What a test machine boots, made from Debian's packages and kept in build/system-cache under a hash of what it was made from.

dom0_image() -> (kernel, initrd)    Debian's kernel and the initrd that image/mkroot.sh packs
debian_xen() -> path                Debian's own hypervisor, the oracle: its package is downloaded and unpacked, not installed
libvirt_archive() -> path           libvirtd with its libxl driver and virsh, to append to the initrd; likewise only unpacked
"""
import fcntl
import glob
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import tempfile

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..'))
HERE = os.path.join(ROOT, 'tests/system/image')
CACHE = os.path.join(ROOT, 'build/system-cache')
PACKAGES = ['xen-utils-4.17', 'xenstore-utils', 'busybox-static', 'bash', 'iproute2', 'e2fsprogs', 'libc6', 'libxenmisc4.17']

LIBVIRT = ['libvirt-daemon', 'libvirt-daemon-driver-xen', 'libvirt-clients']
LIBVIRT_NOT = {'libvirt-daemon-driver-qemu', 'dmidecode'}  # they come with it and do nothing for Xen


class ImageError(Exception):
    """A package that the image needs is missing, or a step of making it failed."""


def debian_kernel():
    """(path, version) of the newest Debian amd64 kernel installed."""
    found = glob.glob('/boot/vmlinuz-*-amd64')
    if not found:
        raise ImageError('no /boot/vmlinuz-*-amd64: run tools/deps.sh test')
    best = max(found, key=lambda p: [int(n) for n in re.findall(r'\d+', p)])
    return best, os.path.basename(best)[len('vmlinuz-'):]


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


def dom0_image():
    kernel, version = debian_kernel()
    digest = hashlib.sha256(version.encode())
    digest.update(_run(['dpkg-query', '-W', '-f', '${Package} ${Version}\n', *PACKAGES]).encode())
    for path in sorted(glob.glob(HERE + '/*')):
        with open(path, 'rb') as f:
            digest.update(os.path.basename(path).encode() + f.read())

    def build(work):
        _run([HERE + '/mkroot.sh', kernel, version, work])
        shutil.copy(kernel, work + '/vmlinuz')

    made = _make('dom0-' + digest.hexdigest()[:16], build)
    return made + '/vmlinuz', made + '/dom0.img'


def debian_xen():
    have = glob.glob(CACHE + '/xen-*/xen')
    if have:
        return max(have, key=os.path.getmtime)

    def build(work):
        # apt's downloader runs as a user of its own that may not write here
        with tempfile.TemporaryDirectory() as t:
            os.chmod(t, 0o777)
            try:
                _run(['apt-get', 'download', '-qq', 'xen-hypervisor-4.17-amd64'], cwd=t)
            except ImageError:
                _run(['apt-get', 'update', '-qq'])
                _run(['apt-get', 'download', '-qq', 'xen-hypervisor-4.17-amd64'], cwd=t)
            _run(['dpkg', '-x', glob.glob(t + '/xen-hyp*.deb')[0], t + '/x'])
            with gzip.open(glob.glob(t + '/x/boot/xen-4.17-amd64.gz')[0]) as f, open(work + '/xen', 'wb') as out:
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


def cpio(files):
    """A gzipped newc archive of {path: bytes or str}, to append to an initrd."""
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
    return gzip.compress(bytes(out), 1)
