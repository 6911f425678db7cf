/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What PV and PVH micro guests share: printing, the console ring, the command line, the TAP runner, trap fixups,
 * 2-level event channels, time, the page pool. Architecture of each kind: pv.c, pvh.c.
 */
#include "guest.h"

struct guest g;
enum hc_kind hc_kind;
u8 stacks[MAX_CPUS][STACK_SIZE] __attribute__((aligned(STACK_SIZE)));
void (*cpu_fn[MAX_CPUS])(void);
volatile u32 sipi_cpu;
trap_hook_t trap_hook[0x103];
volatile u32 evt_count[MAX_PORTS];
volatile u32 upcall_count;
volatile u64 upcall_tsc, trap_tsc;
void (*evt_handler)(u32 port);
bool evt_raw;

struct fixup {
    unsigned long at, to;
};
#define WORD_BITS (8 * sizeof(xen_ulong_t)) /* of the shared page's event words */
extern const struct fixup fixups_start[], fixups_end[];
extern const struct test tests_start[], tests_end[];

void pv_start(struct start_info *si);
void pvh_start(u32 hsi_paddr);
void secondary_main(int cpu);
void trap_dispatch(struct regs *r);

/* --- strings --- */
void *memset(void *d, int c, size_t n)
{
    void *r = d;
    asm volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
    return r;
}
void *memcpy(void *d, const void *s, size_t n)
{
    void *r = d;
    asm volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n)::"memory");
    return r;
}
int memcmp(const void *a, const void *b, size_t n)
{
    const u8 *x = a, *y = b;
    for (; n; n--, x++, y++) {
        if (*x != *y) {
            return *x - *y;
        }
    }
    return 0;
}
size_t strlen(const char *s)
{
    size_t n = 0;
    while (s[n]) {
        n++;
        barrier();
    }
    return n;
}
int strncmp(const char *a, const char *b, size_t n)
{
    for (; n; n--, a++, b++) {
        if (*a != *b || !*a) {
            return (u8)*a - (u8)*b;
        }
    }
    return 0;
}
u64 prng(u64 *state)
{ /* splitmix64 */
    u64 z = (*state += 0x9e3779b97f4a7c15UL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9UL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebUL;
    return z ^ (z >> 31);
}

/* --- printf: %s %c %d %u %x with l, field width, 0 --- */
struct out {
    char *p, *end;
};
static void put(struct out *o, char c)
{
    if (o->p < o->end) {
        *o->p++ = c;
    }
}
static void put_num(struct out *o, u64 v, unsigned base, int width, char pad)
{
    char tmp[24];
    int n = 0;
    do {
        tmp[n++] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    for (; width > n; width--) {
        put(o, pad);
    }
    while (n) {
        put(o, tmp[--n]);
    }
}
static const char *put_conv(struct out *o, const char *f, va_list *ap)
{
    char pad = ' ';
    int width = 0;
    bool wide = false;
    if (*f == '0') {
        pad = '0';
    }
    for (; *f >= '0' && *f <= '9'; f++) {
        width = width * 10 + *f - '0';
    }
    for (; *f == 'l'; f++) {
        wide = true;
    }
    if (*f == 's') {
        const char *s = va_arg(*ap, const char *);
        while (*s) {
            put(o, *s++);
        }
    } else if (*f == 'c') {
        put(o, va_arg(*ap, int));
    } else if (*f == 'd') {
        long v = wide ? va_arg(*ap, long) : va_arg(*ap, int);
        if (v < 0) {
            put(o, '-');
        }
        put_num(o, v < 0 ? -(u64)v : (u64)v, 10, width, pad);
    } else if (*f == 'u' || *f == 'x') {
        put_num(o, wide ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned), *f == 'u' ? 10 : 16, width,
                pad);
    } else {
        put(o, *f);
    }
    return f + 1;
}
int snprint(char *buf, size_t size, const char *fmt, va_list ap_in)
{
    struct out o = {buf, buf + size - 1};
    va_list ap;
    va_copy(ap, ap_in);
    while (*fmt) {
        if (*fmt == '%') {
            fmt = put_conv(&o, fmt + 1, &ap);
        } else {
            put(&o, *fmt++);
        }
    }
    va_end(ap);
    *o.p = 0;
    return o.p - buf;
}

/* --- console --- */
static struct xencons_interface *ring;
static u32 ring_port;

static void ring_write(const char *s, int n)
{
    for (int i = 0; i < n;) {
        u32 prod = ring->out_prod;
        int spins = 0;
        while (prod - *(volatile u32 *)&ring->out_cons >= sizeof(ring->out)) {
            struct evtchn_send send = {.port = ring_port};
            evtchn_op(EVTCHNOP_send, &send);
            sched_op(SCHEDOP_yield, 0);
            if (++spins > 1000000) {
                return; /* nobody reads: drop it */
            }
        }
        ring->out[prod % sizeof(ring->out)] = s[i++];
        barrier();
        *(volatile u32 *)&ring->out_prod = prod + 1;
    }
    struct evtchn_send send = {.port = ring_port};
    evtchn_op(EVTCHNOP_send, &send);
}
static void console_write(const char *s, int n)
{
    if (ring) {
        ring_write(s, n);
    } else {
        console_io(CONSOLEIO_write, n, s);
    }
}
static void console_init_pv(void)
{
#ifndef __i386__
    ring = pfn_va(m2p[g.si->console.domU.mfn]);
    ring_port = g.si->console.domU.evtchn;
#endif
}
static void console_init(void)
{
    if (g.dom0) {
        return;
    }
    if (g.pv) {
        console_init_pv();
    } else {
        struct xen_hvm_param p = {.domid = DOMID_SELF, .index = HVM_PARAM_CONSOLE_PFN};
        struct xen_hvm_param e = {.domid = DOMID_SELF, .index = HVM_PARAM_CONSOLE_EVTCHN};
        if (hvm_op(HVMOP_get_param, &p) || hvm_op(HVMOP_get_param, &e)) {
            return;
        }
        ring = (void *)(unsigned long)(p.value << 12); /* identity map */
        ring_port = e.value;
    }
}
void print(const char *fmt, ...)
{
    char buf[512];
    va_list ap;
    va_start(ap, fmt);
    int n = snprint(buf, sizeof(buf), fmt, ap);
    va_end(ap);
    console_write(buf, n);
}
void shutdown(int reason)
{
    struct sched_shutdown s = {.reason = reason};
    print("# end %d\n", reason);
    for (;;) {
        sched_op(SCHEDOP_shutdown, &s);
    }
}
void panic(const char *fmt, ...)
{
    char buf[512];
    va_list ap;
    va_start(ap, fmt);
    snprint(buf, sizeof(buf), fmt, ap);
    va_end(ap);
    print("# PANIC: %s\n", buf);
    shutdown(SHUTDOWN_crash);
}

/* --- command line --- */
const char *arg(const char *name)
{
    size_t n = strlen(name);
    for (const char *p = g.cmdline; *p;) {
        if (!strncmp(p, name, n) && p[n] == '=') {
            return p + n + 1;
        }
        while (*p && *p != ' ') {
            p++;
        }
        while (*p == ' ') {
            p++;
        }
    }
    return NULL;
}
long arg_num(const char *name, long dflt)
{
    const char *s = arg(name);
    long v = 0;
    if (!s) {
        return dflt;
    }
    for (; *s >= '0' && *s <= '9'; s++) {
        v = v * 10 + *s - '0';
    }
    return v;
}
bool on_zendo(void)
{
    static xen_extraversion_t extra;

    return xen_version(XENVER_extraversion, extra) == 0 && !memcmp(extra, "-zendo", 7);
}
bool arg_is(const char *name, const char *value)
{
    const char *s = arg(name);
    size_t n = strlen(value);
    return s && !strncmp(s, value, n) && (s[n] == ' ' || !s[n]);
}

/* --- tests --- */
static const struct test *current;
static bool cur_failed, cur_skipped;

void test_fail(const char *file, int line, const char *fmt, ...)
{
    char buf[384];
    va_list ap;
    if (cur_failed) {
        return;
    }
    cur_failed = true;
    for (const char *p = file; *p; p++) {
        if (*p == '/') {
            file = p + 1;
        }
    }
    va_start(ap, fmt);
    snprint(buf, sizeof(buf), fmt, ap);
    va_end(ap);
    print("not ok %s: %s (%s:%d)\n", current->name, buf, file, line);
}
bool test_failed(void)
{
    return cur_failed;
}
void test_skip(const char *why)
{
    cur_skipped = true;
    print("ok %s # SKIP %s\n", current->name, why);
}
__attribute__((weak)) void guest_main(void)
{
    int total = tests_end - tests_start;
    int from = arg_num("from", 0);
    print("1..%d\n", total);
    for (int i = 0; i < total; i++) {
        current = &tests_start[i];
        print("# test %d %s\n", i, current->name);
        if (i < from || (arg("only") && !arg_is("only", current->name))) {
            continue;
        }
        cur_failed = cur_skipped = false;
        evt_handler = NULL;
        events_off();
        memset(trap_hook, 0, sizeof(trap_hook));
        current->fn();
        if (!cur_failed && !cur_skipped) {
            print("ok %s\n", current->name);
        }
    }
}

/* --- traps --- */
static void dump(struct regs *r)
{
    unsigned long *sp = (unsigned long *)r->rsp;
    print("# rip %016lx rsp %016lx cs %lx rflags %lx\n# rax %lx rbx %lx rcx %lx rdx %lx rsi %lx rdi %lx rbp "
          "%lx\n",
          hc_a(r->rip), hc_a(r->rsp), hc_a(r->cs), hc_a(r->rflags), hc_a(r->rax), hc_a(r->rbx), hc_a(r->rcx),
          hc_a(r->rdx), hc_a(r->rsi), hc_a(r->rdi), hc_a(r->rbp));
    if (hc_a(sp) >= hc_a(stacks) && hc_a(sp) < hc_a(stacks) + sizeof(stacks) - 64) {
        print("# stack %lx %lx %lx %lx %lx %lx\n", sp[0], sp[1], sp[2], sp[3], sp[4], sp[5]);
    }
}
static void evt_upcall(void)
{
    struct vcpu_info *vi = vcpu_info(this_cpu());
    *(volatile u8 *)&vi->evtchn_upcall_pending = 0;
    upcall_count++;
    if (evt_raw) {
        return;
    }
    unsigned long sel = __atomic_exchange_n(&vi->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
    while (sel) {
        int w = __builtin_ctzl(sel);
        sel &= sel - 1;
        unsigned long bits = g.shared->evtchn_pending[w] & ~g.shared->evtchn_mask[w];
        __atomic_fetch_and(&g.shared->evtchn_pending[w], ~bits, __ATOMIC_SEQ_CST);
        while (bits) {
            u32 port = w * WORD_BITS + __builtin_ctzl(bits);
            bits &= bits - 1;
            __atomic_fetch_add(&evt_count[port], 1, __ATOMIC_SEQ_CST);
            if (evt_handler) {
                evt_handler(port);
            }
        }
    }
}
static u64 read_cr2(void)
{
    unsigned long v;
    if (g.pv) {
        return vcpu_info(this_cpu())->arch.cr2;
    }
    asm volatile("mov %%cr2, %0" : "=r"(v));
    return v;
}
void trap_dispatch(struct regs *r)
{
    u32 lo, hi;
    asm volatile("rdtsc" : "=a"(lo), "=d"(hi)::"memory");
    trap_tsc = lo | (u64)hi << 32;
    u64 cr2 = r->vec == 14 ? read_cr2() : 0;
    if (r->vec == VEC_UPCALL || (!g.pv && r->vec == PVH_UPCALL_VECTOR)) {
        upcall_tsc = trap_tsc;
        evt_upcall();
        return;
    }
    trap_hook_t hook = r->vec < ARRAY_SIZE(trap_hook) ? trap_hook[r->vec] : NULL;
    if (hook && r->vec >= 32 && hook(r)) {
        return; /* an interrupt: not the trap that a probe waits for */
    }
    g.trap.vec = r->vec;
    g.trap.err = r->err;
    g.trap.cr2 = cr2;
    g.trap.rip = r->rip;
    g.trap.rflags = r->rflags;
    g.trap.cs = r->cs;
    g.trap.rsp = r->rsp;
    g.trap.count++;
    if (hook && r->vec < 32 && hook(r)) {
        return;
    }
    for (const struct fixup *f = fixups_start; f < fixups_end; f++) {
        if (f->at == r->rip) {
            r->rip = f->to;
            return;
        }
        if (f->to == r->rip && (r->vec == 1 || r->vec == 3 || r->vec == 4 || r->vec >= 32)) {
            return;
        }
    }
    dump(r);
    panic("trap %lu error %lx cr2 %lx at %lx", hc_a(r->vec), hc_a(r->err), hc_a(cr2), hc_a(r->rip));
}

/* --- events --- */
struct vcpu_info *vcpu_info(int cpu)
{
    return &g.shared->vcpu_info[cpu];
}
void events_on(void)
{
    struct vcpu_info *vi = vcpu_info(this_cpu());
    if (!g.pv) {
        asm volatile("sti" ::: "memory");
        return;
    }
    *(volatile u8 *)&vi->evtchn_upcall_mask = 0;
    barrier();
    if (*(volatile u8 *)&vi->evtchn_upcall_pending) {
        xen_version(XENVER_version, 0); /* any hypercall delivers on its way out */
    }
}
void events_off(void)
{
    if (!g.pv) {
        asm volatile("cli" ::: "memory");
        return;
    }
    *(volatile u8 *)&vcpu_info(this_cpu())->evtchn_upcall_mask = 1;
    barrier();
}
bool events_enabled(void)
{
    unsigned long f;
    if (g.pv) {
        return !vcpu_info(this_cpu())->evtchn_upcall_mask;
    }
    asm volatile("pushf; pop %0" : "=r"(f));
    return f >> 9 & 1;
}
bool port_pending(u32 port)
{
    return *(volatile xen_ulong_t *)&g.shared->evtchn_pending[port / WORD_BITS] >> (port % WORD_BITS) & 1;
}
void port_clear(u32 port)
{
    __atomic_fetch_and(&g.shared->evtchn_pending[port / WORD_BITS], ~(1UL << (port % WORD_BITS)),
                       __ATOMIC_SEQ_CST);
}
void port_mask(u32 port, bool masked)
{
    if (masked) {
        __atomic_fetch_or(&g.shared->evtchn_mask[port / WORD_BITS], 1UL << (port % WORD_BITS),
                          __ATOMIC_SEQ_CST);
    } else {
        struct evtchn_unmask u = {.port = port};
        evtchn_op(EVTCHNOP_unmask, &u);
    }
}
long port_send(u32 port)
{
    struct evtchn_send s = {.port = port};
    return evtchn_op(EVTCHNOP_send, &s);
}
long port_close(u32 port)
{
    struct evtchn_close c = {.port = port};
    return evtchn_op(EVTCHNOP_close, &c);
}
static void port_fresh(u32 port)
{ /* a new port: not pending, masked; callers unmask when they are ready */
    port_mask(port, true);
    port_clear(port);
    if (port < MAX_PORTS) {
        evt_count[port] = 0;
    }
}
long bind_ipi(u32 vcpu)
{
    struct evtchn_bind_ipi b = {.vcpu = vcpu};
    long rc = evtchn_op(EVTCHNOP_bind_ipi, &b);
    if (rc) {
        return rc;
    }
    port_fresh(b.port);
    return b.port;
}
long bind_virq(u32 virq, u32 vcpu)
{
    struct evtchn_bind_virq b = {.virq = virq, .vcpu = vcpu};
    long rc = evtchn_op(EVTCHNOP_bind_virq, &b);
    if (rc) {
        return rc;
    }
    port_fresh(b.port);
    return b.port;
}
bool wait_count(volatile u32 *counter, u32 at_least, u64 timeout_ns)
{
    u64 end = now_ns() + timeout_ns;
    while (*counter < at_least) {
        if (now_ns() > end) {
            return false;
        }
        pause();
    }
    return true;
}

/* --- time --- */
u64 now_ns(void)
{
    struct vcpu_time_info *t = &vcpu_info(this_cpu())->time;
    u32 version;
    u64 ns;
    do {
        version = *(volatile u32 *)&t->version;
        barrier();
        u64 delta = rdtsc() - t->tsc_timestamp;
        delta = t->tsc_shift >= 0 ? delta << t->tsc_shift : delta >> -t->tsc_shift;
        ns = t->system_time + (delta >> 32) * t->tsc_to_system_mul +
             ((delta & 0xffffffff) * t->tsc_to_system_mul >> 32);
        barrier();
    } while ((version & 1) || version != *(volatile u32 *)&t->version);
    return ns;
}

/* --- pages --- */
#define POOL_PAGES 1024
static u8 pool[POOL_PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static u16 pool_next[POOL_PAGES], pool_free;
static int pool_used;

void *page_alloc(void)
{
    void *p;
    if (pool_free) {
        p = pool[pool_free];
        pool_free = pool_next[pool_free];
    } else if (++pool_used < POOL_PAGES) { /* page 0 stays unused: 0 ends the list */
        p = pool[pool_used];
    } else {
        panic("page pool is empty");
    }
    memset(p, 0, PAGE_SIZE);
    return p;
}
void page_free(void *p)
{
    int i = ((u8 *)p - pool[0]) / PAGE_SIZE;
    pool_next[i] = pool_free;
    pool_free = i;
}
unsigned long va_pfn(const void *p)
{
    return (hc_a(p) - VIRT_BASE) >> 12;
}
unsigned long va_mfn(const void *p)
{
    return g.pv ? ((unsigned long *)g.si->mfn_list)[va_pfn(p)] : va_pfn(p);
}

/* --- CPUs --- */
int this_cpu(void)
{
    unsigned long sp;
#ifdef __i386__
    asm("mov %%esp, %0" : "=r"(sp));
#else
    asm("mov %%rsp, %0" : "=r"(sp));
#endif
    return (sp - hc_a(stacks)) / STACK_SIZE;
}
void secondary_main(int cpu)
{
    cpu_init_secondary();
    cpu_fn[cpu]();
    cpu_stop();
}
void cpu_stop(void)
{
    for (;;) {
        vcpu_op(VCPUOP_down, this_cpu(), 0);
    }
}

/* --- start --- */
static void common_start(void)
{
    for (int i = 0; i < 8 * 1; i++) {
        struct xen_feature_info f = {.submap_idx = i};
        g.features[i] = xen_version(XENVER_get_features, &f) ? 0 : f.submap;
    }
    console_init();
    memset(g.shared->evtchn_mask, 0xff, sizeof(g.shared->evtchn_mask));
    for (g.vcpus = 0; g.vcpus < MAX_CPUS && vcpu_op(VCPUOP_is_up, g.vcpus, 0) >= 0; g.vcpus++) {
    }
    print("# guest %s%s vcpus %d cmdline %s\n", g.pv ? "pv" : "pvh", g.dom0 ? " dom0" : "", g.vcpus,
          g.cmdline);
    guest_main();
    shutdown(g.dom0 ? SHUTDOWN_reboot : SHUTDOWN_poweroff);
}
static void copy_cmdline(const char *s)
{
    for (size_t i = 0; i < sizeof(g.cmdline) - 1 && s[i]; i++) {
        g.cmdline[i] = s[i];
    }
}
#ifndef __i386__
void pv_start(struct start_info *si)
{
    hc_kind = HC_SYSCALL;
    g.pv = true;
    g.si = si;
    g.dom0 = si->flags & SIF_INITDOMAIN;
    copy_cmdline((char *)si->cmd_line);
    pv_init();
    common_start();
}
#endif
void pvh_start(u32 hsi_paddr)
{
    u32 r[4];
    cpuid(0, 0, r);
    hc_kind = r[1] == 0x756e6547 ? HC_VMCALL : HC_VMMCALL; /* "Genu"ineIntel */
    g.hsi = (void *)(unsigned long)hsi_paddr;
    g.dom0 = g.hsi->flags & SIF_INITDOMAIN;
    if (g.hsi->cmdline_paddr) {
        copy_cmdline((char *)(unsigned long)g.hsi->cmdline_paddr);
    }
    pvh_init();
    common_start();
}
