# SPDX-License-Identifier: GPL-2.0-or-later
"""A timeline as an SVG picture: a row for each CPU, coloured by domain, and one for each vCPU, coloured by state; arrows from who woke to who then ran."""
from html import escape

from timeline import vcpu_name

LEFT, TOP, ROW, GAP, WIDTH = 70, 34, 18, 6, 1100
STATES = {'running': '#3a9d4a', 'runnable': '#f0a63a', 'blocked': '#d9dde2', 'offline': '#8d949c'}
DOMAINS = ('#4472c4', '#c0504d', '#8064a2', '#2c9aa8', '#d0802f', '#6b8e23', '#b0559d', '#555f8f')
IDLE, LOST = '#f2f3f5', '#d62728'
ARROWS_MAX = 400


def _domain_colour(name):
    return IDLE if name == 'idle' else DOMAINS[int(name[1:].split('v')[0]) % len(DOMAINS)]


def _nice_step(length):
    step = 1
    while length / step > 10:
        step *= 5 if str(step)[0] == '2' else 2
    return step


class _Picture:
    def __init__(self, timeline, start, end):
        self.t, self.start, self.end, self.out, self.y, self.at = timeline, start, end, [], TOP, {}

    def x(self, time):
        return LEFT + (min(max(time, self.start), self.end) - self.start) * WIDTH / (self.end - self.start)

    def text(self, x, y, text, more=''):
        self.out.append(f'<text x="{x:.1f}" y="{y:.1f}"{more}>{escape(text)}</text>')

    def box(self, x1, x2, y, colour, title):
        self.out.append(f'<rect x="{x1:.2f}" y="{y}" width="{max(x2 - x1, 0.3):.2f}" height="{ROW}" fill="{colour}"><title>{escape(title)}</title></rect>')

    def row(self, label, spans, colour_of):
        """One row. What is too narrow to see is drawn together with its neighbour."""
        self.text(LEFT - 6, self.y + 13, label, ' text-anchor="end"')
        last = None  # x where the last box ended, and its colour
        for s in spans:
            if s.end <= self.start or s.start >= self.end:
                continue
            x1, x2, colour = self.x(s.start), self.x(s.end), colour_of(s.name)
            if last and x2 - last[0] < 0.3 and x2 - x1 < 0.3:
                continue
            self.box(x1, x2, self.y, colour, f'{s.name} {(s.end - s.start) / 1000:.1f} µs, from {s.start / 1e6:.6f} ms')
            if s.name not in STATES and s.name != 'idle' and x2 - x1 > 30:
                self.text((x1 + x2) / 2, self.y + 13, s.name, ' text-anchor="middle" fill="#fff"')
            last = (x2, colour)
        self.at[label] = self.y
        self.y += ROW + GAP

    def axis(self):
        step = _nice_step(self.end - self.start)
        unit, scale = ('ms', 1e6) if step >= 100000 else ('µs', 1e3)
        time = (self.start + step - 1) // step * step
        while time <= self.end:
            x = self.x(time)
            self.out.append(f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{self.y}" stroke="#e4e6e9"/>')
            self.text(x, TOP - 10, f'{time / scale:g} {unit}', ' text-anchor="middle" fill="#666"')
            time += step

    def arrows(self):
        wakes = [w for w in self.t.wakes if self.start <= w.at and w.run_at <= self.end]
        for w in wakes[:ARROWS_MAX]:
            row = self.at[vcpu_name(w.vcpu)]
            self.out.append(f'<line x1="{self.x(w.at):.2f}" y1="{self.at[f"CPU {w.cpu}"] + ROW}" x2="{self.x(w.run_at):.2f}" y2="{row}" '
                            f'stroke="#333" stroke-width="0.6" marker-end="url(#tip)"><title>wakes {vcpu_name(w.vcpu)}, which runs '
                            f'{(w.run_at - w.at) / 1000:.1f} µs later</title></line>')

    def lost(self):
        for lost in self.t.lost:
            if lost.end > self.start and lost.start < self.end:
                self.box(self.x(lost.start), self.x(lost.end), self.at[f'CPU {lost.cpu}'], LOST, f'{lost.count} records lost')

    def legend(self):
        x = LEFT
        for name, colour in list(STATES.items()) + [('lost', LOST)]:
            self.out.append(f'<rect x="{x}" y="{self.y + 4}" width="12" height="12" fill="{colour}"/>')
            self.text(x + 16, self.y + 14, name)
            x += 90
        self.text(x, self.y + 14, 'CPUs: one colour a domain; arrow: a wake-up, from who made it to when the vCPU ran')
        self.y += 26


def draw(timeline, start=0, end=None):
    """The picture of [start, end) nanoseconds, all of it by default, as text."""
    p = _Picture(timeline, start, max(timeline.end if end is None else end, start + 1))
    for cpu, spans in timeline.cpus.items():
        p.row(f'CPU {cpu}', spans, _domain_colour)
    p.y += GAP
    for vcpu, spans in timeline.vcpus.items():
        p.row(vcpu_name(vcpu), spans, lambda name: STATES[name])
    rows, p.out = p.out, []
    p.axis()
    p.out += rows
    p.lost()
    p.arrows()
    p.legend()
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 20} {p.y}" font-family="sans-serif" font-size="11">\n'
            '<defs><marker id="tip" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="5" markerHeight="5" orient="auto"><path d="M0,0L6,3L0,6z" '
            f'fill="#333"/></marker></defs>\n<rect width="{LEFT + WIDTH + 20}" height="{p.y}" fill="#fff"/>\n')
    return head + '\n'.join(p.out) + '\n</svg>\n'
