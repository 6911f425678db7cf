/* SPDX-License-Identifier: GPL-2.0-or-later */
/* platform_op: the hardware domain sets the clock, asks about processors, and puts the machine to sleep. */
#include <abi/platform.h>
#include <base/guest_access.h>
#include <base/log.h>
#include <core/hypercall/cpu_hotplug.h>
#include <core/hypercall/domctl_internal.h>
#include <core/hypercall/handlers.h>
#include <guest/x86/common/hw_contract.h>
#include <lib/string.h>

#define SECONDS_MAX (UINT64_MAX / 1000000000ull / 2)

static long set_time(uint64_t secs, uint32_t nsecs, uint64_t system_time)
{
    if (secs > SECONDS_MAX || nsecs >= 1000000000u || system_time > secs * 1000000000ull + nsecs) {
        return -XEN_EINVAL;
    }
    wallclock_set_base(secs * 1000000000ull + nsecs - system_time);
    return 0;
}

static long get_cpu_info(struct xenpf_pcpuinfo *info, vaddr_t gva, const struct xen_platform_op *op)
{
    unsigned int count = hw_cpu_count();

    if (info->xen_cpuid >= count) {
        info->flags = XEN_PCPU_FLAGS_INVALID;
    } else {
        info->flags = cpuset_has(cpus_online, info->xen_cpuid) ? XEN_PCPU_FLAGS_ONLINE : 0;
        hw_cpu_ids(info->xen_cpuid, &info->apic_id, &info->acpi_id);
    }
    info->max_present = count - 1;
    return guest_write_obj(gva, op) == 0 ? 0 : -XEN_EFAULT;
}

static long idle_time(struct xenpf_getidletime *t, vaddr_t gva, const struct xen_platform_op *op)
{
    uint64_t map = 0;

    if (guest_read(&map, guest_addr(t->cpumap_bitmap), MIN(8u, (t->cpumap_nr_cpus + 7) / 8)) != 0) {
        return -XEN_EFAULT;
    }
    map &= cpus_online.bits;
    for (unsigned int cpu = 0; cpu < MAX_PCPUS && cpu < t->cpumap_nr_cpus; cpu++) {
        uint64_t ns = map >> cpu & 1 ? sched_idle_ns(cpu) : 0;

        if ((map >> cpu & 1) && guest_write_elem(guest_addr(t->idletime), cpu, &ns) != 0) {
            return -XEN_EFAULT;
        }
    }
    t->now = port_now_ns();
    if (guest_write(guest_addr(t->cpumap_bitmap), &map, MIN(8u, (t->cpumap_nr_cpus + 7) / 8)) != 0) {
        return -XEN_EFAULT;
    }
    return guest_write_obj(gva, op) == 0 ? 0 : -XEN_EFAULT;
}

static long enter_sleep(const struct xenpf_enter_acpi_sleep *s)
{
    if (s->sleep_state == 5) {
        log_info("The hardware domain switches the machine off.\n");
        port_power_off();
    }
    return -XEN_EOPNOTSUPP; /* suspending the machine is not built */
}

/* The functions of the hypervisor by number, as /proc/xen/xensyms of Linux reads them; behind the last one the number stays as it was. */
static long get_symbol(struct xenpf_symdata *s, vaddr_t gva, const struct xen_platform_op *op)
{
    const char *name;
    uint32_t room = s->namelen;

    if (hw_symbol(s->symnum, &name, &s->address)) {
        s->symnum++;
        s->type = 't';
        s->namelen = (uint32_t)strlen(name) + 1;
        if (guest_write(guest_addr(s->name), name, MIN(room, s->namelen)) != 0) {
            return -XEN_EFAULT;
        }
    }
    return guest_write_obj(gva, op) == 0 ? 0 : -XEN_EFAULT;
}

/* Linux asks for it by a file of each CPU; what is so already is no error. */
static long set_online(uint32_t cpu, bool online)
{
    long rc;

    if (cpu >= MAX_PCPUS || !cpuset_has(cpus_present, cpu)) {
        return -XEN_EINVAL;
    }
    if (cpuset_has(cpus_online, cpu) == online) {
        return 0;
    }
    if (!domctl_try_lock()) {
        return -XEN_ERESTART;
    }
    rc = online ? cpu_bring_online(cpu) : cpu_take_offline(cpu);
    domctl_unlock();
    return rc;
}

long do_platform_op(struct hypercall *c)
{
    struct xen_platform_op op;
    vaddr_t gva = c->arg[0];

    if (guest_read_obj(&op, gva) != 0) {
        return -XEN_EFAULT;
    }
    if (op.interface_version != XENPF_INTERFACE_VERSION) {
        return -XEN_EACCES;
    }
    switch (op.cmd) {
    case XENPF_settime32:
        return set_time(op.u.settime32.secs, op.u.settime32.nsecs, op.u.settime32.system_time);
    case XENPF_settime64:
        return op.u.settime64.mbz != 0
                   ? -XEN_EINVAL
                   : set_time(op.u.settime64.secs, op.u.settime64.nsecs, op.u.settime64.system_time);
    case XENPF_get_cpuinfo:
        return get_cpu_info(&op.u.pcpu_info, gva, &op);
    case XENPF_cpu_online:
        return set_online(op.u.cpu_ol.cpuid, true);
    case XENPF_cpu_offline:
        return op.u.cpu_ol.cpuid == 0 ? -XEN_EOPNOTSUPP : set_online(op.u.cpu_ol.cpuid, false);
    case XENPF_getidletime:
        return idle_time(&op.u.getidletime, gva, &op);
    case XENPF_enter_acpi_sleep:
        return enter_sleep(&op.u.enter_acpi_sleep);
    case XENPF_get_symbol:
        return get_symbol(&op.u.symdata, gva, &op);
    case XENPF_firmware_info:
        return -XEN_ENOENT; /* nothing was asked of the BIOS before we started */
    default:
        return hypercall_not_built("platform_op", op.cmd);
    }
}
