#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""gen-params.py [--check] [--root DIR]: write docs/boot-options.md and docs/man/zendo-params.7 from hypervisor/core/param/params.def.

--check writes nothing and fails when a row is not well formed or a page is not what would be written.
"""
import os
import re
import sys

from generated import main, read

DEF = 'hypervisor/core/param/params.def'
CMDLINE = 'hypervisor/core/param/param_cmdline.c'
TEXT = r'"((?:[^"\\]|\\.)*)"'
ROW = re.compile(rf'^PARAM\({TEXT}, (\w+)\(([^"]*?)\), (\w+), {TEXT}, {TEXT}, {TEXT}, {TEXT},\s*{TEXT}\)$', re.M)

HEAD = '''# zendo(8): boot options

Made by `tools/gen-params.py` from `hypervisor/core/param/params.def`; do not edit.

## Name
zendo - options on the hypervisor's command line

## Synopsis
    multiboot2 /boot/zendo.gz <options>                     # GRUB
    module2 /boot/vmlinuz <kernel arguments>
    module2 /boot/initrd.img

    qemu-system-x86_64 -kernel build/x86_64/zendo -append "<options>" -initrd "vmlinuz <kernel arguments>,initrd.img" ...

## Description
Words separated by blanks, `name` or `name=value`; quotes keep blanks in a word; a lone `--` ends the options. The names are Xen's. A **boolean** is
`name`, `no-name`, or `name=` and one of yes, on, true, enable, 1, no, off, false, disable, 0. A **size** has a suffix B, K, M, G or T; without one it is in KiB.
An unknown option, or a value that is not understood, is named in a warning with what is allowed (`Boot option not understood: ...`), up to 16 of them.

Options marked **yes** under "later" also change while the machine runs: [parameters.md](parameters.md).

## Options

| option | value | default | later | meaning |
|---|---|---|---|---|
'''
WITHOUT = '''
## Without effect
These of Xen's options are no mistake, and change nothing here; a line in the log says why.

| option | why |
|---|---|
'''
TAIL = '''
{quiet}, which GRUB's scripts add, are passed over in silence.

## Example
    console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all dom0_mem=1G,max:1G dom0_max_vcpus=2 noreboot

## See also
[parameters.md](parameters.md), [boot.md](boot.md), [scheduling.md](scheduling.md); tests: `tests/unit/hypervisor/core/param/param_test.c`, `tests/fuzz/param_fuzz.c`,
`tests/unit/lib/cmdline_test.c`, `tests/fuzz/cmdline_fuzz.c`.
'''


def unescape(text):
    return re.sub(r'\\(.)', r'\1', text)


def parse(text):
    keys = ('name', 'kind', 'target', 'when', 'values', 'initial', 'good', 'bad', 'meaning')
    return [dict(zip(keys, map(unescape, m.groups()))) for m in ROW.finditer(text)]


def without_effect(text):
    body = text[text.index('without_effect[] = {'):]
    return [(name, why) for name, why in re.findall(r'\{"([\w-]+)",\s*(?:"([^"]*)"|NULL)\}', body[:body.index('\n};')])]


def errors(text, rows):
    errs = []
    if len(rows) != len(re.findall(r'^PARAM\(', text, re.M)):
        errs.append(f'{DEF}: a row has not the form that its head gives')
    names = [r['name'] for r in rows]
    if names != sorted(set(names)):
        errs.append(f'{DEF}: names are not in alphabetical order, or one is there twice')
    for r in rows:
        if r['when'] not in ('BOOT', 'RUNTIME') or (r['when'] == 'RUNTIME' and r['kind'] == 'OWN'):
            errs.append(f'{r["name"]}: BOOT, or RUNTIME for one that can be shown')
        if not r['good'] or not r['values'] or not r['meaning']:
            errs.append(f'{r["name"]}: values, one good value at least, and a meaning belong to it')
    return errs


def cell(text):
    return text.replace('|', '\\|').replace('<', '&lt;').replace('>', '&gt;')


def code(text):
    return f'``{"" if text[0] != "`" else " "}{text}``'.replace('|', '\\|') if '`' in text else f'`{text}`'.replace('|', '\\|')


def page(rows, without):
    out = [HEAD]
    for r in rows:
        later = 'yes' if r['when'] == 'RUNTIME' else ''
        out.append(f'| `{r["name"]}` | {code(r["values"])} | {cell(r["initial"])} | {later} | {cell(r["meaning"])} |\n')
    out.append(WITHOUT)
    out += [f'| `{name}` | {why} |\n' for name, why in without if why]
    out.append(TAIL.format(quiet=', '.join(f'`{name}`' for name, why in without if not why)))
    return ''.join(out)


def roff(text):
    text = text.replace('\\', '\\e').replace('-', '\\-')
    return '\\&' + text if text[:1] in ".'" else text


def manual(rows):
    out = ['.\\" SPDX-License-Identifier: GPL-2.0-or-later\n.\\" Made by tools/gen-params.py; do not edit.\n'
           '.TH ZENDO\\-PARAMS 7 "" "Zendo" "Zendo"\n.SH NAME\nzendo\\-params \\- parameters of the Zendo hypervisor\n'
           '.SH SYNOPSIS\n.nf\nname[=value] ... on the hypervisor\'s command line\n'
           'xl set\\-parameters "name=value ..."\nxenhypfs ls|cat|write /params/name [value]\n.fi\n'
           '.SH DESCRIPTION\nAll can be given at boot. Those marked (run time) can also be changed later; a change takes effect at once.\n'
           'A boolean is yes, on, true, enable, 1, no, off, false, disable or 0; at boot also name or no\\-name.\n.SH PARAMETERS\n']
    for r in rows:
        mark = ' (run time)' if r['when'] == 'RUNTIME' else ''
        default = f' Default: {r["initial"]}.' if r['initial'] else ''
        out.append(f'.TP\n.BR {roff(r["name"])} "={roff(r["values"])}{mark}"\n{roff(r["meaning"])}.{roff(default)}\n')
    out.append('.SH SEE ALSO\n.BR xl (1),\n.BR xenhypfs (1)\n')
    return ''.join(out)


def make(root):
    text = read(os.path.join(root, DEF))
    rows, without = parse(text), without_effect(read(os.path.join(root, CMDLINE)))
    pages = {'docs/boot-options.md': page(rows, without), 'docs/man/zendo-params.7': manual(rows)}
    return errors(text, rows), pages, f'parameters ok: {len(rows)}, {sum(r["when"] == "RUNTIME" for r in rows)} at run time'


if __name__ == '__main__':
    sys.exit(main('gen-params.py', __doc__, make))
