#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""boot_says.py IMAGE TEXT: boot the image with a micro guest as its first domain; succeed when the console says TEXT within a minute."""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'guests'))
import run as guests  # noqa: E402


def main(image, text):
    elf = os.path.join(guests.OUT, 'common', 'hypercall.elf')
    command = guests.qemu_command(image, elf, '', smp=1, mem=256, hv_args='noreboot')
    end = time.monotonic() + 60
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as qemu:
        os.set_blocking(qemu.stdout.fileno(), False)
        seen = b''
        while time.monotonic() < end and text.encode() not in seen and qemu.poll() is None:
            seen += qemu.stdout.read() or b''
            time.sleep(0.05)  # polling a pipe, not waiting for a guest
        qemu.kill()
    if text.encode() in seen:
        return 0
    sys.stderr.write(seen.decode(errors='replace')[-2000:] + f'\nthe console did not say: {text}\n')
    return 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:3]))
