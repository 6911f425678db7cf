/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Simulated PVH guests: a program a vCPU that makes random hypercalls, valid ones on what its domain has (an honest guest) or anything at all (a hostile one),
 * and that sees memory through a TLB of its own. vCPUs have no paging: addresses are guest-physical.
 *
 * Guest frames: 1 + vCPU: arguments; SIM_INFO_GFN + vCPU: where it may register its struct vcpu_info; SIM_DATA..: data, given back and asked for anew; SIM_GRANT_GFN: grant table; SIM_MAP..: others' grants.
 */
#pragma once
#include <guest/x86/pvh/pvh_internal.h>
#include <tests/sim/machine.h>

#define SIM_DOMAINS   5u /* dom0, and one for each slot of its toolstack */
#define SIM_VCPUS     3u
#define SIM_PAGES     48u
#define SIM_INFO_GFN  8u
#define SIM_DATA      16u
#define SIM_GRANT_GFN 64u
#define SIM_MAP       128u
#define SIM_MAPS      16u
#define SIM_PORTS     24u
#define SIM_OFFERS    16u
#define SIM_VECTOR    0x30u
#define SIM_RAM_PAGES (SIM_PAGES - SIM_DATA)

enum sim_port_kind { SP_NONE, SP_UNBOUND, SP_BOUND, SP_VIRQ, SP_IPI };

struct sim_port {
    uint8_t kind; /* enum sim_port_kind */
    domid_t remote;
    uint32_t port;
};

/* A mapping of a grant: who has `busy` is making or undoing it. */
struct sim_map {
    bool live, busy, write;
    uint32_t handle;
};

/* What the programs of a domain know. */
struct sim_domain {
    bool used, hostile;
    domid_t id;
    bool has_grant_table;
    struct sim_port port[SIM_PORTS];
    domid_t offer[SIM_OFFERS]; /* grant reference 8 + i is for this domain; DOMID_NONE: not in use */
    struct sim_map map[SIM_MAPS];
    uint64_t received; /* events */
    uint32_t last_received[SIM_PORTS];
};
extern struct sim_domain sim_domains[SIM_DOMAINS];
extern bool sim_quiet; /* guests finish what they are at and then only wait for events */

#define SIM_TLB 16u

/* A vCPU's program. */
struct sim_guest {
    struct {
        bool valid, write;
        uint64_t gfn;
        mfn_t mfn;
        unsigned int owner;
    } tlb[SIM_TLB];
    unsigned int on_cpu; /* 1 + the pCPU that has its state; 0: none */
    bool in_call, in_nmi, wants_eoi;
    uint64_t call_rip, nmi_rip;
    void (*done)(struct x86_vcpu *xv, struct sim_guest *g,
                 long rc); /* told of the call's result; NULL: nobody */
    uint64_t note[3];      /* for it */
    uint64_t timer_due_ns; /* a one-shot timer is set; 0: none is expected */
    uint64_t entries, hypercalls;
};

struct sim_guest *sim_guest_new(void);
/* The processor's part of an entry: until the exit that it fills in. Interrupts off. */
void sim_guest_run(struct x86_vcpu *xv, struct vm_vcpu *vm, struct vmexit *e);

/* --- for programs ---------------------------------------------------------------------------------------------------------------------------- */
struct sim_domain *sim_domain_of(domid_t id); /* NULL: none that is simulated */
static inline struct sim_guest *sim_guest_of(struct x86_vcpu *xv)
{
    return xv->pvh->vm.hw;
}
/* The page as this vCPU sees it, through its TLB; NULL: not there, or not writable. */
void *sim_page(struct x86_vcpu *xv, uint64_t gfn, bool write);
/* The vCPU's page for arguments, cleared, and its address. NULL: the guest gave it away. */
void *sim_args(struct x86_vcpu *xv, uint64_t *gpa);
/* The exit is this hypercall; @done is called with its result. */
void sim_call(struct x86_vcpu *xv, struct vmexit *e, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2,
              void (*done)(struct x86_vcpu *xv, struct sim_guest *g, long rc));
/* Without a timer only events end a sleep; dom0 must not wait for others, who may wait for it. */
bool sim_may_sleep(const struct x86_vcpu *xv);
/* The exit is a write to an MSR. */
void sim_write_msr(struct x86_vcpu *xv, uint32_t msr, uint64_t value, struct vmexit *e);
/* programs.c: choose the next exit of an honest, or of a hostile, guest. False: it has none, wait. */
bool sim_program(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e);
bool sim_hostile_program(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e);
/* grants.c, memory: the same for one family. */
bool sim_grant_program(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e);
bool sim_memory_program(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e);
/* tools.c: the toolstack's next step, by a vCPU of dom0. */
bool sim_tools_program(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e);
/* Its vCPUs have memory and can run: state as after a start without paging. The domain is paused. */
void sim_start_domain(struct domain *d);
/* A new domain is simulated from now on. */
void sim_domain_begin(struct sim_domain *d, domid_t id, bool hostile);
void sim_domain_end(struct sim_domain *d);
