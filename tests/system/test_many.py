# SPDX-License-Identifier: GPL-2.0-or-later
"""Many guests, many lives, and configurations that must be refused; the work is done by scenarios in dom0."""
import pytest

pytestmark = [pytest.mark.xl]


def all_passed(results, *expected):
    bad = [n for n, v in results.items() if n and not v[0]]
    missing = [n for n in expected if n not in results]
    assert not bad and not missing, f'failed {bad}, missing {missing}:\n{results[""][-3000:]}'


def test_bad_kernels_are_refused(dom0):
    all_passed(dom0.scenario('bad-kernels', 240), 'memory', 'others', 'pv-cut-4096-fails', 'pvh-no-kernel-says-why')


@pytest.mark.long
def test_create_destroy_cycles(dom0):
    dom0.ok('destroy_all', 60)
    dom0.guests = {}
    all_passed(dom0.scenario('cycles', 600, COUNT=12), 'cycles')


@pytest.mark.long
def test_sixteen_guests(dom0):
    dom0.ok('destroy_all', 60)
    dom0.guests = {}
    all_passed(dom0.scenario('sixteen', 900), 'up-16', 'answers-16', 'destroyed')
