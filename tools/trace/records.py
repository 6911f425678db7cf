# SPDX-License-Identifier: GPL-2.0-or-later
"""The file that xentrace writes, read record by record.

The file is a list of windows: a record 'CPU change' (which CPU, how many bytes follow), then that many bytes of the CPU's trace buffer. A record is a
word (bits 0-27 event, 28-30 number of further words, 31 whether the time is there), the time in cycles (two words), and the further words. Numbers are
those of <xen/trace.h>. Everything that does not fit that is an error which names its place in the file.
"""
import heapq
import struct

LOST = 0x1f001
WRAP = 0x1f002
CPU_CHANGE = 0x1f003
CPUS_MAX = 4096


class TraceError(Exception):
    def __init__(self, offset, what):
        super().__init__(f'offset {offset} (0x{offset:x}): {what}')
        self.offset = offset


class Record:
    __slots__ = ('cpu', 'tsc', 'event', 'words', 'offset')

    def __init__(self, cpu, tsc, event, words, offset):
        self.cpu, self.tsc, self.event, self.words, self.offset = cpu, tsc, event, words, offset

    def need(self, count):
        """Its words, of which there must be so many at least."""
        if len(self.words) < count:
            raise TraceError(self.offset, f'event 0x{self.event:x} has {len(self.words)} words, {count} are needed')
        return self.words


def _window(data, at):
    """(CPU, first byte, end) of the window whose 'CPU change' is at this place."""
    if len(data) - at < 12:
        raise TraceError(at, f'{len(data) - at} bytes are left, too few for the record that begins a window')
    head, cpu, size = struct.unpack_from('<III', data, at)
    if head != CPU_CHANGE | 2 << 28:
        raise TraceError(at, f'a window must begin here, but this is 0x{head:08x}' + (', so this is no file of xentrace' if at == 0 else ''))
    if cpu >= CPUS_MAX:
        raise TraceError(at + 4, f'CPU {cpu}: there are not so many')
    if size % 4:
        raise TraceError(at + 8, f'a window of {size} bytes, which is no multiple of 4')
    return cpu, at + 12, at + 12 + size


def _records(data, cpu, at, end, last):
    """The records of one window; last is the CPU's time before it."""
    while at < end:
        if end - at < 4:
            raise TraceError(at, f'{end - at} bytes are left of the window, too few for a record')
        head, = struct.unpack_from('<I', data, at)
        count, has_time = head >> 28 & 7, head >> 31
        size = 4 * (1 + 2 * has_time + count)
        if at + size > end:
            raise TraceError(at, f'event 0x{head & 0xfffffff:x} takes {size} bytes, its window has {end - at} left')
        event = head & 0xfffffff
        if event == CPU_CHANGE:
            raise TraceError(at, 'a window begins inside another')
        if has_time and event != WRAP:
            tsc, = struct.unpack_from('<Q', data, at + 4)
            if last is not None and tsc < last:
                raise TraceError(at, f'CPU {cpu}: time goes back, from {last} to {tsc}')
            last = tsc
        if event != WRAP and last is not None:
            yield Record(cpu, last, event, struct.unpack_from(f'<{count}I', data, at + 4 + 8 * has_time), at)
        at += size


def read(data, partial=False):
    """All records, by time. partial: a file that ends in the middle of a window, as of a recorder that was killed, is taken as far as it goes."""
    by_cpu, last, at = {}, {}, 0
    while at < len(data):
        try:
            cpu, first, end = _window(data, at)
            if end > len(data) and not partial:
                raise TraceError(at, f'the window of CPU {cpu} has {end - first} bytes, the file ends after {len(data) - first} (--partial takes what is there)')
            for r in _records(data, cpu, first, min(end, len(data)), last.get(cpu)):
                last[cpu] = r.tsc
                by_cpu.setdefault(cpu, []).append(r)
        except TraceError as e:
            if partial and end_of_file(data, e):
                break
            raise
        at = end
    if not by_cpu:
        raise TraceError(0, 'there is no record in it')
    return list(heapq.merge(*by_cpu.values(), key=lambda r: r.tsc))


def end_of_file(data, error):
    """Is what is wrong only that the file is cut here?"""
    return len(data) - error.offset < 40
