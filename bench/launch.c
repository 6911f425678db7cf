/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A first domain that does what a toolstack does, with nothing else on the machine: it measures how long making and destroying a domain takes, then makes a
 * PVH domain of 64 MiB, loads its module (a micro guest) into it, passes its own command line on, and prints what that domain prints. Thus PVH figures
 * need no Linux. <xen/domctl.h>, <xen/hvm/save.h>, <xen/arch-x86/hvm/start_info.h>, <xen/io/console.h>.
 */
#define __XEN_TOOLS__ 1
#include "measure.h"
#include <elf.h>
#include <xen/domctl.h>
#include <xen/hvm/save.h>

#define MEMORY_MIB   64UL /* of the domain that runs */
#define BENCH_MIB    16UL /* of those that are only made and destroyed; argument mib= */
#define EXTENT_ORDER 9
#define EXTENTS      (MEMORY_MIB / 2)
#define POOL_MIB     4
#define START_GFN    0x3f00UL /* start info, command line */
#define CONSOLE_GFN  0x3f01UL
#define CMDLINE_AT   256
#define CR0_PE_ET    0x11
#define NOTE_ENTRY   18 /* XEN_ELFNOTE_PHYS32_ENTRY */

static u8 window[PAGE_SIZE] __attribute__((aligned(4096)));
static u8 ring_page[PAGE_SIZE] __attribute__((aligned(4096)));
static xen_pfn_t extents[EXTENTS];
static struct xen_domctl op;
static domid_t dom;
static bool want_pvh;
static u64 mib, count; /* of memory, of extents */
static u32 vcpus = 1;

static void set_size(u64 size)
{
    mib = size > MEMORY_MIB ? MEMORY_MIB : size;
    count = mib / 2;
}

static long domctl(u32 cmd)
{
    op.cmd = cmd;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = dom;
    return hc1(__HYPERVISOR_domctl, &op);
}
static void must(const char *what, long rc)
{
    if (rc < 0) {
        panic("%s: %ld", what, rc);
    }
}

/* --- making and destroying --- */
static void create(void)
{
    op = (struct xen_domctl){.u.createdomain = {
                                 .flags = want_pvh ? XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap : 0,
                                 .max_vcpus = vcpus,
                                 .max_evtchn_port = 1023,
                                 .max_grant_frames = 64,
                                 .max_maptrack_frames = 1024,
                                 .grant_opts = XEN_DOMCTL_GRANT_version(1),
                                 .arch.emulation_flags = want_pvh ? XEN_X86_EMU_LAPIC : 0,
                             }};
    dom = 0;
    must("createdomain", domctl(XEN_DOMCTL_createdomain));
    dom = op.domain;
    op.u.max_vcpus.max = vcpus;
    must("max_vcpus", domctl(XEN_DOMCTL_max_vcpus));
    op.u.max_mem.max_memkb = mib << 10;
    must("max_mem", domctl(XEN_DOMCTL_max_mem));
    if (want_pvh) {
        op.u.paging_mempool.size = POOL_MIB << 20;
        must("paging_mempool", domctl(XEN_DOMCTL_set_paging_mempool_size));
    }
}
static void populate(void)
{
    struct xen_memory_reservation r = {.nr_extents = count, .extent_order = EXTENT_ORDER, .domid = dom};
    for (u64 i = 0; i < count; i++) {
        extents[i] = i << EXTENT_ORDER;
    }
    set_xen_guest_handle(r.extent_start, extents);
    if (memory_op(XENMEM_populate_physmap, &r) != count) {
        panic("populate");
    }
}
static void destroy(void)
{
    must("destroydomain", domctl(XEN_DOMCTL_destroydomain));
    /* the last of it may be done later, by whoever lets go last */
    for (int i = 0; i < 100000 && domctl(XEN_DOMCTL_getdomaininfo) == 0 && op.domain == dom; i++) {
        sched_op(SCHEDOP_yield, 0);
    }
}
static void op_create(void)
{
    T0();
    create();
    populate();
    T1();
    u64 t0 = bench_t0, t1 = bench_t1;
    destroy();
    bench_t0 = t0;
    bench_t1 = t1;
}
static void op_destroy(void)
{
    create();
    populate();
    T0();
    destroy();
    T1();
}

/* --- loading the module --- */
static void map_foreign(u8 *at, u64 gfn)
{
    struct mmu_update u = {.ptr = pt_entry_maddr(at, 1), .val = gfn << 12 | PTE_RW};
    must("mapping the domain's memory", mmu_update_many(&u, 1, NULL, dom));
    must("invlpg", mmuext1(MMUEXT_INVLPG_LOCAL, (u64)at, 0));
}
static void copy_in(u64 gpa, const u8 *from, u64 size)
{
    while (size) {
        u64 n = PAGE_SIZE - (gpa & (PAGE_SIZE - 1));
        n = n > size ? size : n;
        map_foreign(window, gpa >> 12);
        memcpy(window + (gpa & (PAGE_SIZE - 1)), from, n);
        gpa += n;
        from += n;
        size -= n;
    }
}
static u32 find_entry(const u8 *note, u64 size)
{
    for (const u8 *end = note + size; note + sizeof(Elf64_Nhdr) < end;) {
        const Elf64_Nhdr *n = (const void *)note;
        const u8 *desc = note + sizeof(*n) + ((n->n_namesz + 3) & ~3U);
        if (n->n_type == NOTE_ENTRY) {
            return *(const u32 *)desc;
        }
        note = desc + ((n->n_descsz + 3) & ~3U);
    }
    panic("the module has no PVH entry");
}
static u32 load(const u8 *elf)
{
    const Elf64_Ehdr *h = (const void *)elf;
    const Elf64_Phdr *p = (const void *)(elf + h->e_phoff);
    u32 entry = 0;
    for (int i = 0; i < h->e_phnum; i++) {
        if (p[i].p_type == PT_LOAD) {
            copy_in(p[i].p_paddr, elf + p[i].p_offset, p[i].p_filesz);
        } else if (p[i].p_type == PT_NOTE) {
            entry = find_entry(elf + p[i].p_offset, p[i].p_filesz);
        }
    }
    return entry;
}
static void write_start_info(void)
{
    map_foreign(window, START_GFN);
    memset(window, 0, PAGE_SIZE);
    struct hvm_start_info *s = (void *)window;
    s->magic = XEN_HVM_START_MAGIC_VALUE;
    s->version = 1;
    s->cmdline_paddr = (START_GFN << 12) + CMDLINE_AT;
    size_t n = strlen(g.cmdline);
    memcpy(window + CMDLINE_AT, g.cmdline, n);
    memcpy(window + CMDLINE_AT + n, " domid=", 7);
    window[CMDLINE_AT + n + 7] =
        '0' + dom / 10; /* the guest may want its number: a grant to itself names it */
    window[CMDLINE_AT + n + 8] = '0' + dom % 10;
}
static void set_param(u32 index, u64 value)
{
    struct xen_hvm_param p = {.domid = dom, .index = index, .value = value};
    must("set_param", hvm_op(HVMOP_set_param, &p));
}
static u32 connect_console(void)
{
    struct evtchn_alloc_unbound a = {.dom = dom, .remote_dom = 0};
    must("alloc_unbound", evtchn_op(EVTCHNOP_alloc_unbound, &a));
    struct evtchn_bind_interdomain b = {.remote_dom = dom, .remote_port = a.port};
    must("bind_interdomain", evtchn_op(EVTCHNOP_bind_interdomain, &b));
    set_param(HVM_PARAM_CONSOLE_PFN, CONSOLE_GFN);
    set_param(HVM_PARAM_CONSOLE_EVTCHN, a.port);
    map_foreign(ring_page, CONSOLE_GFN);
    memset(ring_page, 0, PAGE_SIZE);
    return b.local_port;
}

/* --- its first vCPU: 32-bit protected mode without paging, EBX is the start info --- */
static u8 got[16384] __attribute__((aligned(16)));
static struct {
    struct hvm_save_descriptor header_d;
    HVM_SAVE_TYPE(HEADER) header;
    struct hvm_save_descriptor cpu_d;
    HVM_SAVE_TYPE(CPU) cpu;
    struct hvm_save_descriptor end_d;
    HVM_SAVE_TYPE(END) end;
} __attribute__((packed)) context;

static void set_vcpu(u32 entry)
{
    op.u.hvmcontext.size = sizeof(got);
    set_xen_guest_handle(op.u.hvmcontext.buffer, got);
    must("gethvmcontext", domctl(XEN_DOMCTL_gethvmcontext));
    memcpy(&context, got, sizeof(context.header_d) + sizeof(context.header));
    context.cpu_d.typecode = HVM_SAVE_CODE(CPU);
    context.cpu_d.length = HVM_SAVE_LENGTH(CPU);
    static HVM_SAVE_TYPE(CPU) cpu, *c = &cpu;
    c->cs_limit = c->ds_limit = c->es_limit = c->ss_limit = ~0U;
    c->cs_arbytes = 0xc9b;
    c->ds_arbytes = c->es_arbytes = c->ss_arbytes = 0xc93;
    c->tr_limit = 0x67;
    c->tr_arbytes = 0x8b;
    c->cr0 = CR0_PE_ET;
    c->dr6 = 0xffff0ff0;
    c->dr7 = 0x400;
    c->rip = entry;
    c->rbx = START_GFN << 12;
    c->rflags = 2;
    context.cpu = cpu;
    context.end_d.typecode = HVM_SAVE_CODE(END);
    op.u.hvmcontext.size = sizeof(context);
    set_xen_guest_handle(op.u.hvmcontext.buffer, (void *)&context);
    must("sethvmcontext", domctl(XEN_DOMCTL_sethvmcontext));
}

/* --- its console --- */
static bool take_output(volatile struct xencons_interface *r)
{ /* true: it said that it ends */
    static char line[512];
    static u32 n;
    bool ends = false;
    while (r->out_cons != r->out_prod) {
        char c = r->out[r->out_cons % sizeof(r->out)];
        barrier();
        r->out_cons = r->out_cons + 1;
        if (c != '\n') {
            line[n] = c;
            n += n < sizeof(line) - 1;
            continue;
        }
        line[n] = 0;
        n = 0;
        ends |= strncmp(line, "# end", 5) == 0;
        if (!ends) {
            print("%s\n", line);
        }
    }
    return ends;
}
static bool is_down(void)
{
    return domctl(XEN_DOMCTL_getdomaininfo) || op.domain != dom ||
           (op.u.getdomaininfo.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying));
}
/* Until it says that it ends, or is down. */
static void follow(u32 port)
{
    evtchn_port_t p[2] = {port, bind_virq(VIRQ_DOM_EXC, 0)};
    struct sched_poll poll = {.nr_ports = 2};
    set_xen_guest_handle(poll.ports, p);
    while (!take_output((void *)ring_page)) {
        if (is_down()) {
            take_output((void *)ring_page);
            print("# PANIC: the domain went down\n");
            return;
        }
        sched_op(SCHEDOP_poll, &poll);
        port_clear(p[0]);
        port_clear(p[1]);
    }
}

static void bench_domains(void)
{
    set_size(arg_num("mib", BENCH_MIB));
    want_pvh = false;
    bench("create_pv_16m", 5, op_create);
    bench("destroy_pv_16m", 5, op_destroy);
    want_pvh = true;
    bench("create_pvh_16m", 5, op_create);
    bench("destroy_pvh_16m", 5, op_destroy);
}
void guest_main(void)
{
    if (!arg("only")) {
        bench_domains();
    }
    if (!g.si->mod_start) {
        return;
    }
    set_size(MEMORY_MIB);
    want_pvh = true;
    vcpus = 2;
    create();
    populate();
    op.u.tsc_info = (struct xen_domctl_tsc_info){.tsc_mode = 2}; /* native */
    must("settscinfo", domctl(XEN_DOMCTL_settscinfo));
    u32 entry = load((const u8 *)g.si->mod_start);
    write_start_info();
    u32 port = connect_console();
    set_vcpu(entry);
    must("unpause", domctl(XEN_DOMCTL_unpausedomain));
    follow(port);
    set_va(window, 0);
    set_va(ring_page, 0);
    destroy();
}
