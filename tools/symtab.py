#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""symtab.py [ELF]: print, as assembly, the table that lets the hypervisor name the functions in a backtrace.

With no argument the table is empty (for the first link); with an ELF it holds that file's functions (for the second).
The table is alone in the section .symtab_zendo, which the linker script puts behind everything whose address it names,
so the second link moves no function.  Symbols, all hidden:
  symtab_count   u32: how many functions
  symtab_addrs   u32[count]: address - _start_image, ascending
  symtab_names   u32[count]: offset of the name in symtab_strings
  symtab_strings the names, each ended by a NUL
"""
import subprocess
import sys


def functions(elf):
    """[(offset from _start_image, name)] of the file's function symbols: ascending, one name for each address."""
    rows, start = {}, None
    for line in subprocess.run(['nm', elf], check=True, capture_output=True, text=True).stdout.splitlines():
        f = line.split()
        if len(f) != 3:
            continue
        addr, kind, name = int(f[0], 16), f[1], f[2]
        if name == '_start_image':
            start = addr
        # local labels are no functions; of two names for one address the global one, then the shorter one, is kept
        if kind not in 'tTwW' or name.startswith(('.L', '_start_image', '__start_', '__end_', '__stop_')):
            continue
        rank = (kind not in 'TW', len(name), name)
        if addr not in rows or rank < rows[addr]:
            rows[addr] = rank
    if start is None:
        sys.exit(f'symtab.py: {elf} has no symbol _start_image')
    return [(a - start, r[2]) for a, r in sorted(rows.items()) if 0 <= a - start < 1 << 32]


def table(funcs):
    """The assembly of the table for these functions."""
    out = ['/* SPDX-License-Identifier: GPL-2.0-or-later */', '/* Made by tools/symtab.py. */',
           '    .section .symtab_zendo, "a", @progbits', '    .balign 4']

    def label(name, kind='object'):
        out.extend([f'    .globl {name}', f'    .hidden {name}', f'    .type {name}, @{kind}', f'{name}:'])

    label('symtab_count')
    out.append(f'    .long {len(funcs)}')
    label('symtab_addrs')
    out.extend(f'    .long {a:#x}' for a, _ in funcs)
    label('symtab_names')
    offset = 0
    for _, name in funcs:
        out.append(f'    .long {offset}')
        offset += len(name) + 1
    label('symtab_strings')
    out.extend(f'    .asciz "{name}"' for _, name in funcs)
    out.append('    .byte 0')
    out.append('    .section .note.GNU-stack, "", @progbits')
    return '\n'.join(out)


if __name__ == '__main__':
    print(table(functions(sys.argv[1]) if len(sys.argv) > 1 else []))
