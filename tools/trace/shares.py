# SPDX-License-Identifier: GPL-2.0-or-later
"""Where vCPUs ran and for how long, out of a timeline: what a test of affinity, weights or caps asks for. Times are nanoseconds of the trace's own clock."""


def run_ns(timeline, vcpu):
    """{CPU: how long this vCPU ran there}; empty when the trace does not show it running."""
    out = {}
    for s in timeline.vcpus.get(vcpu, ()):
        if s.name == 'running':
            out[s.args['cpu']] = out.get(s.args['cpu'], 0) + s.end - s.start
    return out


def inside(timeline, vcpu, cpus):
    """Which part of its running time it spent on these CPUs, 0 to 1; one that did not run spent none there."""
    ran = run_ns(timeline, vcpu)
    return sum(ns for cpu, ns in ran.items() if cpu in cpus) / max(1, sum(ran.values()))


def of_time(timeline, vcpu):
    """Which part of the trace's time it ran, 0 to 1."""
    return sum(run_ns(timeline, vcpu).values()) / max(1, timeline.end)
