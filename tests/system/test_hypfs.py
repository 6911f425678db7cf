# SPDX-License-Identifier: GPL-2.0-or-later
"""Parameters at run time, through stock xenhypfs and xl set-parameters: the tree, what each change does, and what is refused."""
import re

import pytest

pytestmark = [pytest.mark.xl]
COMMON = ['console_timestamps', 'conswitch', 'crash-debug-hwdom', 'crash-debug-panic', 'crash-debug-watchdog', 'gnttab_max_frames',
          'gnttab_max_maptrack_frames', 'guest_loglvl', 'loglvl']
CTRL_A3 = '\x01\x01\x01'


def read(dom0, path):
    return dom0.ok(f'xenhypfs cat {path}').strip()


def write(dom0, path, value):
    dom0.ok(f'xenhypfs write {path} "{value}"')


def values(dom0):
    """{name: value} of the parameters that have text for a value, in one command."""
    out = dom0.ok("""for p in $(xenhypfs ls /params | sed -n 's/^<string> rw //p'); do echo "$p=$(xenhypfs cat /params/$p)"; done""")
    return dict(line.split('=', 1) for line in out.splitlines())


@pytest.fixture
def params(dom0):
    """dom0; the parameters get their values back."""
    before = values(dom0)
    yield dom0
    changed = {name: before[name] for name, value in values(dom0).items() if value != before[name]}
    for name, value in changed.items():
        dom0.ok(f'xenhypfs write /params/{name} \'{value}\'')


def refused(dom0, command, text):
    r = dom0.run(command + ' 2>&1')
    assert r.status != 0 and text in r.out, r


def last_lines(dom0, lines=20):
    """The end of the hypervisor's log, without its tag (machine.py would take the lines for the console's own)."""
    return dom0.ok(f"xl dmesg | tail -{lines} | sed 's/^(XEN) //'")


@pytest.mark.quick
def test_tree(dom0):
    out = dom0.ok('xenhypfs tree')
    for name in ['buildinfo/', 'changeset', 'compileinfo/', 'compile_by', 'compiler', 'config', 'version/', 'extra', 'major', 'minor', 'cpupool/',
                 '0/', 'sched-gran', 'params/'] + COMMON:
        assert re.search(rf'^ *{re.escape(name)}$', out, re.M), name
    listed = dom0.ok('xenhypfs ls /params')
    for name in COMMON:
        assert re.search(rf'^<string> rw {name}$', listed, re.M), name
    assert re.findall(r'^(\S+) +(\S+) (\S+)$', dom0.ok('xenhypfs ls /'), re.M) == [('<dir>', 'r-', n) for n in ('buildinfo', 'cpupool', 'params')]


def test_build_information(dom0):
    info = dict(re.findall(r'^(\w+) *: (.*)$', dom0.ok('xl info'), re.M))
    assert read(dom0, '/buildinfo/version/major') == info['xen_major']
    assert read(dom0, '/buildinfo/version/minor') == info['xen_minor']
    assert read(dom0, '/buildinfo/version/extra') == info['xen_extra']
    assert read(dom0, '/buildinfo/compileinfo/compiler').startswith(('gcc', 'x86_64-linux-gnu-gcc'))
    assert 'CONFIG_PV=y' in read(dom0, '/buildinfo/config').splitlines()


@pytest.mark.zendo  # Debian's Xen has no message for each change
def test_log_level(params):
    """Messages reach the console as loglvl says; the log itself has all of them."""
    write(params, '/params/loglvl', 'none')
    assert read(params, '/params/loglvl') == 'none/none'
    begin = len(params.console.hv_lines)
    write(params, '/params/conswitch', 'b')
    params.ok("xl set-parameters 'loglvl=all guest_loglvl=none/error'")
    assert read(params, '/params/loglvl') == 'all/all' and read(params, '/params/guest_loglvl') == 'none/error'
    write(params, '/params/conswitch', 'c')

    def shown(value):
        return [line for line in params.console.hv_lines[begin:] if re.search(f'Parameter conswitch is now "{value}"', line)]
    params.wait_for(lambda: shown('c'), 'the message about the second change', 20)
    assert not shown('b')
    assert 'Parameter conswitch is now "b"' in last_lines(params)


def test_debug_keys_are_shown_always(params):
    """Who presses a key wants to see what it says, whatever loglvl is."""
    write(params, '/params/loglvl', 'none')
    begin = len(params.console.hv_lines)
    params.ok('xl debug-keys h')
    params.wait_for(lambda: [line for line in params.console.hv_lines[begin:] if "'h'" in line], "output of debug key 'h'", 20)


@pytest.mark.zendo  # Debian's Xen takes console_io of dom0 only
def test_guest_log_level(params):
    """What a guest writes with console_io is shown as guest_loglvl says: an unprivileged PV kernel's earlyprintk does."""
    for level, seen in (('none', False), ('all', True)):
        write(params, '/params/guest_loglvl', level)
        begin = len(params.console.hv_lines)
        params.ok('KERNEL=/vmlinux-cloud; xl create -q $(cfg early pv 96 1 "earlyprintk=xen ignore_loglevel job=stay")', 90)
        domid = params.ok('xl domid early').strip()
        params.ok('await early "GUEST READY" 90', 100)
        params.ok('xl destroy early; gone early 20', 40)
        lines = [line for line in params.console.hv_lines[begin:] if re.search(rf'\(d{domid}\)', line)]
        assert bool(lines) == seen, (level, lines[:3])


def test_timestamps(params):
    forms = {'boot': r'^\[ *\d+\.\d{6}\] ', 'datems': r'^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\] ', 'date': r'^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] ',
             'raw': r'^\[[0-9a-f]{16}\] ', 'none': r"^[^\[]"}
    write(params, '/params/loglvl', 'all')
    for form, pattern in forms.items():
        write(params, '/params/console_timestamps', form)
        begin = len(params.console.hv_lines)
        params.ok('xl debug-keys h')
        params.wait_for(lambda: [line for line in params.console.hv_lines[begin:] if "'h'" in line and re.search(pattern, line)],
                        f'a line with time stamp {form}', 20)
        assert read(params, '/params/console_timestamps') == form


@pytest.mark.pv
def test_grant_limits(params):
    """New domains get the limits; a configuration may not ask for more."""
    write(params, '/params/gnttab_max_frames', '10')
    write(params, '/params/gnttab_max_maptrack_frames', '20')
    refused(params, 'KERNEL=/vmlinux-cloud; xl create -q $(cfg more pv 96 1 job=stay max_grant_frames=11)', 'Invalid argument')
    refused(params, 'KERNEL=/vmlinux-cloud; xl create -q $(cfg more pv 96 1 job=stay max_maptrack_frames=21)', 'Invalid argument')
    params.ok('KERNEL=/vmlinux-cloud; xl create -q -p $(cfg few pv 96 1 job=stay max_grant_frames=10)', 60)
    params.ok('KERNEL=/vmlinux-cloud; xl create -q -p $(cfg default pv 96 1 job=stay)', 60)
    write(params, '/params/loglvl', 'all')
    begin = len(params.console.hv_lines)
    params.ok('xl debug-keys g')
    limit = re.compile(r'\(10 max\)|of 10 grant frames')
    params.wait_for(lambda: sum(bool(limit.search(line)) for line in params.console.hv_lines[begin:]) >= 2, 'both limits of 10', 20)
    params.ok('xl destroy few; xl destroy default; gone few 20; gone default 20', 60)
    write(params, '/params/gnttab_max_frames', '64')
    write(params, '/params/gnttab_max_maptrack_frames', '1024')
    params.ok('KERNEL=/vmlinux-cloud; xl create -q -p $(cfg more pv 96 1 job=stay max_grant_frames=11); xl destroy more; gone more 20', 90)


def test_refused(params):
    refused(params, 'xenhypfs write /params/loglvl loud', 'Invalid argument')
    refused(params, 'xenhypfs write /params/console_timestamps later', 'Invalid argument')
    refused(params, 'xenhypfs write /params/gnttab_max_frames many', 'Invalid argument')
    refused(params, 'xenhypfs write /params/gnttab_max_frames -1', 'Invalid argument')
    refused(params, f'xenhypfs write /params/conswitch {"a" * 200}', 'No space left')
    refused(params, f'xenhypfs write /params/crash-debug-panic {"a" * 200}', 'No space left')
    refused(params, 'xenhypfs write /params/nonsense 1', 'No such file')
    refused(params, 'xenhypfs write /params 1', 'Permission denied')
    refused(params, 'xenhypfs write /buildinfo/version/major 5', 'Permission denied')
    refused(params, 'xenhypfs cat /params', 'Is a directory')
    refused(params, 'xenhypfs ls /params/loglvl', 'Not a directory')
    refused(params, 'xenhypfs cat params', 'Invalid argument')
    refused(params, 'xenhypfs cat /cpupool/77/sched-gran', 'No such file')
    refused(params, 'xl set-parameters nonsense=1', 'No such file')
    refused(params, 'xl set-parameters loglvl=loud', 'Invalid argument')
    refused(params, 'xenhypfs write /cpupool/0/sched-gran board', 'Invalid argument')
    refused(params, 'xenhypfs write /cpupool/0/sched-gran core', 'busy')


@pytest.mark.zendo
def test_refusals_are_explained(params):
    before = read(params, '/params/loglvl')
    refused(params, 'xl set-parameters loglvl=loud', 'Invalid argument')
    assert 'Parameter loglvl: "loud" is refused; allowed: none|error|warning|' in last_lines(params)
    refused(params, 'xl set-parameters x2apic=1', 'No such file')
    assert '"x2apic" is no parameter that can be changed now; these are: console_timestamps' in last_lines(params)
    refused(params, f'xenhypfs write /params/loglvl {"a" * 300}', 'No space left')
    refused(params, 'xenhypfs write /params/gnttab_max_frames 0', 'Invalid argument')
    assert 'Parameter gnttab_max_frames: "0" is refused; allowed: 1 to 8192' in last_lines(params)
    assert read(params, '/params/loglvl') == before


@pytest.mark.zendo
def test_scheduler_knob(params):
    params.ok('xl set-parameters sched_ratelimit_us=2500')
    assert re.search(r'Ratelimit: 2500|ratelimit=2500', params.ok('xl sched-credit2 -s'), re.I)
    assert read(params, '/params/sched_ratelimit_us') == '2500'
    refused(params, 'xl set-parameters sched_ratelimit_us=50', 'Invalid argument')
    params.ok('xl set-parameters sched_credit2_migrate_resist=500')
    assert read(params, '/params/sched_credit2_migrate_resist') == '500'
    refused(params, 'xl set-parameters sched_credit2_migrate_resist=100001', 'Invalid argument')


@pytest.mark.zendo
def test_boolean(params):
    assert re.search('^<bool> +rw noreboot$', params.ok('xenhypfs ls /params'), re.M)
    before = read(params, '/params/noreboot')
    assert before == '1'  # machine.py gives it
    params.ok('xl set-parameters noreboot=0')
    assert read(params, '/params/noreboot') == '0'
    write(params, '/params/noreboot', 'on')
    assert read(params, '/params/noreboot') == before


def test_pool_granularity(dom0):
    """A pool of its own, without CPUs: its granularity may be set to what it is."""
    dom0.ok('xl cpupool-cpu-remove Pool-0 1; printf \'name="gran"\\nsched="credit2"\\ncpus=["1"]\\n\' > /tmp/gran; xl cpupool-create /tmp/gran')
    number = re.search(r'^ *(\d+)/$', dom0.ok("xenhypfs tree | sed -n '/cpupool/,/params/p' | grep -v ' 0/'"), re.M).group(1)
    assert read(dom0, f'/cpupool/{number}/sched-gran') == 'cpu'
    refused(dom0, f'xenhypfs write /cpupool/{number}/sched-gran cpu', 'busy')
    dom0.ok('xl cpupool-cpu-remove gran 1')
    write(dom0, f'/cpupool/{number}/sched-gran', 'cpu')
    dom0.ok('xl cpupool-destroy gran; xl cpupool-cpu-add Pool-0 1')
    refused(dom0, f'xenhypfs cat /cpupool/{number}/sched-gran', 'No such file')


def test_console_switch(params):
    """Ctrl-a three times: what is typed goes to the debug keys, and back; the key itself can be changed."""
    write(params, '/params/loglvl', 'all')
    for key, control in (('a', '\x01'), ('b', '\x02')):
        write(params, '/params/conswitch', key)
        begin = len(params.console.hv_lines)
        params.send(control * 3 + 'h' + control * 3)
        params.wait_for(lambda: [line for line in params.console.hv_lines[begin:] if "'h'" in line], 'the help that was typed for', 20)
        assert params.ok('echo back').strip() == 'back'


@pytest.mark.long
def test_keys_at_a_crash_of_dom0(new_machine):
    m = new_machine(mem=2048, dom0_mem=768, hv_args='crash-debug-hwdom=q')
    assert read(m, '/params/crash-debug-hwdom') == 'q'
    write(m, '/params/crash-debug-hwdom', 'e+r')
    begin = len(m.console.hv_lines)
    m.send_command('echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger')
    m.expect(r'Kernel panic - not syncing', 60, ignore_panic=True)
    m.wait_for(lambda: all([line for line in m.console.hv_lines[begin:] if re.search(said, line, re.I)] for said in (r'event.channel', r'scheduler')), 'both keys', 60,
               ignore_panic=True)
    assert not [line for line in m.console.hv_lines[begin:] if "'q'" in line]
