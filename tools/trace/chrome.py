# SPDX-License-Identifier: GPL-2.0-or-later
"""A timeline as JSON in the Chrome trace-event format, which Perfetto (ui.perfetto.dev) and chrome://tracing show.

One process 'CPUs' has a row for each CPU; one for each domain has a row for each vCPU. Spans are complete events (X), wake-ups flows (s, f) from the
CPU that woke to the one where the vCPU then ran, losses and details instants (i). check() tells what breaks the format's rules.
"""
from timeline import vcpu_name

CPUS_PID = 1
DOMAIN_PID = 100  # plus the domain's number
LOST_TID = 10000  # plus the CPU's number
COLOURS = {'running': 'thread_state_running', 'runnable': 'thread_state_runnable', 'blocked': 'thread_state_sleeping', 'offline': 'grey',
           'idle': 'white', 'lost': 'terrible'}
DOMAIN_COLOURS = ('rail_response', 'rail_animation', 'rail_idle', 'rail_load', 'cq_build_passed', 'generic_work', 'yellow', 'olive')


def _us(ns):
    return ns / 1000


def _name(pid, tid, kind, name):
    return {'ph': 'M', 'pid': pid, 'tid': tid, 'ts': 0, 'name': kind, 'args': {'name': name}}


def _slice(pid, tid, span, category, colour):
    event = {'ph': 'X', 'pid': pid, 'tid': tid, 'ts': _us(span.start), 'dur': _us(span.end) - _us(span.start), 'name': span.name, 'cat': category}
    if colour:
        event['cname'] = colour
    if span.args:
        event['args'] = span.args
    return event


def _instant(tid, at, name, category, args):
    return {'ph': 'i', 's': 't', 'pid': CPUS_PID, 'tid': tid, 'ts': _us(at), 'name': name, 'cat': category, 'args': args}


def _domain_colour(name):
    return COLOURS['idle'] if name == 'idle' else DOMAIN_COLOURS[int(name[1:].split('v')[0]) % len(DOMAIN_COLOURS)]


class _Rows:
    """Which span of a row contains a time, for times that only grow."""

    def __init__(self, rows):
        self.rows, self.at = rows, dict.fromkeys(rows, 0)

    def find(self, row, time):
        spans, i = self.rows[row], self.at[row]
        while i < len(spans) and spans[i].end <= time:
            i += 1
        self.at[row] = i
        return i < len(spans) and spans[i].start <= time


def _flows(timeline):
    """The arrows whose two ends lie in a span of their rows; the format binds them to it."""
    events, sources, number = [], _Rows(timeline.cpus), 0
    targets = {cpu: {s.start for s in spans} for cpu, spans in timeline.cpus.items()}
    for w in sorted(timeline.wakes):
        if not sources.find(w.cpu, w.at) or w.run_at not in targets[w.run_cpu]:
            continue
        number += 1
        common = {'id': number, 'pid': CPUS_PID, 'name': 'wake ' + vcpu_name(w.vcpu), 'cat': 'wake'}
        events.append({'ph': 's', 'tid': w.cpu, 'ts': _us(w.at), **common})
        events.append({'ph': 'f', 'bp': 'e', 'tid': w.run_cpu, 'ts': _us(w.run_at), **common})
    return events


def convert(timeline, details=False):
    """The whole as a dictionary, ready for json.dump()."""
    names, events = [_name(CPUS_PID, 0, 'process_name', 'CPUs')], []
    for cpu, spans in timeline.cpus.items():
        names.append(_name(CPUS_PID, cpu, 'thread_name', f'CPU {cpu}'))
        events += [_slice(CPUS_PID, cpu, s, 'cpu', _domain_colour(s.name)) for s in spans]
    for domain in sorted({v[0] for v in timeline.vcpus}):
        names.append(_name(DOMAIN_PID + domain, 0, 'process_name', f'domain {domain}'))
    for (domain, number), spans in timeline.vcpus.items():
        names.append(_name(DOMAIN_PID + domain, number, 'thread_name', vcpu_name((domain, number))))
        events += [_slice(DOMAIN_PID + domain, number, s, 'state', COLOURS[s.name]) for s in spans]
    for lost in timeline.lost:
        names.append(_name(CPUS_PID, LOST_TID + lost.cpu, 'thread_name', f'CPU {lost.cpu}: lost'))
        args = {'records': lost.count}
        events.append(_instant(lost.cpu, lost.end, f'{lost.count} records lost', 'lost', args))
        if lost.end > lost.start:
            events.append({'ph': 'X', 'pid': CPUS_PID, 'tid': LOST_TID + lost.cpu, 'ts': _us(lost.start), 'dur': _us(lost.end) - _us(lost.start),
                           'name': 'lost', 'cat': 'lost', 'cname': COLOURS['lost'], 'args': args})
    events += _flows(timeline)
    if details:
        events += [_slice(CPUS_PID, cpu, s, 'exit', None) for cpu, s in timeline.inner if s.end > s.start]
        events += [_instant(i.cpu, i.at, i.name, 'detail', i.args) for i in timeline.instants]
    unique = {(e['pid'], e['tid'], e['name']): e for e in names}
    events.sort(key=lambda e: (e['pid'], e['tid'], e['ts'], -e.get('dur', 0)))
    return {'traceEvents': list(unique.values()) + events, 'displayTimeUnit': 'ns',
            'otherData': {'first_tsc': timeline.first_tsc, 'cycles_per_second': timeline.hz}}


# --- the rules ----------------------------------------------------------------------------------------------------------------------------------

def _check_event(i, e, say):
    if e.get('ph') not in ('X', 'i', 's', 'f', 'M'):
        say(f'event {i}: ph {e.get("ph")!r} is none that is written here')
        return False
    for key in ('pid', 'tid'):
        if not isinstance(e.get(key), int):
            say(f'event {i}: {key} {e.get(key)!r}')
            return False
    if not isinstance(e.get('name'), str) or not isinstance(e.get('ts'), (int, float)) or e['ts'] < 0:
        say(f'event {i}: no name, or ts {e.get("ts")!r}')
        return False
    return True


def _check_track(track, events, say):
    """Times grow; complete events lie beside or within each other."""
    last, open_until = 0, []
    for e in events:
        if e['ts'] < last:
            say(f'{track}: ts goes back from {last} to {e["ts"]}')
        last = e['ts']
        if e['ph'] != 'X':
            continue
        if not e.get('dur', -1) >= 0:
            say(f'{track}: at {e["ts"]} dur is {e.get("dur")!r}')
            continue
        while open_until and e['ts'] >= open_until[-1] - 1e-6:
            open_until.pop()
        if open_until and e['ts'] + e['dur'] > open_until[-1] + 1e-6:
            say(f'{track}: the event at {e["ts"]} ends after the one that it lies in')
        open_until.append(e['ts'] + e['dur'])


def _check_flows(tracks, flows, say):
    for number, ends in flows.items():
        if sorted(e['ph'] for e in ends) != ['f', 's']:
            say(f'flow {number}: {len(ends)} ends, not one s and one f')
            continue
        start, finish = sorted(ends, key=lambda e: e['ph'] == 'f')
        if finish['ts'] < start['ts'] or finish.get('bp') != 'e' or (start['name'], start['cat']) != (finish['name'], finish['cat']):
            say(f'flow {number}: its ends do not belong together')
        for e in ends:
            if not any(s['ts'] - 1e-6 <= e['ts'] <= s['ts'] + s.get('dur', 0) for s in tracks[e['pid'], e['tid']] if s['ph'] == 'X'):
                say(f'flow {number}: its end at {e["ts"]} is in no slice of its row')


def check(trace):
    """What breaks the format's rules, as a list of sentences; empty: nothing."""
    errors, tracks, flows = [], {}, {}
    if not isinstance(trace.get('traceEvents'), list):
        return ['no list traceEvents']
    for i, e in enumerate(trace['traceEvents']):
        if not _check_event(i, e, errors.append):
            continue
        if e['ph'] == 'M':
            if e['name'] not in ('process_name', 'thread_name') or 'name' not in e.get('args', {}):
                errors.append(f'event {i}: metadata {e["name"]!r}')
            continue
        tracks.setdefault((e['pid'], e['tid']), []).append(e)
        if e['ph'] in 'sf':
            flows.setdefault(e.get('id'), []).append(e)
        if e['ph'] == 'i' and e.get('s') not in ('t', 'p', 'g'):
            errors.append(f'event {i}: an instant of scope {e.get("s")!r}')
    named = {(e['pid'], e['tid']) for e in trace['traceEvents'] if e.get('ph') == 'M' and e.get('name') == 'thread_name'}
    for track, events in tracks.items():
        if track not in named:
            errors.append(f'{track}: the row has no name')
        _check_track(track, events, errors.append)
    _check_flows(tracks, flows, errors.append)
    return errors
