#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""layers.py ROOT [--objects DIR]: fail on a dependency that no LAYER file declares (see CONTRIBUTING.md, Layers).

 1. Every #include of abi/, lib/ and hypervisor/ names, in angle brackets, a file from ROOT or from ROOT/hypervisor; its folder must be
    the including folder or one that its LAYER declares.  <port/...> counts as hypervisor/base.  A header that is not ours must be one
    that a freestanding compiler supplies; <xen/...> (libxen-dev) is for abi/ alone, the compression libraries' headers for lib/ alone;
    a folder with `hosted: yes` may use the C library.
 2. The declared graph has no cycle, no unknown folder and no entry that nothing uses.
 3. core, model and guest hold no assembly, no architecture macro and no #if on a build kind.
 4. With --objects: an undefined symbol of DIR/<folder>/**.o must be defined in that folder or in one that it reaches, or be declared in
    a contract: a header of hypervisor/base or <port/...> (whose calls hw and host supply), or, of the folder or of one that it reaches,
    an arch.h, a *contract.h or a header that its LAYER names in a line `contract: <file> ...` (whose calls a higher folder supplies).
    The do_NAME of abi/hypercalls.def are core/hypercall's contract.  This catches a hand-written `extern`.
"""
import argparse
import os
import re
import subprocess
import sys

TREES = ('abi', 'lib', 'hypervisor')
SKIP = {'tests', 'bench', 'build', '.git'}
BASE = 'hypervisor/base'
FREESTANDING = {f'std{x}.h' for x in ('arg', 'atomic', 'bool', 'def', 'int', 'align', 'noreturn')} \
    | {'limits.h', 'float.h', 'iso646.h', 'cpuid.h'}
COMPRESSION = {'lzma.h', 'zlib.h', 'zconf.h', 'zstd.h', 'zstd_errors.h', 'lz4.h', 'lz4frame.h'}
COMPRESSION_SYMBOLS = re.compile(r'^(lzma_|inflate|zlib|adler32|crc32|ZSTD_|LZ4)')
COMPILER = {'memcpy', 'memset', 'memmove', 'memcmp', '_GLOBAL_OFFSET_TABLE_',
            '__divti3', '__modti3', '__udivti3', '__umodti3', '__multi3', '__popcountdi2'}  # calls that a compiler makes by itself
CONTRACT = re.compile(r'(^|_)(arch|contract)\.h$')
HYPERCALL = 'hypervisor/core/hypercall'
MADE = re.compile(r'^symtab_')  # tools/symtab.py
PURE = ('hypervisor/core/', 'hypervisor/model/', 'hypervisor/guest/')
PURE_IF = re.compile(r'^\s*#\s*(?:el)?if(?:n?def)?\b.*\b(CONFIG_\w+|ZENDO_HOST|ZENDO_DEBUG|__x86_64__|__aarch64__|__i386__|NDEBUG)\b')
PURE_ASM = re.compile(r'\b(?:__asm__|__asm|asm)\b\s*(?:volatile|__volatile__|goto)?\s*\(')
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def walk(root):
    for tree in TREES:
        for path, dirs, files in os.walk(os.path.join(root, tree)):
            dirs[:] = sorted(d for d in dirs if d not in SKIP)
            yield os.path.relpath(path, root), sorted(files)


def read_layers(root):
    """{folder: (what it uses, whether it is hosted)}"""
    out = {}
    for folder, files in walk(root):
        if 'LAYER' in files:
            with open(os.path.join(root, folder, 'LAYER')) as f:
                text = f.read()
            uses = re.search(r'^uses:(.*)$', text, re.M)
            out[folder] = (uses.group(1).split() if uses else None, bool(re.search(r'^hosted: yes$', text, re.M)))
    return out


def expand(layers, folder):
    """The LAYER folders that a folder's `uses:` names; one without a LAYER of its own stands for all below it (but not for itself)."""
    out = {}
    for name in layers[folder][0] or []:
        for f in [name] if name in layers else [f for f in layers if f.startswith(name + '/') and f != folder] or [name]:
            out[f] = name
    return out


def owner(layers, path):
    """The folder whose LAYER rules this file: the longest that the path is in, or None."""
    return max((f for f in layers if path.startswith(f + '/')), key=len, default=None)


def resolve(root, name):
    """Path from the root of the file that <name> means, or None when it is not ours."""
    if name.startswith('port/'):
        for port in ('hypervisor/hw/x86/port', 'hypervisor/host/port'):
            if os.path.exists(os.path.join(root, port, name)):
                return f'{BASE}/{name}'
    if not name.startswith('xen/'):
        for base in ('', 'hypervisor/'):
            if os.path.isfile(os.path.join(root, base + name)) and (base + name).split('/')[0] in TREES:
                return base + name
    return None


def graph_errors(layers):
    errs, done = [], set()

    def visit(folder, trail):
        if folder in trail:
            errs.append('cycle: ' + ' -> '.join(trail[trail.index(folder):] + [folder]))
        elif folder not in layers:
            errs.append(f'{trail[-1]}/LAYER: there is no LAYER in {folder}')
        elif folder not in done:
            for used in expand(layers, folder):
                visit(used, trail + [folder])
            done.add(folder)

    for folder in layers:
        if layers[folder][0] is None:
            errs.append(f'{folder}/LAYER: no line `uses:`')
        visit(folder, [])
    return errs


def include_error(path, me, layers, name, target):
    """(the folder that the include uses or None, what is wrong or None)"""
    hosted = layers[me][1]
    if target is None:
        if name.startswith('xen/'):
            return None, None if me == 'abi' else f'<{name}>: only abi/ includes headers of libxen-dev'
        if name in COMPRESSION:
            return None, None if me.split('/')[0] == 'lib' else f'<{name}>: only lib/ includes a compression library'
        if name in FREESTANDING or hosted:
            return None, None
        return None, f'<{name}> is neither ours nor freestanding'
    used = owner(layers, target)
    if used == me or used in expand(layers, me):
        return used, None
    return used, f'{me} may not use {used} (<{name}>)'


def source_errors(root, layers):
    errs, used, filled = [], set(), set()
    for folder, files in walk(root):
        for name in files:
            if not name.endswith(('.c', '.h', '.S', '.def', '.lds')):
                continue
            path = f'{folder}/{name}'
            me = owner(layers, path)
            if me is None:
                errs.append(f'{path}: its folder has no LAYER file')
                continue
            filled.add(me)
            pure = path.startswith(PURE)
            if pure and name.endswith('.S'):
                errs.append(f'{path}: assembly belongs in hypervisor/hw')
            with open(os.path.join(root, path), errors='replace') as f:
                for i, line in enumerate(f, 1):
                    if pure and (PURE_IF.match(line) or (PURE_ASM.search(line) and not line.lstrip().startswith(('*', '/*')))):
                        errs.append(f'{path}:{i}: no assembly and no #if on a build or an architecture here: {line.strip()}')
                    m = INCLUDE.match(line)
                    if not m:
                        continue
                    if m.group(1) == '"':
                        errs.append(f'{path}:{i}: spell "{m.group(2)}" in angle brackets, from the root or from hypervisor/')
                        continue
                    what, wrong = include_error(path, me, layers, m.group(2), resolve(root, m.group(2)))
                    used.add((me, what))
                    if wrong:
                        errs.append(f'{path}:{i}: {wrong}')
    for folder, (uses, _) in layers.items():
        if folder in filled:
            named = {name for f, name in expand(layers, folder).items() if (folder, f) in used}
            errs += [f'{folder}/LAYER: {u} is declared but not used' for u in uses or [] if u not in named]
    return errs


def symbols(objects):
    """{path of object from DIR: (undefined, defined)} of every object under DIR, in one run of nm."""
    files = [os.path.join(p, f) for p, _, fs in os.walk(objects) for f in fs if f.endswith('.o')]
    out, now = {}, None
    if not files:
        return out
    text = subprocess.run(['nm', '-g', *sorted(files)], capture_output=True, text=True, check=True).stdout
    if len(files) == 1:
        text = f'{files[0]}:\n{text}'
    for line in text.splitlines():
        if line.endswith('.o:'):
            now = out.setdefault(os.path.relpath(line[:-1], objects), (set(), set()))
        elif line.strip():
            f = line.split()
            now[0 if f[-2] in 'Uw' else 1].add(f[-1])
    return out


def words_of(root, folder, file_name):
    out = set()
    for path, _, files in os.walk(os.path.join(root, folder)):
        for name in files:
            if file_name.search(name):
                with open(os.path.join(path, name), errors='replace') as f:
                    out.update(re.findall(r'\b[A-Za-z_]\w+', f.read()))
    return out


def named_contracts(root, folder):
    """The words of the headers that the folder's LAYER names as contracts."""
    with open(os.path.join(root, folder, 'LAYER')) as f:
        names = re.findall(r'\S+', ' '.join(re.findall(r'^contract:(.*)$', f.read(), re.M)))
    out = set()
    for name in names:
        with open(os.path.join(root, folder, name), errors='replace') as f:
            out.update(re.findall(r'\b[A-Za-z_]\w+', f.read()))
    return out


def reach(layers, folder, seen):
    for used in expand(layers, folder):
        if used in layers and used not in seen:
            seen.add(used)
            reach(layers, used, seen)
    return seen


def object_errors(root, layers, objects):
    header = re.compile(r'\.h$')
    contract = words_of(root, BASE, header) | words_of(root, 'hypervisor/hw/x86/port', header)
    linker = words_of(root, 'hypervisor', re.compile(r'\.lds$'))
    per_folder = {f: (set(), set()) for f in layers}
    # an object whose source has gone stays in the build folder: it is no part of the tree
    for path, (undefined, defined) in symbols(objects).items():
        me = owner(layers, path)
        if me and any(os.path.exists(os.path.join(root, path[:-1] + e)) for e in 'cS'):
            per_folder[me][0].update(undefined)
            per_folder[me][1].update(defined)
    errs = []
    for folder, (undefined, defined) in per_folder.items():
        if layers[folder][1]:
            continue
        known = set(defined) | COMPILER | contract
        for used in reach(layers, folder, {folder}):
            known |= per_folder[used][1] | words_of(root, used, CONTRACT) | named_contracts(root, used)
        for symbol in sorted(undefined - known):
            if MADE.match(symbol) or symbol in linker or (folder == HYPERCALL and symbol.startswith('do_')) or \
                    (folder.split('/')[0] == 'lib' and COMPRESSION_SYMBOLS.match(symbol)):
                continue
            homes = [f for f, (_, d) in per_folder.items() if symbol in d]
            errs.append(f'{folder}: uses the symbol {symbol} of {homes[0] if homes else "nobody"}, which its LAYER does not reach')
    return errs


def check(root, objects=None):
    layers = read_layers(root)
    if objects:
        return object_errors(root, layers, objects)
    return graph_errors(layers) + source_errors(root, layers)


if __name__ == '__main__':
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('root')
    ap.add_argument('--objects')
    a = ap.parse_args()
    found = check(a.root, a.objects)
    print('\n'.join(found) or f'{"symbols" if a.objects else "layers"} ok')
    sys.exit(bool(found))
