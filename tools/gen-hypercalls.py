#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""gen-hypercalls.py [--check] [--root DIR]: write docs/hypercalls.md from abi/hypercalls.def and the sources.

A sub-operation is found in the sources as `case PREFIX_name:` or `[PREFIX_name] =`; each one found must have a SUBOP row, each row must
be found, and its number must be that of libxen-dev's headers.  --check writes nothing and fails when any of this does not hold or the
page is not what would be written.
"""
import os
import re
import sys

from generated import main, read

HEADERS = '/usr/include/xen'
PAGE = 'docs/hypercalls.md'
PREFIXES = {'mmuext_op': 'MMUEXT_', 'platform_op': 'XENPF_', 'memory_op': 'XENMEM_', 'xen_version': 'XENVER_', 'console_io': 'CONSOLEIO_',
            'grant_table_op': 'GNTTABOP_', 'vm_assist': 'VMASST_CMD_', 'vcpu_op': 'VCPUOP_', 'nmi_op': 'XENNMI_', 'sched_op': 'SCHEDOP_',
            'callback_op': 'CALLBACKOP_', 'event_channel_op': 'EVTCHNOP_', 'physdev_op': 'PHYSDEVOP_', 'hvm_op': 'HVMOP_',
            'sysctl': 'XEN_SYSCTL_', 'domctl': 'XEN_DOMCTL_', 'mca': 'XEN_MC_', 'hypfs_op': 'XEN_HYPFS_OP_'}
# names inside an operation, not operations
INNER = re.compile(r'^XEN_(DOMCTL_(SCHEDOP|SHADOW_OP|SENDTRIGGER)_|SYSCTL_(SCHEDOP|PERFCOP|CPUPOOL_OP|TBUFOP|cpu_policy|cpu_featureset|CPU_HOTPLUG)_)')
KINDS = {'PV': 'PV', 'PVH': 'PVH', 'BOTH': 'both'}
WHO = {
    'any': 'every domain; what it names of another must have been offered to it (a grant, a port) or be its to serve',
    'self': 'every domain, for itself only',
    'trusted': 'every domain for itself; for another the control domain (memory, pages and HVM parameters: also the domain that serves it)',
    'control': 'the control domain',
    'hardware': 'the hardware domain',
    'refused': 'nobody: known, and answered with an error that says so',
}
HEAD = '''# Hypercalls

Made by `tools/gen-hypercalls.py` from `abi/hypercalls.def`; do not edit. Dispatch, and the check of who may make a call, come from the same rows; the
handlers check the rights of sub-operations. A call, or a sub-operation, that is not here answers `-ENOSYS`;
most families name it once in the log. Structures: `libxen-dev`'s headers (Xen 4.17).

**Guests**: which kinds have it. **Who**: who may; others get `-EPERM` (grant operations: a status in the request).
**Resumed**: long work stops when a softirq is due and goes on afterwards; the caller notices nothing.

'''


def table(text):
    calls = [(int(n), name, kinds, who, what) for n, name, kinds, who, what in
             re.findall(r'^HYPERCALL\((\d+), (\w+), (\w+), (\w+), "([^"]*)"\)', text, re.M)]
    subs = [(call, int(n), name, who, resumed) for call, n, name, who, resumed in
            re.findall(r'^SUBOP\((\w+), (\d+), (\w+), (\w+), (\w+)\)', text, re.M)]
    return calls, subs


def in_sources(root):
    """{call: {name}} of the sub-operations that the sources have code for."""
    out = {call: set() for call in PREFIXES}
    for path, _, files in os.walk(os.path.join(root, 'hypervisor')):
        for name in (f for f in files if f.endswith('.c')):
            text = read(os.path.join(path, name))
            found = re.findall(r'\bcase (\w+):', text) + re.findall(r'\[(\w+)\] =', text) + re.findall(r'\bcmd == (\w+)', text)
            for word in found:
                for call, prefix in PREFIXES.items():
                    if word.startswith(prefix) and not INNER.match(word):
                        out[call].add(word)
    return out


def in_headers(headers):
    out = {}
    for path, _, files in os.walk(headers):
        for name in (f for f in files if f.endswith('.h')):
            for word, value in re.findall(r'^#\s*define\s+(\w+)\s+(\d+)\s*(?:/\*.*)?$', read(os.path.join(path, name)), re.M):
                out[word] = int(value)
    return out


def errors(calls, subs, sources, numbers):
    errs, names = [], {c[1] for c in calls}
    for call, number, name, who, resumed in subs:
        if call not in names:
            errs.append(f'SUBOP {name}: there is no HYPERCALL {call}')
        elif not name.startswith(PREFIXES.get(call, '?')):
            errs.append(f'SUBOP {name}: not an operation of {call}')
        elif name not in sources[call]:
            errs.append(f'SUBOP {name}: no code has `case {name}:` or `[{name}] =`')
        if numbers and numbers.get(name) != number:
            errs.append(f'SUBOP {name}: {number} here, {numbers.get(name)} in libxen-dev')
        if who not in WHO or resumed not in ('yes', 'no'):
            errs.append(f'SUBOP {name}: who is one of {", ".join(WHO)}; resumable is yes or no')
    listed = {s[2] for s in subs}
    for call, found in sources.items():
        errs += [f'{name}: the code handles it, abi/hypercalls.def has no SUBOP for it' for name in sorted(found - listed)]
    return errs


def page(calls, subs):
    out = [HEAD, '| who | means |\n|---|---|\n', *(f'| {k} | {v} |\n' for k, v in WHO.items()),
           '\n## Calls\n\n| number | name | guests | who | what |\n|---|---|---|---|---|\n']
    with_subs = {s[0] for s in subs}
    for number, name, kinds, who, what in sorted(calls):
        link = f'[{name}](#{name})' if name in with_subs else name
        out.append(f'| {number} | {link} | {KINDS[kinds]} | {who} | {what} |\n')
    for number, name, _, _, what in sorted(calls):
        rows = sorted((s for s in subs if s[0] == name), key=lambda s: s[1])
        if rows:
            out.append(f'\n## {name}\n\n{number}: {what}\n\n| number | operation | who | resumed |\n|---|---|---|---|\n')
            out += [f'| {n} | `{op}` | {who} | {resumed} |\n' for _, n, op, who, resumed in rows]
    return ''.join(out)


def make(root):
    calls, subs = table(read(os.path.join(root, 'abi/hypercalls.def')))
    return errors(calls, subs, in_sources(root), in_headers(HEADERS)), {PAGE: page(calls, subs)}, 'hypercalls ok'


if __name__ == '__main__':
    sys.exit(main('gen-hypercalls.py', __doc__, make))
