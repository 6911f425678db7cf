# SPDX-License-Identifier: GPL-2.0-or-later
"""Random changes of affinities, weights, caps, pools and CPUs under load, best on a debug build: nothing panics, stops or is lost (scenarios/soak.sh).

ZENDO_SOAK_SECONDS says for how long (dom0's clock), ZENDO_SOAK_SEED which changes; the run's figures and the console's log name the seed.
"""
import os
import random
import re

import image
import pytest

pytestmark = [pytest.mark.xl, pytest.mark.pv, pytest.mark.pvh]


@pytest.mark.long
@pytest.mark.extra
@pytest.mark.zendo  # on Debian's Xen vCPUs of the null scheduler are left without a CPU
def test_soak(new_machine, figure):
    seconds = int(os.environ.get('ZENDO_SOAK_SECONDS', 600))
    seed = int(os.environ.get('ZENDO_SOAK_SEED', random.randrange(1 << 31)))
    m = new_machine(smp=4, mem=3072, dom0_vcpus=2, files=image.guest_kernels())
    m.start_tools()
    figure('soak: seed', seed)
    results = m.scenario('soak', seconds + 900, SEED=seed, SECONDS_LONG=seconds)
    out = results.pop('')
    changes = re.findall(r'^\d+ at [\d.]+: .* -> (\d+)$', out, re.M)
    figure('soak: changes, and those that were refused', f'{len(changes)}, {len(changes) - changes.count("0")} in {seconds} s')
    bad = [name for name, (passed, _) in results.items() if not passed]
    assert not bad and results.get('destroyed'), f'seed {seed}: {bad}\n' + out[-8000:]
    assert changes.count('0') > 5, out[-8000:]
