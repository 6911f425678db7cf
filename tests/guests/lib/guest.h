/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The micro guest library: what a test or a benchmark sees.
 * One ELF boots as PV (64-bit) and as PVH: `g.pv` says which. Everything runs in one address space, kernel mode, with
 * virtual address = VIRT_BASE + (guest) physical address for the image and its static data; PVH also has an identity
 * map of the first 4 GiB. Tests are functions declared by TEST() and run in link order; a test ends at its first failed CHECK.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define __XEN_INTERFACE_VERSION__ __XEN_LATEST_INTERFACE_VERSION__
#include <xen/xen.h>
#include <xen/callback.h>
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/hvm_vcpu.h>
#include <xen/hvm/params.h>
#include <xen/io/console.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/arch-x86/hvm/start_info.h>

#include "hypercall.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#ifdef __i386__
#define VIRT_BASE 0UL          /* no paging */
#define NOWHERE   0x7ff00000UL /* an address without memory */
#else
#define VIRT_BASE 0xffffffff80000000UL
#define NOWHERE   0x00007ff000000000UL
#endif
#define PAGE_SIZE     4096UL
#define MAX_CPUS      8
#define STACK_SIZE    16384UL
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define barrier()     asm volatile("" ::: "memory")

#define PTE_P        0x001UL
#define PTE_W        0x002UL
#define PTE_U        0x004UL
#define PTE_A        0x020UL
#define PTE_D        0x040UL
#define PTE_PS       0x080UL
#define PTE_NX       (1UL << 63)
#define PTE_RW       (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D)
#define PTE_RO       (PTE_P | PTE_U | PTE_A)
#define PTE_MFN(pte) (((pte)&0x000ffffffffff000UL) >> 12)

/* The registers that a trap stub saves; `err` is 0 where the vector pushes none. */
#ifdef __i386__
struct regs {
    u32 rdi, rsi, rbp, rsp, rbx, rdx, rcx, rax;
    u32 vec, err;
    u32 rip, cs, rflags;
};
#else
struct regs {
    u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    u64 vec, err;
    u64 rip, cs, rflags, rsp, ss;
};
#endif
#define VEC_UPCALL   0x100
#define VEC_SYSCALL  0x101
#define VEC_FAILSAFE 0x102

struct trap_record {
    int vec; /* -1: none since trap_clear() */
    u64 err, cr2, rip, rflags, cs, rsp;
    int count;
};

struct guest {
    bool pv, dom0;
    int vcpus;
    int domid;
    struct start_info *si;      /* PV */
    struct hvm_start_info *hsi; /* PVH */
    struct shared_info *shared;
    char cmdline[1024];
    struct trap_record trap; /* the last trap that a fixup or a hook took */
    u32 features[8];
};
extern struct guest g;

/* --- output: console_io for the first domain, the PV console ring for the others --- */
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void panic(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void shutdown(int reason) __attribute__((noreturn));
int snprint(char *buf, size_t size, const char *fmt, va_list ap);

/* --- command line: `name=value` --- */
const char *arg(const char *name);
long arg_num(const char *name, long dflt);
bool arg_is(const char *name, const char *value);

/* --- tests --- */
struct test {
    const char *name;
    void (*fn)(void);
};
#define TEST(t)                                                                                             \
    static void test_##t(void);                                                                             \
    static const struct test reg_##t __attribute__((used, section(".tests"), aligned(8))) = {#t, test_##t}; \
    static void test_##t(void)
void test_fail(const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void test_skip(const char *why);
bool test_failed(void);
/* By the extra version; for what Debian's Xen does otherwise. */
bool on_zendo(void);
#define CHECK(c)                                     \
    do {                                             \
        if (!(c)) {                                  \
            test_fail(__FILE__, __LINE__, "%s", #c); \
            return;                                  \
        }                                            \
    } while (0)
#define CHECK_EQ(a, b)                                                                            \
    do {                                                                                          \
        long a_ = (long)(a), b_ = (long)(b);                                                      \
        if (a_ != b_) {                                                                           \
            test_fail(__FILE__, __LINE__, "%s is %ld (0x%lx), not %s (%ld)", #a, a_, a_, #b, b_); \
            return;                                                                               \
        }                                                                                         \
    } while (0)
#define SKIP(why)       \
    do {                \
        test_skip(why); \
        return;         \
    } while (0)
/* Runs a helper that may fail the test, and leaves if it did. */
#define RUN(call)            \
    do {                     \
        call;                \
        if (test_failed()) { \
            return;          \
        }                    \
    } while (0)
/* A benchmark image brings its own main instead of tests. */
void guest_main(void);

/* --- traps --- */
typedef bool (*trap_hook_t)(struct regs *r); /* true: handled, resume at r */
extern trap_hook_t trap_hook[0x103];
static inline void trap_clear(void)
{
    g.trap.vec = -1;
    g.trap.count = 0;
    barrier();
}
/* Asm text: a fault at label 1 resumes at label 2 with the trap recorded; so do software interrupts ending at 2. */
#ifdef __i386__
#define FIXUP ".pushsection .fixups,\"a\"\n .long 1b, 2b\n .popsection\n"
#else
#define FIXUP ".pushsection .fixups,\"a\"\n .quad 1b, 2b\n .popsection\n"
#endif
/* Runs one instruction with RAX, RCX, RDX (lvalues, in and out); value: the vector that it raised, or -1. RBX is lost. */
#define TRAP_INSN(insn, a, c, d)                                                                       \
    ({                                                                                                 \
        trap_clear();                                                                                  \
        asm volatile("1: " insn "\n2:\n" FIXUP : "+a"(a), "+c"(c), "+d"(d) : : "memory", "cc", "rbx"); \
        g.trap.vec;                                                                                    \
    })
/* The same without operands. */
#define TRAP_OF(insn)                \
    ({                               \
        u64 a_ = 0, c_ = 0, d_ = 0;  \
        TRAP_INSN(insn, a_, c_, d_); \
    })
static inline int probe_read(const volatile void *p, u64 *val)
{
    unsigned long v = 0;
    trap_clear();
    asm volatile("1: mov %1, %0\n2:\n" FIXUP : "+r"(v) : "m"(*(const volatile unsigned long *)p) : "memory");
    if (val) {
        *val = v;
    }
    return g.trap.vec;
}
static inline int probe_write(volatile void *p, u64 val)
{
    trap_clear();
    asm volatile("1: mov %1, %0\n2:\n" FIXUP
                 : "=m"(*(volatile unsigned long *)p)
                 : "r"((unsigned long)val)
                 : "memory");
    return g.trap.vec;
}
static inline int probe_rdmsr(u32 msr, u64 *val)
{
    u32 lo = 0, hi = 0;
    trap_clear();
    asm volatile("1: rdmsr\n2:\n" FIXUP : "+a"(lo), "+d"(hi) : "c"(msr) : "memory");
    if (val) {
        *val = lo | (u64)hi << 32;
    }
    return g.trap.vec;
}
static inline int probe_wrmsr(u32 msr, u64 val)
{
    trap_clear();
    asm volatile("1: wrmsr\n2:\n" FIXUP : : "a"((u32)val), "d"((u32)(val >> 32)), "c"(msr) : "memory");
    return g.trap.vec;
}

/* --- events --- */
#define MAX_PORTS 4096
extern volatile u32 evt_count[MAX_PORTS]; /* upcalls delivered by port */
extern volatile u32 upcall_count;
extern volatile u64 upcall_tsc, trap_tsc; /* the counter at the last upcall's, trap's first C instruction */
extern void (*evt_handler)(u32 port);     /* optional */
extern bool evt_raw; /* the upcall only counts and clears the pending flag (FIFO tests) */
struct vcpu_info *vcpu_info(int cpu);
void events_on(void);
void events_off(void);
bool events_enabled(void);
bool port_pending(u32 port);
void port_clear(u32 port);
void port_mask(u32 port, bool masked);
long port_send(u32 port);
long port_close(u32 port);
long bind_ipi(u32 vcpu); /* the port, or -errno */
long bind_virq(u32 virq, u32 vcpu);
bool wait_count(volatile u32 *counter, u32 at_least, u64 timeout_ns);

/* --- time --- */
u64 now_ns(void); /* Xen's system time, from vcpu_info of this vCPU */
static inline u64 rdtsc(void)
{
    u32 lo, hi;
    asm volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
    return lo | (u64)hi << 32;
}

/* --- pages --- */
void *page_alloc(void); /* zeroed page of the image's pool: mapped read-write; never fails */
void page_free(void *p);
unsigned long va_pfn(const void *p);
unsigned long va_mfn(const void *p); /* PV: machine frame; PVH: the guest frame */
static inline void *pfn_va(unsigned long pfn)
{
    return (void *)(VIRT_BASE + (pfn << 12));
}

/* --- PV page tables --- */
#define m2p machine_to_phys_mapping
u64 *pt_entry(
    const void *va,
    int level); /* address (read-only mapping) of the entry that maps va at a level, NULL if absent */
u64 pt_entry_maddr(const void *va, int level); /* its machine address */
long set_va(void *va, u64 pte);                /* update_va_mapping + INVLPG */
long mmu_update1(u64 ptr, u64 val);
long mmu_update_many(const struct mmu_update *req, int n, int *done, u32 dom);
long mmuext1(unsigned cmd, unsigned long a1, unsigned long a2);
long make_ro(void *page); /* maps one of our pages read-only */
long make_rw(void *page);

/* --- CPUs --- */
int this_cpu(void);
long cpu_start(int cpu, void (*fn)(void)); /* PV: initialise + up; PVH: the same through vcpu_hvm_context */
void cpu_stop(void) __attribute__((noreturn)); /* VCPUOP_down of the caller */
extern u8 stacks[MAX_CPUS][STACK_SIZE];
extern volatile u32 sipi_cpu;          /* the CPU number that the next INIT-SIPI start takes */
extern void (*cpu_fn[MAX_CPUS])(void); /* what secondary_main() runs */
int ctx_save(u64 ctx[8]) __attribute__((returns_twice));
void ctx_jump(u64 ctx[8], int val) __attribute__((noreturn));
void pv_load_regs(struct regs *r) __attribute__((noreturn));
void pv_init(void);
u64 pv_stub(int vec); /* PV: where the library's handler of a vector or callback begins */
void pvh_init(void);
void cpu_init_secondary(void);
void fill_trap_table(
    struct trap_info *ti); /* PV: the library's table, ending with a zero entry; 257 entries */
#define PVH_UPCALL_VECTOR 0xf3
extern bool pvh_domain_vector; /* weak, true: is it set as the domain's callback before the tests? */
#define LAPIC_VA 0xfee00000UL

/* --- helpers --- */
void *memset(void *d, int c, size_t n);
void *memcpy(void *d, const void *s, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strncmp(const char *a, const char *b, size_t n);
u64 prng(u64 *state);
static inline bool feature(int bit)
{
    return g.features[bit / 32] >> (bit % 32) & 1;
}
static inline void cpuid(u32 leaf, u32 sub, u32 out[4])
{
    asm volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(sub));
}
static inline void xen_cpuid(u32 leaf, u32 sub, u32 out[4])
{ /* the emulated form: PV only */
    asm volatile(XEN_CPUID : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(sub));
}
static inline void pause(void)
{
    asm volatile("pause" ::: "memory");
}

#endif
