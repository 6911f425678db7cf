# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/run, the first command of a new user: at a terminal, and when a step fails."""
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..'))
RUN = os.path.join(ROOT, 'tools/run')


def run(*args, seconds=240):
    return subprocess.run([sys.executable, RUN, '--once', *args], cwd='/', stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=seconds)


def failed_step(p):
    """It failed: exit status 1, and one line of standard output says which step; returns the step's name."""
    assert p.returncode == 1, p.stdout + p.stderr
    failed = re.findall(r'^FAILED (.+?) +[\d.]+ s$', p.stdout, re.M)
    assert len(failed) == 1 and p.stdout.splitlines()[-1].startswith('FAILED'), p.stdout
    assert p.stderr.startswith(f'{failed[0]} failed: '), p.stderr
    return failed[0]


class Terminal:
    """A program on a terminal of its own, as long as the with block; expect() waits for its words."""

    def __init__(self, *command):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(command[0], command)
        self.text, self.ended = '', False

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if not self.ended:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def expect(self, pattern, seconds):
        end = time.monotonic() + seconds
        while True:
            m = re.search(pattern, self.text, re.M)
            if m:
                self.text = self.text[m.end():]
                return m
            assert time.monotonic() < end, f'no {pattern!r} within {seconds} s:\n{self.text[-3000:]}'
            if select.select([self.fd], [], [], 1)[0]:
                try:
                    data = os.read(self.fd, 65536)
                except OSError:  # the other side is closed
                    data = b''
                assert data, f'the program ended before {pattern!r}:\n{self.text[-3000:]}'
                self.text += data.decode(errors='replace').replace('\r', '')

    def send(self, text):
        os.write(self.fd, text.encode())

    def status(self):
        while select.select([self.fd], [], [], 120)[0]:
            try:
                if not os.read(self.fd, 65536):
                    break
            except OSError:
                break
        self.ended = True
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def prompt(t):
    """Wait for the shell's prompt. Its editor asks where the cursor is, and takes what is typed before the answer for a part of it."""
    t.expect(r'dom0# \x1b\[6n', 60)
    t.send('\x1b[24;7R')


@pytest.mark.long
def test_at_a_terminal(hv):
    """Both guests come up, dom0's shell takes commands, `exit` shuts the machine down with status 0."""
    with Terminal(RUN, '--hv', hv) as t:
        for step in ('hypervisor', 'dom0', 'tools', 'PV guest', 'PVH guest'):
            t.expect(rf'ok +{step} +[\d.]+ s', 300)
        for line, answer in (('xl list | wc -l', '^4$'), ("in_guest pvh-guest 'echo sum=$((40+2))'", '^sum=42$')):
            prompt(t)
            t.send(line + '\n')
            t.expect(answer, 60)
        prompt(t)
        t.send('exit\n')
        t.expect(r'ok +power off', 120)
        assert t.status() == 0


def test_image_that_is_none(tmp_path):
    bad = tmp_path / 'zendo'
    bad.write_bytes(b'not a hypervisor' * 4096)
    p = run('--hv', str(bad))
    assert failed_step(p) == 'hypervisor'
    assert 'QEMU ended' in p.stderr and 'console' in p.stderr


def test_image_that_is_not_there(tmp_path):
    p = run('--hv', str(tmp_path / 'nothing'))
    assert failed_step(p) == 'hypervisor' and 'nothing: build it first' in p.stderr


def test_dom0_that_does_not_start(hv):
    """Too little memory for dom0: the hypervisor's own last words are shown."""
    p = run('--hv', hv, '--hv-args', 'dom0_mem=16M')
    assert failed_step(p) == 'dom0'
    assert re.search(r'^    \| .*\S', p.stderr, re.M), p.stderr


def test_guest_that_does_not_come_up(hv):
    """It is created, and its kernel dies of too little memory: seen at once, and shown by the guest's console."""
    p = run('--hv', hv, '--guests', 'pvh', '--guest-mem', '80')
    assert failed_step(p) == 'PVH guest'
    assert 'its console ends with:' in p.stderr and re.search('panic|Call Trace', p.stderr), p.stderr
