#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sched-pictures.py JSON FOLDER: draw what `schedsim report --json` measured as FOLDER/sched-*.svg (make sched-pictures)."""
import json
import math
import os
import sys
from html import escape

WIDTH, LEFT, RIGHT, TOP, ROW = 760, 190, 60, 46, 22
COLOURS = ['#2f6f9f', '#d08a2f', '#a33b3b']
HEAD = ('<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" font-family="sans-serif" font-size="12">\n'
        '<rect width="{w}" height="{h}" fill="#ffffff"/>\n<text x="12" y="20" font-size="14" font-weight="bold">{title}</text>\n')


class Picture:
    def __init__(self, title, height):
        self.height, self.out = height, [HEAD.format(w=WIDTH, h=height, title=escape(title))]

    def text(self, x, y, what, anchor='start', colour='#222222'):
        self.out.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(what)}</text>\n')

    def line(self, x1, y1, x2, y2, colour='#cccccc', dash=''):
        self.out.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{dash and f" stroke-dasharray={chr(34)}{dash}{chr(34)}"}/>\n')

    def box(self, x, y, w, h, colour):
        self.out.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(w, 1):.1f}" height="{h:.1f}" fill="{colour}"/>\n')

    def path(self, points, colour, dash=''):
        d = ' '.join(f'{"ML"[i > 0]}{x:.1f},{y:.1f}' for i, (x, y) in enumerate(points))
        self.out.append(f'<path d="{d}" fill="none" stroke="{colour}" stroke-width="2"{dash and f" stroke-dasharray={chr(34)}{dash}{chr(34)}"}/>\n')

    def legend(self, names):
        x = WIDTH - RIGHT - 130 * len(names)
        for name, colour in zip(names, COLOURS):
            self.box(x, 28, 10, 10, colour)
            self.text(x + 15, 37, name)
            x += 130

    def write(self, path):
        with open(path, 'w') as f:
            f.write(''.join(self.out) + '</svg>\n')


def bars(title, path, rows, names, ticks, scale, show, mark=None):
    """Rows of (label, [value, ...]): a bar for each value. @scale maps a value to 0..1; @show prints one; @mark: a value with a line across."""
    each = len(names)
    p = Picture(title, TOP + 30 + len(rows) * (ROW + 10 * (each - 1)))
    space, bottom = WIDTH - LEFT - RIGHT, p.height - 24
    for t in ticks:
        x = LEFT + scale(t) * space
        p.line(x, TOP, x, bottom)
        p.text(x, bottom + 16, show(t), 'middle', '#666666')
    y = TOP + 4
    for label, values in rows:
        high = (ROW + 10 * (each - 1) - 6) / each
        p.text(LEFT - 8, y + high * each / 2 + 4, label, 'end')
        for i, v in enumerate(values):
            p.box(LEFT, y + i * high, scale(v) * space, high - 1, COLOURS[i])
            p.text(LEFT + scale(v) * space + 4, y + i * high + high / 2 + 4, show(v), colour='#444444')
        y += high * each + 6
    if mark is not None:
        p.line(LEFT + scale(mark) * space, TOP, LEFT + scale(mark) * space, bottom, '#a33b3b', '5,4')
    if each > 1:
        p.legend(names)
    p.write(path)


def lines(title, path, xs, series, names, x_name):
    """One line for each of @series over @xs, whose axis is logarithmic."""
    p = Picture(title, 320)
    space, bottom, top = WIDTH - LEFT - RIGHT + 120, 270, TOP + 10
    most = max(map(max, series)) * 1.1
    place = [LEFT - 120 + math.log(x / xs[0]) / math.log(xs[-1] / xs[0]) * space for x in xs]
    for i in range(6):
        y = bottom - i / 5 * (bottom - top)
        p.line(LEFT - 120, y, LEFT - 120 + space, y)
        p.text(LEFT - 126, y + 4, f'{most * i / 5:.0f}', 'end', '#666666')
    for x, at in zip(xs, place):
        p.text(at, bottom + 18, str(x), 'middle', '#666666')
    p.text(LEFT - 120 + space / 2, bottom + 38, x_name, 'middle', '#666666')
    for values, colour in zip(series, COLOURS):
        p.path([(at, bottom - v / most * (bottom - top)) for at, v in zip(place, values)], colour)
    p.legend(names)
    p.write(path)


def time(ns):
    return f'{ns / 1e6:g} ms' if ns >= 1e6 else f'{ns / 1e3:.3g} µs'


def log_scale(low, high):
    return lambda v: max(0.0, math.log(max(v, low) / low) / math.log(high / low))


def main():
    with open(sys.argv[1]) as f:
        rows = json.load(f)
    folder = sys.argv[2]
    os.makedirs(folder, exist_ok=True)

    def named(prefix):
        return [r for r in rows if r['name'].startswith(prefix)]

    bars('Wake-up to first instruction, an interrupt between pCPUs taking 1 µs (logarithmic)', f'{folder}/sched-wake.svg',
         [(r['name'][5:] + (' pCPUs'), [round(r['wake_ns'][k], -2) or 100 for k in ('p50', 'p99', 'max')]) for r in named('wake/')],
         ['median', '99 of 100', 'longest'], [10 ** i for i in range(3, 8)], log_scale(100, 2e7), time)
    bars('Weights 1:2:4, three hogs a pCPU, 10 s: the vCPU furthest from its fair share (goal: below 1 %)', f'{folder}/sched-fair.svg',
         [(f"{r['cpus']} pCPUs, {r['nodes']} nodes", [100 * r['fair_worst']]) for r in named('weights/')],
         [''], [0, 0.25, 0.5, 0.75, 1.0], lambda v: v / 1.2, lambda v: f'{v:.2f} %', 1.0)
    bars('64 pCPUs, 8 nodes: time away from the node of the soft affinity, or of the start', f'{folder}/sched-numa.svg',
         [(r['name'][5:-3], [100 * r['away']]) for r in named('numa/')],
         [''], [0, 20, 40, 60, 80, 100], lambda v: v / 105, lambda v: f'{v:.1f} %')
    waiting = named('cost/waiting/')
    xs = [r['vcpus'] - 16 for r in waiting]
    lines('Branches of one decision, 16 pCPUs with one runqueue', f'{folder}/sched-cost.svg', xs,
          [[r['decision'][k] for r in waiting] for k in ('mean', 'p99', 'max')], ['mean', '99 of 100', 'most'],
          'vCPUs that wait (logarithmic: a straight line is growth with the logarithm)')
    return 0


if __name__ == '__main__':
    sys.exit(main())
