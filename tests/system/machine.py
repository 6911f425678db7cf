# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole machine in QEMU: a hypervisor, Debian's kernel as dom0, and a command channel to dom0 over the serial console.

    with Machine('build/x86_64/zendo') as m:      # 'xen' is Debian's own hypervisor
        m.boot()                                  # returns when dom0's agent answers
        m.ok('tools')                             # run a command in dom0; fails unless its status is 0
        r = m.run('xl list')                      # r.status, r.out
        m.scenario('lifecycle')                   # tests/system/scenarios/lifecycle.sh -> {check name: (passed, seconds)}

Nothing sleeps: every wait is for an event on the console, with a deadline, and ends at once when the machine dies or panics.  What the
hypervisor prints (lines that start with a tag) is taken out of the stream, wherever it interrupts, and kept in hv_lines.
A machine's whole console is in build/test/system/NAME.log.
"""
import base64
import ctypes
import fcntl
import hashlib
import itertools
import math
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import threading
import time

import image
from qmp import qmp

LOGS = os.path.join(image.ROOT, 'build/test/system')
SCENARIOS = os.path.join(image.ROOT, 'tests/system/scenarios')
TAGS = ('(XEN) ', '(ZENDO) ', '(zendo) ')
HV_PANIC = re.compile(r'panic on cpu|^panic\b|fatal trap|fatal page fault|reboot in five seconds|assertion .* failed', re.I)
HV_PANIC_UNTAGGED = re.compile(r'^(Panic on CPU \d+:)\n(.+)\n', re.M)  # Zendo's last words go out without a tag
# What dom0's console shows of a panic may be another kernel's, of a guest's log that a command prints: only the hypervisor tells that dom0 is gone.
DOM0_CRASHED = re.compile(r'Domain 0 crashed|Hardware Dom0 crashed')
DOM0_PANIC = re.compile(r'Kernel panic - not syncing[^\n]*')
CHUNK = 96  # bytes sent at once: the hypervisor's receive buffer holds 128
BOOT_S, SILENT_S = 300, 120
DISK_HALF = 64 << 20  # tests of the disk use the first half, Machine.put() the second
# Deadlines are for a machine that boots dom0 in this time; a slower or busier one gets them in proportion, at least times SLOW.
USUAL_BOOT_S = 15
SLOW = float(os.environ.get('ZENDO_SLOW', '2' if 'PYTEST_XDIST_WORKER' in os.environ else '1'))
# Lines of dom0's agent that did not come over the console, though what it wrote after them did.
LOST_LINES = []


def die_with_parent():
    """In the child: be killed when the test run ends, however it ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class MachineError(AssertionError):
    """The machine died, panicked, or did not do in time what was waited for; the message holds the console's last lines."""


class Result:
    """A command's end in dom0."""

    def __init__(self, status, out, uptime):
        self.status, self.out, self.uptime = status, out, uptime

    def __repr__(self):
        return f'status {self.status}\n{self.out}'


class Console:
    """The serial stream, read by a thread of its own into two texts: the hypervisor's lines and all the rest."""

    def __init__(self, stream, log):
        self.stream, self.log = stream, log
        self.changed = threading.Condition()
        self.text, self.hv_lines, self.raw_tail = '', [], ''
        self.held, self.ended, self.panic, self.last_byte = '', False, None, time.monotonic()
        self.listener = None  # gets raw bytes while a user is at the dom0 shell
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            data = os.read(self.stream.fileno(), 65536)
            if not data:
                break
            self.log.write(data)
            self.log.flush()
            if self.listener:
                self.listener(data)
            with self.changed:
                self.last_byte = time.monotonic()
                text = data.decode(errors='replace').replace('\r', '')
                self.raw_tail = (self.raw_tail + text)[-12000:]
                self._split(text)
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def _split(self, new):
        """Move the hypervisor's lines out of the text, also one that begins in the middle of a line of dom0's."""
        text, self.held = self.held + new, ''
        keep = []
        while text:
            at, tag = min(((text.find(t), t) for t in TAGS if t in text), default=(-1, ''))
            if at < 0:
                # the text may end inside a tag
                tail = next((n for n in range(min(7, len(text)), 0, -1) if any(t.startswith(text[-n:]) for t in TAGS)), 0)
                keep.append(text[:len(text) - tail])
                self.held = text[len(text) - tail:]
                break
            keep.append(text[:at])
            end = text.find('\n', at)
            if end < 0:
                self.held = text[at:]
                break
            line = text[at + len(tag):end]
            self.hv_lines.append(line)
            if not self.panic and HV_PANIC.search(line):
                self.panic = 'the hypervisor panicked: ' + line
            elif not self.panic and DOM0_CRASHED.search(line):
                said = DOM0_PANIC.findall(self.text + ''.join(keep))
                self.panic = f'dom0 crashed: {said[-1] if said else line}'
            text = text[end + 1:]
        self.text += ''.join(keep)
        m = None if self.panic else HV_PANIC_UNTAGGED.search(self.text, max(0, len(self.text) - 4000))
        if m:
            self.panic = f'the hypervisor panicked: {m.group(1)} {m.group(2)}'


class Machine:
    """One machine; see the module's text.  Sizes are in MiB.

    unpacked: Debian's kernel for dom0 is handed over unpacked, which boots some seconds sooner; else as the package has it.
    files: {path: content} added to dom0's root.
    grub: 'bios' or 'efi': not QEMU loads the hypervisor but GRUB, from a disc, by multiboot 2.
    """

    asks_debug_keys = False  # of a machine that hangs: for who mends Zendo, some hundred lines
    settings = {}  # variables of every command's shell in dom0, beside SLOW

    def __init__(self, hv, name='machine', *, smp=2, mem=4096, dom0_mem=1536, dom0_vcpus=None, hv_args='', dom0_args='', machine='pc',
                 disk=True, qemu=(), files=None, archives=(), unpacked=True, grub=None, cpu=None):
        self.hv_name, self.name = hv, name
        self.smp, self.mem, self.machine, self.disk, self.qemu = smp, mem, machine, disk, list(qemu)
        self.hv_args = f'console=com1 dom0_mem={dom0_mem}M noreboot ' + (f'dom0_max_vcpus={dom0_vcpus} ' if dom0_vcpus else '') + hv_args
        self.dom0_args = 'console=hvc0 quiet loglevel=3 cryptomgr.notests ' + dom0_args
        self.files, self.archives, self.grub = files or {}, archives, grub
        self.unpacked = unpacked and not grub
        self.cpu = cpu or os.environ.get('ZENDO_CPU', 'qemu64,+svm,+npt,+rdrand')
        self.proc = self.console = self.work = None
        self.mark, self.ids, self.dead, self.sent = 0, itertools.count(1), None, {}
        self.tools_up, self.slow = False, math.ceil(SLOW)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()

    # --- life ---------------------------------------------------------------------------------------------------------------
    def start(self):
        """Start QEMU; returns at once."""
        hv = image.debian_xen() if self.hv_name == 'xen' else self.hv_name
        if not os.path.exists(hv):
            self.fail(f'there is no {hv}: build it first (make)')
        kernel, initrd = image.dom0_image()
        if self.unpacked:
            kernel = image.vmlinux()
        self.work = tempfile.mkdtemp(prefix='zendo-')
        files = dict(self.files)
        for s in sorted(os.listdir(SCENARIOS)):
            with open(os.path.join(SCENARIOS, s)) as f:
                files['scenarios/' + s] = f.read()
        with open(self.work + '/initrd', 'wb') as out:
            with open(initrd, 'rb') as f:
                shutil.copyfileobj(f, out)
            for data in (image.cpio(files), *(open(path, 'rb').read() for path in self.archives)):
                out.write(b'\0' * (-out.tell() % 4) + data)
        if self.grub:  # the firmware's disc driver is slower than unpacking
            subprocess.run(['gzip', '-1', '-n', self.work + '/initrd'], check=True)
            os.rename(self.work + '/initrd.gz', self.work + '/initrd')
        args = ['qemu-system-x86_64', '-machine', self.machine, '-cpu', self.cpu,
                # one thread: with one for each processor the emulator now and then loses a guest (docs/testing.md)
                '-accel', os.environ.get('ZENDO_ACCEL', 'tcg,thread=single'),
                '-smp', str(self.smp), '-m', str(self.mem), *self.loader(hv, kernel, self.work + '/initrd'),
                '-display', 'none', '-serial', 'stdio', '-no-reboot', '-qmp', f'unix:{self.work}/qmp,server=on,wait=off', '-monitor', 'none']
        if self.disk:
            with open(self.work + '/disk.img', 'wb') as f:
                f.truncate(2 * DISK_HALF)
            args += ['-drive', f'file={self.work}/disk.img,format=raw,if=virtio']
        args += ['-nic', 'user,model=e1000,restrict=on']
        os.makedirs(LOGS, exist_ok=True)
        self.log_path = os.path.join(LOGS, re.sub(r'[^\w.-]', '_', self.name) + '.log')
        self.begun = time.monotonic()
        self.proc = subprocess.Popen(args + self.qemu, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                     preexec_fn=die_with_parent)
        self.console = Console(self.proc.stdout, open(self.log_path, 'wb'))
        self.mark = 0

    def loader(self, hv, kernel, initrd):
        """QEMU's arguments that bring hypervisor, kernel and initrd into memory."""
        if not self.grub:
            return ['-kernel', hv, '-append', self.hv_args, '-initrd', f'{kernel} {self.dom0_args.replace(",", ",,")},{initrd}']
        if os.path.exists(hv + '.gz'):
            hv += '.gz'  # GRUB unpacks it
        disc = image.grub_disc(self.work, {'hv': hv, 'vmlinuz': kernel, 'initrd': initrd},
                               [f'multiboot2 /boot/hv {self.hv_args}', f'module2 /boot/vmlinuz {self.dom0_args}',
                                'module2 --nounzip /boot/initrd'])
        return ['-cdrom', disc] + (['-bios', image.OVMF] if self.grub == 'efi' else [])

    def boot(self):
        """Start, and wait for dom0's agent."""
        self.start()
        return self.wait_ready()

    def wait_ready(self):
        """Wait for dom0's agent; a machine that says nothing for a while has failed."""
        self.expect(r'@@ready [\d.]+@@', BOOT_S, silent_s=SILENT_S)
        self.boot_seconds = time.monotonic() - self.begun
        self.slow = math.ceil(min(8, max(SLOW, self.boot_seconds / USUAL_BOOT_S)))
        return self

    def stop(self):
        """End the machine, whatever it is doing."""
        if self.proc and self.proc.poll() is None:
            self.proc.kill()
        if self.proc:
            self.proc.wait()
        if self.work:
            shutil.rmtree(self.work, ignore_errors=True)
        self.dead = self.dead or 'it was stopped'

    def wait_exit(self, deadline_s):
        """QEMU ends by itself (power-off, or a reboot with -no-reboot)."""
        try:
            self.proc.wait(deadline_s * self.slow)
        except subprocess.TimeoutExpired:
            self.fail(f'the machine did not end within {deadline_s} s')
        self.dead = 'it ended'

    @property
    def alive(self):
        return self.dead is None and self.proc is not None and self.proc.poll() is None and not self.console.panic

    def tail(self, lines=30):
        return '\n'.join('    | ' + line for line in (self.console.raw_tail if self.console else '').splitlines()[-lines:])

    def where(self, samples=3):
        """Where each processor is, sampled: 'CPU#0 hypervisor spin_lock+0x12' lines; for a machine that hangs."""
        out = []
        for _ in range(samples if self.proc and self.proc.poll() is None else 0):
            try:
                text = self.qmp('human-monitor-command', **{'command-line': 'info registers -a'})
            except (OSError, ValueError, MachineError) as e:
                return out + [f'no registers: {e}']
            for part in re.split(r'^CPU#', text, flags=re.M)[1:]:
                rip, halted = re.search(r'RIP=([0-9a-f]+)', part), re.search(r'HLT=(\d)', part)
                stack = re.search(r'RSP=([0-9a-f]+)', part)
                if rip:
                    out.append(f'CPU#{part.split()[0]} {self.symbol(int(rip.group(1), 16))} rsp={stack.group(1)} '
                               f'{"halted" if halted and halted.group(1) == "1" else "running"}')
        return out + self.interrupt_state() if out else out

    def interrupt_state(self):
        """What waits for each processor: its flags, its local APIC, and the I/O APIC's pins; for one that halts and does not come back."""
        out = []
        try:
            for cpu in range(self.smp):
                flags = self.monitor(f'cpu {cpu}') + self.monitor('info registers')
                out.append(f'CPU#{cpu} {" ".join(re.findall(r"(?:RFL|II|SMM|HLT|EFER)=[0-9a-f]+", flags))}')
                out += [f'CPU#{cpu} {line.strip()}' for line in self.monitor(f'info lapic {cpu}').splitlines() if re.search('ISR|IRR|LVTT|PPR|TPR|Timer', line)]
            out += [line.strip() for line in self.monitor('info pic').splitlines() if 'masked' not in line and line.strip()]
            out.append('serial port ' + ' '.join(f'{name}={self.monitor(f"i /xb {0x3f8 + r:#x}").split()[-1]}'
                                                 for name, r in (('IER', 1), ('IIR', 2), ('LCR', 3), ('MCR', 4), ('LSR', 5))))
            waits = struct.unpack('i', fcntl.ioctl(self.proc.stdin, termios.FIONREAD, b'....'))[0]
            out.append(f'{waits} bytes that were typed are not in the machine yet')
        except (OSError, ValueError, MachineError) as e:
            out.append(f'no more of it: {e}')
        return out

    def debug_keys_say(self, keys='q0rae', wait_s=5):
        """What the hypervisor prints when its debug keys are typed: tells a machine that is dead from one that only waits for an event."""
        c = self.console
        if not self.asks_debug_keys or c.panic or c.ended:
            return []
        begin = len(c.hv_lines)
        try:
            self.proc.stdin.write(b'\x01\x01\x01' + keys.encode())
            self.proc.stdin.flush()
        except (BrokenPipeError, ValueError):
            return []
        over = time.monotonic() + 4 * wait_s
        with c.changed:
            while time.monotonic() < over:
                if c.changed.wait(1) and len(c.hv_lines) > begin:
                    over = time.monotonic() + wait_s  # the end of what it says is not marked
            return c.hv_lines[begin:] or ['no answer to the debug keys']

    def monitor(self, command):
        return self.qmp('human-monitor-command', **{'command-line': command}).replace('\r', '')

    def symbol(self, address):
        """The hypervisor's function at an address (of the image's .elf, where it is there), or the bare address."""
        elf = self.hv_name + '.elf'
        if not 0xffff828000000000 <= address < 0xffff830000000000 or not os.path.exists(elf):
            return f'{address:#x}'
        p = subprocess.run(['nm', '-n', elf], stdout=subprocess.PIPE, text=True)
        at = [(int(w[0], 16), w[2]) for w in map(str.split, p.stdout.splitlines()) if len(w) == 3 and int(w[0], 16) <= address]
        return f'hypervisor {at[-1][1]}+{address - at[-1][0]:#x}' if at else f'{address:#x}'

    def fail(self, why):
        self.dead = self.dead or why
        where = self.where()
        where = ''.join(f'\n    | {line}' for line in where + (self.debug_keys_say() if where else []))
        raise MachineError(f'{why}\n  console ({os.path.relpath(self.log_path, image.ROOT)}) ends with:\n{self.tail()}'
                           + (f'\n  processors:{where}' if where else '') if self.console else why)

    # --- the console --------------------------------------------------------------------------------------------------------
    def wait_for(self, find, what, deadline_s, silent_s=None, ignore_panic=False):
        """Wait until find() is true, and return it; fails at the deadline, or when the machine dies, panics or falls silent."""
        end = time.monotonic() + deadline_s * self.slow
        c = self.console
        with c.changed:
            while True:
                got = find()
                if got:
                    return got
                now = time.monotonic()
                if c.panic and not ignore_panic:
                    c.changed.wait(2)  # let the backtrace come
                    why = c.panic
                elif c.ended:
                    why = f'QEMU ended (status {self.proc.wait()}) while waiting for {what}'
                elif now >= end:
                    why = f'no {what} within {deadline_s} s'
                elif silent_s and now - c.last_byte > silent_s * self.slow:
                    why = f'the console has been silent for {silent_s} s while waiting for {what}'
                else:
                    c.changed.wait(min(end - now, 1))
                    continue
                break
        self.fail(why)

    def expect(self, pattern, deadline_s, silent_s=None, ignore_panic=False):
        """Wait for a pattern in what dom0 prints after the last match; returns the match."""
        rx = re.compile(pattern, re.M)

        def find():
            m = rx.search(self.console.text, self.mark)
            if m:
                self.mark = m.end()
            return m

        return self.wait_for(find, f'/{pattern}/', deadline_s, silent_s, ignore_panic)

    def expect_hv(self, pattern, deadline_s, ignore_panic=False):
        """Wait for a line of the hypervisor's that matches; returns the match."""
        rx = re.compile(pattern)
        return self.wait_for(lambda: next((m for m in map(rx.search, self.console.hv_lines) if m), None), f'hypervisor line /{pattern}/',
                             deadline_s, None, ignore_panic)

    def send(self, text):
        try:
            self.proc.stdin.write(text.encode() if isinstance(text, str) else text)
            self.proc.stdin.flush()
        except (BrokenPipeError, ValueError):
            self.fail('the machine ended')

    # --- dom0 ---------------------------------------------------------------------------------------------------------------
    def send_command(self, command, deadline_s=60):
        """Begin a command in dom0 without waiting for its end; returns its number for finish()."""
        if self.dead:
            raise MachineError(f'the machine is dead: {self.dead}')
        exports = ''.join(f'export {name}={value}\n' for name, value in {'SLOW': self.slow, **self.settings}.items())
        data = base64.b64encode(f'{exports}{command}\n'.encode()).decode()
        for i in range(0, len(data), CHUNK):
            self.send('+' + data[i:i + CHUNK] + '\n')
            self.expect(rf'@@\+{min(i + CHUNK, len(data))}@@', 30)
        number = next(self.ids)
        self.sent[number] = self.mark
        self.send(f'!{number} {int(deadline_s * self.slow)}\n')
        return number

    def finish(self, number, deadline_s=60):
        """Wait for the end of a command."""
        start = self.mark
        m = self.expect(rf'^@@end {number} (\d+) ([\d.]+)@@$', deadline_s + 40)
        begin = re.compile(rf'^@@begin {number}@@$', re.M).search(self.console.text, self.sent[number], m.start())
        if begin:
            start = max(start, begin.end())
        else:
            LOST_LINES.append(f'{self.name}: @@begin {number}@@')  # the test goes on, and the run's end shows it
        return Result(int(m.group(1)), self.console.text[start:m.start()].strip('\n'), float(m.group(2)))

    def run(self, command, deadline_s=60):
        """Run a shell command in dom0 (zendo.sh's functions are there); returns its Result.  Status 124 means that it took too long."""
        return self.finish(self.send_command(command, deadline_s), deadline_s)

    def ok(self, command, deadline_s=60):
        """Run a command that must succeed; returns what it printed."""
        r = self.run(command, deadline_s)
        if r.status != 0:
            hv = '\n'.join('    | ' + line for line in self.console.hv_lines[-8:])
            why = f'took more than {deadline_s} s' if r.status == 124 else f'status {r.status}'
            raise AssertionError(f'dom0: {command}: {why}\n{r.out}\n  the hypervisor\'s last lines:\n{hv}')
        return r.out

    def scenario(self, name, deadline_s=120, **settings):
        """Run scenarios/NAME.sh in dom0; returns {check: (passed, dom0's uptime)} and the output under the key ''."""
        lead = ''.join(f"{k}='{v}'; " for k, v in settings.items())
        r = self.run(f'{lead}. /scenarios/{name}.sh', deadline_s)
        results = {m.group(2): (not m.group(1), float(m.group(3)))
                   for m in re.finditer(r'^(not )?ok (\S+) ([\d.]+)$', r.out, re.M)}
        results[''] = r.out
        if r.status == 124:
            raise AssertionError(f'scenario {name} took more than {deadline_s} s:\n{r.out}')
        return results

    def start_tools(self):
        if not self.tools_up:
            self.ok('tools', 90)
            self.tools_up = True
        return self

    def power_off(self, deadline_s=60):
        self.send_command('sync; poweroff -f')
        self.wait_exit(deadline_s)

    def put(self, path, data):
        """Bring a file into dom0 of a running machine, by way of the second half of its disk."""
        with open(self.work + '/disk.img', 'r+b') as f:
            f.seek(DISK_HALF)
            f.write(data)
        self.ok(f'echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/vda bs=1M skip={DISK_HALF >> 20} count={-(-len(data) >> 20)} 2>/dev/null '
                f'| head -c {len(data)} > {path}; sync; echo 3 > /proc/sys/vm/drop_caches')
        want, got = hashlib.md5(data).hexdigest(), self.ok(f'md5sum < {path}').split()[0]
        assert got == want, f'{path}: {got} came for {want}'

    def disk_bytes(self, offset, size):
        with open(self.work + '/disk.img', 'rb') as f:
            f.seek(offset)
            return f.read(size)

    def qmp(self, command, **arguments):
        """One QMP command, e.g. qmp('inject-nmi')."""
        answer = qmp(self.work + '/qmp', command, arguments)
        if 'error' in answer:
            raise MachineError(f'qmp {command}: {answer["error"]["desc"]}')
        return answer.get('return')

    def interact(self, stdin, stdout):
        """Give the user dom0's shell on this terminal until the shell exits or the machine ends; Ctrl-] leaves it running.

        Returns which it was: 'exit', 'end' or 'key'.
        """
        import tty
        saved, why = termios.tcgetattr(stdin), 'end'
        done = threading.Event()
        size = os.get_terminal_size(stdout)
        seen = bytearray()

        def show(data):
            seen.extend(data)
            if b'@@ready' in seen:
                done.set()
                return
            del seen[:-16]
            os.write(stdout, data)

        self.send(f'*shell rows {size.lines or 24} columns {size.columns or 80}\n')
        self.console.listener = show
        try:
            tty.setraw(stdin)
            while not done.is_set() and not self.console.ended:
                if select.select([stdin], [], [], 0.1)[0]:
                    data = os.read(stdin, CHUNK // 2)
                    if not data or b'\x1d' in data:
                        why = 'key'
                        break
                    self.send(data)
            if done.is_set():
                why = 'exit'
        finally:
            self.console.listener = None
            termios.tcsetattr(stdin, termios.TCSADRAIN, saved)
        return why
