/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A first domain that creates one PVH guest from the ELF image that it was given as initrd, with its own command line, and prints what that guest
 * writes to its console ring: micro guests as PVH without Linux and without tools. See modes pvh and pvh32 of run.py with --direct.
 */
#define __XEN_TOOLS__ 1
#include "guest.h"
#include <xen/domctl.h>
#include <xen/hvm/save.h>

#define GUEST_2M_PAGES 24
#define CONSOLE_GFN    0xff000UL
#define STORE_GFN      0xff001UL
#define START_INFO     0x5000UL /* then the command line */
#define NOTE_PHYS32    18
#define SECOND         1000000000UL

static domid_t other;
static u8 *window; /* a page of ours, through which the guest's are seen */
static u64 window_entry;

static void ok(long rc, const char *what)
{
    if (rc < 0) {
        panic("%s: %ld", what, rc);
    }
}
static long domctl(u32 cmd, struct xen_domctl *op)
{
    op->cmd = cmd;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = other;
    return hc1(__HYPERVISOR_domctl, op);
}

/* --- memory ------------------------------------------------------------------------------------------------------------------------------- */
static void populate(unsigned long gfn, unsigned int order)
{
    struct xen_memory_reservation r = {.nr_extents = 1, .extent_order = order, .domid = other};
    xen_pfn_t list = gfn;

    set_xen_guest_handle(r.extent_start, &list);
    ok(memory_op(XENMEM_populate_physmap, &r) == 1 ? 0 : -XEN_ENOMEM, "populate");
}
static u8 *see(unsigned long gfn)
{
    struct mmu_update u = {.ptr = window_entry, .val = gfn << 12 | PTE_RW};

    ok(mmu_update_many(&u, 1, NULL, other), "map");
    mmuext1(MMUEXT_INVLPG_LOCAL, (u64)window, 0);
    return window;
}
static void copy_to(unsigned long gpa, const void *from, unsigned long size)
{
    while (size > 0) {
        unsigned long at = gpa % PAGE_SIZE, n = PAGE_SIZE - at < size ? PAGE_SIZE - at : size;

        memcpy(see(gpa / PAGE_SIZE) + at, from, n);
        from = (const u8 *)from + n;
        gpa += n;
        size -= n;
    }
}

/* --- the image: ELF of either class ---------------------------------------------------------------------------------------------------------- */
static u64 field(const u8 *p, int at32, int at64, bool is_64)
{
    return is_64 ? *(const u64 *)(p + at64) : *(const u32 *)(p + at32);
}
static u32 entry_in(const u8 *note, u64 size)
{
    for (u64 at = 0; at + 12 <= size;) {
        const u32 *n = (const u32 *)(note + at);
        u64 name = (n[0] + 3) & ~3u, desc = (n[1] + 3) & ~3u;

        if (n[2] == NOTE_PHYS32) {
            return *(const u32 *)(note + at + 12 + name);
        }
        at += 12 + name + desc;
    }
    return 0;
}
static u32 load(const u8 *elf)
{
    bool is_64 = elf[4] == 2;
    const u8 *ph = elf + field(elf, 28, 32, is_64);
    int size = *(const u16 *)(elf + (is_64 ? 54 : 42)), count = *(const u16 *)(elf + (is_64 ? 56 : 44));
    u32 entry = 0;

    for (int i = 0; i < count; i++, ph += size) {
        const u8 *from = elf + field(ph, 4, 8, is_64);
        u64 to = field(ph, 12, 24, is_64), bytes = field(ph, 16, 32, is_64);

        if (*(const u32 *)ph == 1) {
            copy_to(to, from, bytes);
        } else if (*(const u32 *)ph == 4) {
            entry = entry_in(from, bytes);
        }
    }
    return entry;
}

/* --- the first vCPU: flat 32-bit protected mode ------------------------------------------------------------------------------------------------ */
static void start_at(u32 entry)
{
    static struct {
        struct hvm_save_descriptor h;
        struct hvm_save_header header;
        struct hvm_save_descriptor c;
        struct hvm_hw_cpu cpu;
        struct hvm_save_descriptor e;
    } rec;
    static struct xen_domctl op;
    struct hvm_hw_cpu *c = &rec.cpu;

    rec.h = (struct hvm_save_descriptor){HVM_SAVE_CODE(HEADER), 0, sizeof(rec.header)};
    rec.header.magic = HVM_FILE_MAGIC;
    rec.header.version = HVM_FILE_VERSION;
    rec.c = (struct hvm_save_descriptor){HVM_SAVE_CODE(CPU), 0, sizeof(rec.cpu)};
    rec.e = (struct hvm_save_descriptor){HVM_SAVE_CODE(END), 0, 0};
    c->rip = entry;
    c->rbx = START_INFO;
    c->rflags = 2;
    c->cr0 = 0x11;
    c->dr6 = 0xffff0ff0;
    c->dr7 = 0x400;
    c->cs_limit = c->ds_limit = c->es_limit = c->ss_limit = ~0u;
    c->cs_arbytes = 0xc9b;
    c->ds_arbytes = c->es_arbytes = c->ss_arbytes = 0xc93;
    c->tr_limit = 0x67;
    c->tr_arbytes = 0x8b;
    op.u.hvmcontext.size = sizeof(rec);
    set_xen_guest_handle(op.u.hvmcontext.buffer, (void *)&rec);
    ok(domctl(XEN_DOMCTL_sethvmcontext, &op), "sethvmcontext");
}

/* --- building and watching -------------------------------------------------------------------------------------------------------------------- */
static void set_param(u32 index, u64 value)
{
    struct xen_hvm_param p = {.domid = other, .index = index, .value = value};

    ok(hvm_op(HVMOP_set_param, &p), "parameter");
}
static void create(void)
{
    static struct xen_domctl op;

    op.u.createdomain.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
    op.u.createdomain.max_vcpus = 2;
    op.u.createdomain.max_evtchn_port = 1023;
    op.u.createdomain.max_grant_frames = 32;
    op.u.createdomain.max_maptrack_frames = 32;
    op.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
    op.u.createdomain.arch.emulation_flags = XEN_X86_EMU_LAPIC;
    ok(domctl(XEN_DOMCTL_createdomain, &op), "createdomain");
    other = op.domain;
    memset(&op, 0, sizeof(op));
    op.u.paging_mempool.size = 2 << 20;
    ok(domctl(XEN_DOMCTL_set_paging_mempool_size, &op), "paging pool");
    memset(&op, 0, sizeof(op));
    op.u.max_vcpus.max = 2;
    ok(domctl(XEN_DOMCTL_max_vcpus, &op), "max_vcpus");
    memset(&op, 0, sizeof(op));
    op.u.max_mem.max_memkb = GUEST_2M_PAGES * 2048 + 1024;
    ok(domctl(XEN_DOMCTL_max_mem, &op), "max_mem");
}
static void build(void)
{
    struct evtchn_alloc_unbound a = {.remote_dom = DOMID_SELF};
    struct hvm_memmap_table_entry map[] = {
        {.size = GUEST_2M_PAGES << 21, .type = XEN_HVM_MEMMAP_TYPE_RAM},
        {.addr = CONSOLE_GFN << 12, .size = 2 * PAGE_SIZE, .type = XEN_HVM_MEMMAP_TYPE_RESERVED},
    };
    struct hvm_start_info s = {
        .magic = XEN_HVM_START_MAGIC_VALUE, .version = 1, .memmap_entries = ARRAY_SIZE(map)};

    create();
    for (int i = 0; i < GUEST_2M_PAGES; i++) {
        populate(i * 512, 9);
    }
    populate(CONSOLE_GFN, 0);
    populate(STORE_GFN, 0);
    a.dom = other;
    ok(evtchn_op(EVTCHNOP_alloc_unbound, &a), "console port");
    set_param(HVM_PARAM_CONSOLE_PFN, CONSOLE_GFN);
    set_param(HVM_PARAM_CONSOLE_EVTCHN, a.port);
    set_param(HVM_PARAM_STORE_PFN, STORE_GFN);
    ok(evtchn_op(EVTCHNOP_alloc_unbound, &a), "store port");
    set_param(HVM_PARAM_STORE_EVTCHN, a.port);
    s.memmap_paddr = START_INFO + sizeof(s);
    copy_to(s.memmap_paddr, map, sizeof(map));
    s.cmdline_paddr = s.memmap_paddr + sizeof(map);
    copy_to(START_INFO, &s, sizeof(s));
    copy_to(s.cmdline_paddr, g.cmdline, strlen(g.cmdline) + 1);
    start_at(load((const u8 *)g.si->mod_start));
}
/* What there is in the ring goes to our console, by whole lines: the hypervisor's own come in between. */
static void drain(struct xencons_interface *ring)
{
    static char line[512];
    static int n;
    u32 cons = ring->out_cons, prod = *(volatile u32 *)&ring->out_prod;

    for (; cons != prod; cons++) {
        line[n++] = ring->out[cons % sizeof(ring->out)];
        if (line[n - 1] == '\n' || n == sizeof(line)) {
            console_io(CONSOLEIO_write, n, line);
            n = 0;
        }
    }
    barrier();
    *(volatile u32 *)&ring->out_cons = cons;
}
void guest_main(void)
{
    static struct xen_domctl op;
    struct xencons_interface *ring;

    window = page_alloc();
    window_entry = pt_entry_maddr(window, 1);
    build();
    ring = (void *)see(CONSOLE_GFN);
    ok(domctl(XEN_DOMCTL_unpausedomain, &op), "unpause");
    do {
        struct sched_poll wait = {.timeout = now_ns() + SECOND / 500};

        while (*(volatile u32 *)&ring->out_prod != ring->out_cons) {
            drain(ring);
        }
        sched_op(SCHEDOP_poll, &wait);
        ok(domctl(XEN_DOMCTL_getdomaininfo, &op), "info");
    } while (!(op.u.getdomaininfo.flags & XEN_DOMINF_shutdown) ||
             *(volatile u32 *)&ring->out_prod != ring->out_cons);
    if ((op.u.getdomaininfo.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask) == SHUTDOWN_crash) {
        print("# PANIC: the guest crashed\n");
    }
}
