/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hvm_op: parameters of domains in HVM containers, and a few operations of the guests themselves. Who may do what is decided here, what a parameter means by
 * guest/<arch>. ABI: <xen/hvm/hvm_op.h>, <xen/hvm/params.h>.
 */
#include <abi/hvm_op.h>
#include <abi/hvm_params.h>
#include <base/guest_access.h>
#include <core/domain/arch.h>
#include <core/hypercall/arch.h>
#include <core/hypercall/handlers.h>

#define FIRST_UPCALL_VECTOR 0x10

#define P_GUEST_GETS (1u << 0)
#define P_GUEST_SETS (1u << 1)
#define P_ONCE       (1u << 2) /* set to something, it stays */
#define P_TOOLS      (1u << 3) /* exists */
#define P_GUEST      (P_TOOLS | P_GUEST_GETS | P_GUEST_SETS)

/* What is not here does not exist. */
static const uint8_t rights[HVM_NR_PARAMS] = {
    [HVM_PARAM_CALLBACK_IRQ] = P_GUEST,
    [HVM_PARAM_STORE_PFN] = P_TOOLS | P_GUEST_GETS,
    [HVM_PARAM_STORE_EVTCHN] = P_GUEST,
    [HVM_PARAM_IOREQ_PFN] = P_TOOLS,
    [HVM_PARAM_BUFIOREQ_PFN] = P_TOOLS,
    [HVM_PARAM_VIRIDIAN] = P_TOOLS | P_ONCE,
    [HVM_PARAM_TIMER_MODE] = P_TOOLS,
    [HVM_PARAM_HPET_ENABLED] = P_TOOLS,
    [HVM_PARAM_IDENT_PT] = P_TOOLS,
    [HVM_PARAM_ACPI_S_STATE] = P_TOOLS,
    [HVM_PARAM_VM86_TSS] = P_GUEST,
    [HVM_PARAM_VPT_ALIGN] = P_TOOLS,
    [HVM_PARAM_CONSOLE_PFN] = P_TOOLS | P_GUEST_GETS,
    [HVM_PARAM_CONSOLE_EVTCHN] = P_GUEST,
    [HVM_PARAM_ACPI_IOPORTS_LOCATION] = P_GUEST,
    [HVM_PARAM_PAGING_RING_PFN] = P_TOOLS,
    [HVM_PARAM_MONITOR_RING_PFN] = P_TOOLS,
    [HVM_PARAM_SHARING_RING_PFN] = P_TOOLS,
    [HVM_PARAM_TRIPLE_FAULT_REASON] = P_TOOLS,
    [HVM_PARAM_IOREQ_SERVER_PFN] = P_TOOLS | P_ONCE,
    [HVM_PARAM_NR_IOREQ_SERVER_PAGES] = P_TOOLS | P_ONCE,
    [HVM_PARAM_VM_GENERATION_ID_ADDR] = P_GUEST,
    [HVM_PARAM_ALTP2M] = P_TOOLS | P_ONCE | P_GUEST_GETS,
    [HVM_PARAM_X87_FIP_WIDTH] = P_GUEST,
    [HVM_PARAM_VM86_TSS_SIZED] = P_GUEST,
    [HVM_PARAM_MCA_CAP] = P_TOOLS | P_ONCE,
};

/* The domain, referenced, if the caller may touch parameters of it at all. */
static int find(domid_t id, struct domain **d)
{
    int rc = 0;

    *d = domain_get_or_self(id);
    if (!*d) {
        return -XEN_ESRCH;
    }
    if (*d != current_domain() && !caller_is_control() && (*d)->id != current_domain()->target) {
        rc = -XEN_EPERM;
    } else if ((*d)->kind != GUEST_PVH) {
        rc = -XEN_EINVAL;
    }
    if (rc != 0) {
        domain_put(*d);
    }
    return rc;
}

static int check_right(const struct domain *d, uint32_t index, uint8_t needed)
{
    if (!(rights[index] & P_TOOLS)) {
        return -XEN_EINVAL;
    }
    return d != current_domain() || (rights[index] & needed) ? 0 : -XEN_EPERM;
}

static int set_param(struct domain *d, const struct xen_hvm_param *p)
{
    uint64_t now;
    int rc = check_right(d, p->index, P_GUEST_SETS);

    if (rc != 0) {
        return rc;
    }
    now = arch_hvm_get_param(d, p->index);
    if ((rights[p->index] & P_ONCE) && now != 0 && now != p->value) {
        return -XEN_EEXIST;
    }
    return arch_hvm_set_param(d, p->index, p->value);
}

static long param(vaddr_t gva, bool set)
{
    struct xen_hvm_param p;
    struct domain *d;
    int rc;

    if (guest_read_obj(&p, gva) != 0) {
        return -XEN_EFAULT;
    }
    if (p.index >= HVM_NR_PARAMS) {
        return -XEN_EINVAL;
    }
    rc = find(p.domid, &d);
    if (rc != 0) {
        return rc;
    }
    if (set) {
        rc = set_param(d, &p);
    } else {
        rc = check_right(d, p.index, P_GUEST_GETS);
        p.value = arch_hvm_get_param(d, p.index);
    }
    domain_put(d);
    if (rc == 0 && !set && guest_write_obj(gva, &p) != 0) {
        rc = -XEN_EFAULT;
    }
    return rc;
}

static long get_mem_type(vaddr_t gva)
{
    struct xen_hvm_get_mem_type m;
    struct domain *d;
    mfn_t mfn;
    int rc;

    if (guest_read_obj(&m, gva) != 0) {
        return -XEN_EFAULT;
    }
    rc = find(m.domid, &d);
    if (rc != 0) {
        return rc;
    }
    m.mem_type = HVMMEM_mmio_dm;
    if (arch_get_gfn(d, GFN(m.pfn), false, &mfn) == 0) {
        arch_put_gfn(d, mfn, false);
        m.mem_type = HVMMEM_ram_rw;
    }
    domain_put(d);
    return guest_write_obj(gva, &m) == 0 ? 0 : -XEN_EFAULT;
}

static long set_upcall_vector(vaddr_t gva)
{
    struct xen_hvm_evtchn_upcall_vector u;
    struct domain *d = current_domain();

    if (guest_read_obj(&u, gva) != 0) {
        return -XEN_EFAULT;
    }
    if (d->kind != GUEST_PVH || u.vector < FIRST_UPCALL_VECTOR) {
        return -XEN_EINVAL;
    }
    if (u.vcpu >= d->max_vcpus || !d->vcpus[u.vcpu]) {
        return -XEN_ENOENT;
    }
    return arch_hvm_set_upcall_vector(d->vcpus[u.vcpu], u.vector);
}

static long get_time(vaddr_t gva)
{
    struct xen_hvm_get_time t = {.now = port_now_ns()};

    return guest_write_obj(gva, &t) == 0 ? 0 : -XEN_EFAULT;
}

long do_hvm_op(struct hypercall *c)
{
    vaddr_t gva = c->arg[1];

    switch (c->arg[0]) {
    case HVMOP_set_param:
        return param(gva, true);
    case HVMOP_get_param:
        return param(gva, false);
    case HVMOP_flush_tlbs:
        if (gva != 0 || current_domain()->kind != GUEST_PVH) {
            return -XEN_EINVAL;
        }
        return arch_hvm_flush_tlbs(current_domain());
    case HVMOP_pagetable_dying:
        return -XEN_EINVAL; /* a hint for shadow page tables, of which there are none */
    case HVMOP_get_time:
        return get_time(gva);
    case HVMOP_get_mem_type:
        return get_mem_type(gva);
    case HVMOP_set_evtchn_upcall_vector:
        return set_upcall_vector(gva);
    case HVMOP_guest_request_vm_event:
        return gva == 0 ? 0 : -XEN_EINVAL; /* nobody listens */
    case HVMOP_altp2m:
        return -XEN_EOPNOTSUPP;
    default:
        return hypercall_not_built("hvm_op", c->arg[0]);
    }
}
