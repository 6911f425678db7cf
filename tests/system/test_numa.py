# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory nodes as the stock tools show them and place guests on them, on a machine with two nodes of two CPUs and 2 GiB each."""
import re

import image
import pytest

pytestmark = [pytest.mark.xl, pytest.mark.pv, pytest.mark.pvh]
NODES = ('-object', 'memory-backend-ram,id=m0,size=2G', '-object', 'memory-backend-ram,id=m1,size=2G',
         '-numa', 'node,nodeid=0,memdev=m0,cpus=0-1', '-numa', 'node,nodeid=1,memdev=m1,cpus=2-3', '-numa', 'dist,src=0,dst=1,val=25')


def nodes(m):
    """{node: (size, free, distances)} of xl info -n, in MiB."""
    text = m.ok('xl info -n')
    rows = re.findall(r'^ +(\d+): +(\d+) +(\d+) +([\d,]+)$', text[text.index('numa_info'):], re.M)
    return {int(n): (int(size), int(free), distances) for n, size, free, distances in rows}


def free(m):
    return [row[1] for row in nodes(m).values()]


def cpu_nodes(m):
    return re.findall(r'^ +(\d+): +(\d+) +(\d+) +(\d+)$', m.ok('xl info -n').split('numa_info')[0], re.M)


def affinity(m, name):
    """The node affinity that xl list -n shows."""
    return m.ok(f'xl list -n {name}').splitlines()[1].split()[6]


def taken(m, start):
    """Start a guest; how much of each node's memory went."""
    before = free(m)
    m.ok(start, 120)
    return [a - b for a, b in zip(before, free(m))]


def end(m, name):
    m.ok(f'xl destroy {name}; gone {name} 30')


def test_two_nodes(new_machine):
    m = new_machine(smp=4, qemu=NODES, files=image.guest_kernels())
    m.start_tools()
    assert cpu_nodes(m) == [('0', '0', '0', '0'), ('1', '1', '0', '0'), ('2', '2', '0', '1'), ('3', '3', '0', '1')]
    table = nodes(m)
    assert set(table) == {0, 1} and table[0][2] == '10,25' and table[1][2] == '25,10'
    assert abs(table[0][0] - 2048) < 8 and table[1][0] >= 2040
    assert 1000 < table[0][1] + table[1][1] < 2700
    # dom0's memory comes from both
    assert all(500 < size for size in free(m)), table

    # where its vCPUs prefer to be
    got = taken(m, "KERNEL=/vmlinux-cloud; xl create -p -q $(cfg soft pvh 256 2 job=stay 'cpus_soft=\"2-3\"')")
    assert got[1] > 250 and got[0] < 30, got
    assert affinity(m, 'soft') == '1'
    m.ok('xl vcpu-pin soft all all 0')
    assert affinity(m, 'soft') == '0'
    end(m, 'soft')
    got = taken(m, "KERNEL=/vmlinux-cloud; xl create -p -q $(cfg hard pv 256 1 job=stay 'cpus=\"1\"' 'cpus_soft=\"0-3\"')")
    assert got[0] > 250 and got[1] < 30, got
    assert affinity(m, 'hard') == '0'
    end(m, 'hard')
    assert all(abs(a - b[1]) < 12 for a, b in zip(free(m), table.values())), (free(m), table)

    # xl itself places a guest that says nothing on one node
    got = taken(m, 'KERNEL=/vmlinux-cloud; xl create -p -q $(cfg auto pvh 256 1 job=stay)')
    assert max(got) > 250 and min(got) < 30, got
    end(m, 'auto')

    # a pool for each node
    m.ok('xl cpupool-numa-split', 60)
    assert re.findall(r'^Pool-node(\d) +([\d,]+)$', m.ok('xl cpupool-list -c'), re.M) == [('0', '0,1'), ('1', '2,3')]
    assert affinity(m, 'Domain-0') == '0'
    got = taken(m, "KERNEL=/vmlinux-cloud; xl create -q $(cfg pooled pvh 256 1 job=stay 'pool=\"Pool-node1\"')")
    assert got[1] > 250 and got[0] < 30, got
    m.ok('await pooled "GUEST READY" 90', 100)
    assert affinity(m, 'pooled') == '1'
    assert m.ok('xl vcpu-list pooled').splitlines()[1].split()[3] in '23'
    end(m, 'pooled')


def test_more_than_a_node_has(new_machine):
    """A guest that one node cannot hold gets the rest from the other."""
    m = new_machine(smp=4, qemu=NODES)
    m.start_tools()
    want = free(m)[1] + 200
    got = taken(m, f"xl create -p -q $(cfg big pvh {want} 1 job=stay 'cpus_soft=\"2-3\"')")
    assert sum(got) >= want and 150 < got[0] < 260, (want, got)
    end(m, 'big')


def test_numa_off(new_machine):
    m = new_machine(smp=4, qemu=NODES, hv_args='numa=off')
    m.start_tools()
    assert list(nodes(m)) == [0] and {row[3] for row in cpu_nodes(m)} == {'0'}
