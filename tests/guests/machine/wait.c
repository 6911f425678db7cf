/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A first domain that waits for what happens to the machine and says it: NMIs with the reasons in its shared info, machine-check errors that it fetches.
 * It wakes by a timer, so that the CPU it runs on takes timer interrupts. It never ends by itself.
 */
#define __XEN_TOOLS__
#include "guest.h"
#include <xen/domctl.h>
#include <xen/arch-x86/xen-mca.h>
#include <xen/nmi.h>

extern u8 pv_stubs[]; /* the library's handlers, 32 bytes each; it registers none for vector 2 */

static volatile u32 nmis;
static u32 mca_port;

static bool on_nmi(struct regs *r)
{
    nmis++;
    return true;
}

static void show_machine_check(void)
{
    static struct mc_info info;
    struct xen_mc op = {.cmd = XEN_MC_fetch, .interface_version = XEN_MCA_INTERFACE_VERSION};

    for (;;) {
        struct mcinfo_global *global = (void *)info.mi_data;
        struct mcinfo_bank *bank = (void *)((u8 *)info.mi_data + sizeof(*global));

        op.u.mc_fetch.flags = XEN_MC_NONURGENT;
        set_xen_guest_handle(op.u.mc_fetch.data, &info);
        if (hc1(__HYPERVISOR_mca, &op) != 0 || op.u.mc_fetch.flags != XEN_MC_OK) {
            return;
        }
        print("# machine check: entries %d apic %d bank %d status 0x%lx address 0x%lx\n", info.mi_nentries,
              global->mc_apicid, bank->mc_bank, bank->mc_status, bank->mc_addr);
        op.u.mc_fetch.flags = XEN_MC_NONURGENT | XEN_MC_ACK;
        hc1(__HYPERVISOR_mca, &op);
    }
}

static void show_processors(void)
{
    static struct mcinfo_logical_cpu info[MAX_CPUS];
    struct xen_mc op = {.cmd = XEN_MC_physcpuinfo, .interface_version = XEN_MCA_INTERFACE_VERSION};
    u32 count;
    long rc;

    hc1(__HYPERVISOR_mca, &op); /* nowhere to write to: only how many there are */
    count = op.u.mc_physcpuinfo.ncpus;
    set_xen_guest_handle(op.u.mc_physcpuinfo.info, info);
    rc = hc1(__HYPERVISOR_mca, &op);
    if (rc || count == 0 || count > MAX_CPUS || op.u.mc_physcpuinfo.ncpus != count) {
        panic("physcpuinfo: %ld, %d, %d", rc, count, op.u.mc_physcpuinfo.ncpus);
    }
    print("# processors: %d, the last is %d with APIC id %d, %s\n", count, info[count - 1].mc_cpunr,
          info[count - 1].mc_apicid, info[count - 1].mc_vendorid);
}

/* The pCPUs that each of our vCPUs may run on. */
static void show_affinity(void)
{
    for (int v = 0; v < g.vcpus; v++) {
        u64 cpus = 0;
        long rc;
        struct xen_domctl op = {
            .cmd = XEN_DOMCTL_getvcpuaffinity,
            .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
            .u.vcpuaffinity = {.vcpu = v, .flags = XEN_VCPUAFFINITY_HARD, .cpumap_hard.nr_bits = 64},
        };

        set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, (u8 *)&cpus);
        rc = hc1(__HYPERVISOR_domctl, &op);
        print("# affinity of v%d: %ld, 0x%lx\n", v, rc, cpus);
    }
}

void guest_main(void)
{
    u64 uptime_said = 0;
    u32 said = 0, timer_port = (u32)bind_virq(VIRQ_TIMER, 0);

    struct xennmi_callback nmi = {.handler_address = (u64)pv_stubs + 32 * 2};

    trap_hook[2] = on_nmi;
    hc2(__HYPERVISOR_nmi_op, XENNMI_register_callback, &nmi);
    mca_port = (u32)bind_virq(VIRQ_MCA, 0);
    port_mask(mca_port, false);
    port_mask(timer_port, false);
    vcpu_op(VCPUOP_stop_periodic_timer, 0, 0);
    events_on();
    show_affinity();
    show_processors();
    print("# waiting\n");
    for (;;) {
        hc1(__HYPERVISOR_set_timer_op, now_ns() + 50000000);
        hc2(__HYPERVISOR_sched_op, SCHEDOP_block, 0);
        if (now_ns() / 1000000000 != uptime_said) {
            uptime_said = now_ns() / 1000000000;
            print("# uptime %ld s\n", uptime_said);
        }
        if (nmis != said) {
            said = nmis;
            print("# NMI, reasons 0x%lx\n", (u64)g.shared->arch.nmi_reason);
        }
        if (evt_count[mca_port]) {
            evt_count[mca_port] = 0;
            show_machine_check();
        }
    }
}
