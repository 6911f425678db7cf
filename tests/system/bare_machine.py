# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine whose first domain is a micro guest, and what can be done to it from outside: its console is read until a line matches, QMP commands and
the monitor's, and a debugger's stub that stops it and changes memory and registers. For tests of what the hypervisor does when the hardware, or
the hypervisor itself, misbehaves."""
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from qmp import qmp

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, '../..'))
CPU = 'qemu64,+svm,+npt,+rdrand'
RIP, EFLAGS, CS = 16, 17, 18  # numbers of gdb's amd64 registers; the first 17 have 8 bytes, the rest 4


def micro_guest(name):
    """The path of a micro guest, tests/guests/NAME.c, which is built first when it must be."""
    # with -n 2 both workers may come here at once
    subprocess.run(['flock', 'tests/guests/guests.mk', 'make', '-s', '-f', 'tests/guests/guests.mk'], cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
    return os.path.join(ROOT, 'build/guests', name + '.elf')


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class BareMachine:
    """with BareMachine(hv, elf, 'name', smp=2) as m: m.expect('# waiting'); m.qmp('inject-nmi'); ..."""

    def __init__(self, hv, elf, name, *, smp=1, mem=512, hv_args='', qemu=(), cpu=CPU, accel='tcg,thread=single', serial=True):
        self.work = tempfile.mkdtemp(prefix='zendo-')
        log = os.path.join(ROOT, 'build/test/system', re.sub(r'[^\w.-]', '_', name) + '.log')
        os.makedirs(os.path.dirname(log), exist_ok=True)
        args = ['qemu-system-x86_64', '-cpu', cpu, '-accel', accel, '-smp', str(smp), '-m', str(mem), '-display', 'none', '-nic', 'none',
                '-monitor', 'none', '-no-reboot', '-kernel', hv, '-append', f'{"console=com1 " if serial else ""}dom0_mem=64M noreboot loglvl=all {hv_args}',
                '-qmp', f'unix:{self.work}/qmp,server=on,wait=off', '-chardev', f'socket,path={self.work}/gdb,server=on,wait=off,id=gdb',
                '-gdb', 'chardev:gdb', '-serial', 'stdio']
        self.text, self.changed, self.ended = '', threading.Condition(), False
        self.proc = subprocess.Popen(args + (['-initrd', elf] if elf else []) + list(qemu), stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=die_with_parent)
        threading.Thread(target=self._read, args=(open(log, 'wb'),), daemon=True).start()

    def _read(self, log):
        with log:
            while True:
                data = os.read(self.proc.stdout.fileno(), 65536)
                with self.changed:
                    self.text += data.decode(errors='replace').replace('\r', '')
                    self.ended = not data
                    self.changed.notify_all()
                if not data:
                    return
                log.write(data)
                log.flush()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.proc.kill()
        self.proc.wait()
        shutil.rmtree(self.work, ignore_errors=True)

    def expect(self, pattern, seconds=60, after=0):
        """The match of a pattern on the console; fails with the console's end when it does not come."""
        rx, end = re.compile(pattern, re.M), time.monotonic() + seconds
        with self.changed:
            while True:
                m = rx.search(self.text, after)
                if m:
                    return m
                left = end - time.monotonic()
                assert left > 0 and not self.ended, f'no /{pattern}/; the console ends with:\n{self.text[-3000:]}'
                self.changed.wait(left)

    def type(self, text):
        """What a person types at the serial console."""
        self.proc.stdin.write(text.encode())
        self.proc.stdin.flush()

    def qmp(self, command, **arguments):
        answer = qmp(self.work + '/qmp', command, arguments)
        assert 'error' not in answer, answer
        return answer['return']

    def monitor(self, line):
        """A command of QEMU's human monitor."""
        return self.qmp('human-monitor-command', **{'command-line': line})

    def screen(self):
        """The text on the VGA screen, line by line."""
        path = self.work + '/screen'
        self.qmp('pmemsave', val=0xb8000, size=4000, filename=path)
        with open(path, 'rb') as f:
            chars = f.read()[::2]
        return [chars[i:i + 80].decode('cp437').rstrip() for i in range(0, 2000, 80)]

    def debugger(self):
        return Debugger(self.work + '/gdb')


class Debugger:
    """QEMU's gdb stub. Connecting stops the machine; resume() lets it go on."""

    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(20)
        self.s.connect(path)
        self.data = b''
        self.ask('?')

    def ask(self, command):
        packet = command.encode()
        self.s.sendall(b'$%s#%02x' % (packet, sum(packet) & 255))
        while True:
            m = re.match(rb'[+-]*\$([^#]*)#..', self.data, re.S)
            if m:
                self.data = self.data[m.end():]
                self.s.sendall(b'+')
                if not m.group(1).startswith(b'T') or command == '?':
                    return m.group(1).decode()
                continue  # that the machine has stopped is told once more when it has
            got = self.s.recv(65536)
            assert got, 'the debugger stub is gone'
            self.data += got

    def ok(self, command):
        answer = self.ask(command)
        assert answer == 'OK', f'{command}: {answer}'

    @staticmethod
    def place(number):
        """Offset and size of a register in the stub's block."""
        return (8 * number, 8) if number < 17 else (136 + 4 * (number - 17), 4)

    def register_block(self, cpu):
        self.ok(f'Hg{cpu + 1:x}')
        return bytearray.fromhex(self.ask('g'))

    def register(self, cpu, number):
        at, size = self.place(number)
        return int.from_bytes(self.register_block(cpu)[at:at + size], 'little')

    def set_register(self, cpu, number, value):
        at, size = self.place(number)
        block = self.register_block(cpu)
        block[at:at + size] = value.to_bytes(size, 'little')
        self.ok('G' + block.hex())

    def write(self, address, data):
        self.ok(f'M{address:x},{len(data):x}:{data.hex()}')

    def resume(self):
        self.s.sendall(b'$D#44')  # detach
        self.s.recv(64)
        self.s.close()


def symbol(elf, name):
    """The address of a function in the hypervisor's ELF file."""
    for line in subprocess.run(['nm', elf], stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines():
        fields = line.split()
        if fields[-1] == name:
            return int(fields[0], 16)
    raise KeyError(name)
