/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mca: the hardware domain fetches what mca_report() queued, one error at a time, and acknowledges it by its number; then the next one comes. All
 * are of the kind "not urgent": the urgent ones end the machine. Injecting errors and handing them on to other domains are not built.
 */
#include <abi/mca.h>
#include <base/guest_access.h>
#include <base/lock.h>
#include <base/log.h>
#include <core/hypercall/handlers.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/mca.h>
#include <lib/string.h>

#define QUEUE_SIZE 32u

struct mca_record {
    uint64_t mcg_status, tsc;
    uint32_t cpu;
    struct mca_bank bank;
};

static struct spinlock lock = SPINLOCK_INIT(mca); /* guards all below */
static struct mca_record queue[QUEUE_SIZE];
static uint64_t first, last; /* numbers of the oldest record and of the next one */

void mca_report(unsigned int cpu, uint64_t mcg_status, const struct mca_bank *b)
{
    char text[200];
    bool is_full;

    mca_describe(b, text, sizeof(text));
    log_warning("Machine check on CPU %u: %s", cpu, text);
    spin_lock(&lock);
    is_full = last - first == QUEUE_SIZE;
    if (!is_full) {
        queue[last++ % QUEUE_SIZE] =
            (struct mca_record){.mcg_status = mcg_status, .tsc = hw_read_tsc(), .cpu = cpu, .bank = *b};
    }
    spin_unlock(&lock);
    if (!is_full) {
        domain_send_global_virq(VIRQ_MCA);
    }
}

/* --- the hypercall ------------------------------------------------------------------------------------------------------------------------------------- */

static void fill_info(struct mc_info *info, const struct mca_record *r)
{
    uint32_t apic_id, acpi_id;
    struct mcinfo_global global = {
        .common = {MC_TYPE_GLOBAL, sizeof(global)},
        .mc_domid = DOMID_SELF,
        .mc_vcpuid = XEN_MC_VCPUID_INVALID,
        .mc_flags = MC_FLAG_POLLED | (mca_severity(r->bank.status) == MCA_CORRECTED ? MC_FLAG_CORRECTABLE
                                                                                    : MC_FLAG_UNCORRECTABLE),
        .mc_gstatus = r->mcg_status,
    };
    struct mcinfo_bank bank = {
        .common = {MC_TYPE_BANK, sizeof(bank)},
        .mc_bank = (uint16_t)r->bank.number,
        .mc_domid = DOMID_SELF,
        .mc_status = r->bank.status,
        .mc_addr = r->bank.addr,
        .mc_misc = r->bank.misc,
        .mc_tsc = r->tsc,
    };

    hw_cpu_ids(r->cpu, &apic_id, &acpi_id);
    global.mc_apicid = apic_id;
    info->mi_nentries = 2;
    memcpy(info->mi_data, &global, sizeof(global));
    memcpy((uint8_t *)info->mi_data + sizeof(global), &bank, sizeof(bank));
}

static long fetch(struct xen_mc *op, vaddr_t gva)
{
    struct xen_mc_fetch *f = &op->u.mc_fetch;
    uint32_t kind = f->flags & (XEN_MC_NONURGENT | XEN_MC_URGENT);
    struct mc_info info = {0};
    bool found;

    if (kind != XEN_MC_NONURGENT && kind != XEN_MC_URGENT) {
        return -XEN_EINVAL;
    }
    spin_lock(&lock);
    found = kind == XEN_MC_NONURGENT && first != last;
    if (found && (f->flags & XEN_MC_ACK)) {
        first += f->fetch_id == first;
    } else if (found) {
        fill_info(&info, &queue[first % QUEUE_SIZE]);
        f->fetch_id = first;
    }
    spin_unlock(&lock);
    if (f->flags & XEN_MC_ACK) {
        f->flags = XEN_MC_OK;
    } else {
        f->flags = found ? XEN_MC_OK : XEN_MC_NODATA;
        if (found && guest_write_obj(guest_addr(f->data), &info) != 0) {
            return -XEN_EFAULT;
        }
    }
    return guest_write_obj(gva, op) == 0 ? 0 : -XEN_EFAULT;
}

static void fill_cpu(struct mcinfo_logical_cpu *c, unsigned int cpu)
{
    uint32_t r[4], acpi_id, family, model;

    hw_cpuid(0, 0, r);
    *c =
        (struct mcinfo_logical_cpu){.mc_cpunr = cpu, .mc_ncores = 1, .mc_ncores_active = 1, .mc_nthreads = 1};
    c->mc_cpuid_level = (int32_t)r[0];
    memcpy(c->mc_vendorid, &r[1], 4);
    memcpy(c->mc_vendorid + 4, &r[3], 4);
    memcpy(c->mc_vendorid + 8, &r[2], 4);
    hw_cpu_ids(cpu, &c->mc_apicid, &acpi_id);
    hw_cpuid(1, 0, r);
    family = r[0] >> 8 & 15;
    model = r[0] >> 4 & 15;
    c->mc_model = family == 15 || family == 6 ? model | (r[0] >> 12 & 0xf0) : model;
    c->mc_family = family == 15 ? family + (r[0] >> 20 & 0xff) : family;
    c->mc_step = r[0] & 15;
    c->mc_cpu_caps[MC_CAPS_STD_EDX] = r[3];
    c->mc_cpu_caps[MC_CAPS_STD_ECX] = r[2];
}

/* How many processors there are, and what they are called; every package has one core, as CPUID tells guests. */
static long processor_info(struct xen_mc *op, vaddr_t gva)
{
    struct xen_mc_physcpuinfo *p = &op->u.mc_physcpuinfo;
    uint32_t count = MIN(p->ncpus, hw_cpu_count());

    if (guest_addr(p->info) == 0) {
        count = 0;
        p->ncpus = hw_cpu_count();
    } else {
        p->ncpus = count;
    }
    for (unsigned int i = 0; i < count; i++) {
        struct mcinfo_logical_cpu c;

        fill_cpu(&c, i);
        if (guest_write_elem(guest_addr(p->info), i, &c) != 0) {
            return -XEN_EFAULT;
        }
    }
    return guest_write_obj(gva, op) == 0 ? 0 : -XEN_EFAULT;
}

long do_mca(struct hypercall *c)
{
    struct xen_mc op;

    if (guest_read_obj(&op, c->arg[0]) != 0) {
        return -XEN_EFAULT;
    }
    if (op.interface_version != XEN_MCA_INTERFACE_VERSION) {
        return -XEN_EACCES;
    }
    switch (op.cmd) {
    case XEN_MC_fetch:
        return fetch(&op, c->arg[0]);
    case XEN_MC_physcpuinfo:
        return processor_info(&op, c->arg[0]);
    default:
        return hypercall_not_built("mca", op.cmd);
    }
}
