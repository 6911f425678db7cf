/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <hw/x86/smp/smp.h>
#include <hw/x86/apic/apic.h>
#include <hw/x86/boot/boot_info.h>
#include <hw/x86/boot/image.h>
#include <hw/x86/boot/platform.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/cpu/time.h>
#include <hw/x86/mmu/mmu.h>
#include <hw/x86/trap/trap.h>
#include <base/contract.h>
#include <base/log.h>
#include <base/counters.h>
#include <base/percpu.h>
#include <core/memory/heap.h>
#include <core/numa/numa.h>
#include <lib/string.h>

#define STARTUP_TRIES   3u
#define STARTUP_WAIT_NS MILLISECS(100)
#define LOW_START       0x10000u /* firmware bugs and the real-mode vectors are below */
#define LOW_END         0x9f000u

enum ap_state { AP_NONE, AP_ALIVE, AP_GO, AP_READY };

extern const char ap_trampoline[], ap_trampoline_end[];
extern uint64_t ap_boot_cr3, ap_boot_stack; /* read by trampoline.S */
_Noreturn void ap_start(void);

uint64_t percpu_offsets[MAX_PCPUS];
uint64_t ap_boot_cr3, ap_boot_stack;
static uint32_t ap_state;
static uint64_t ap_tsc_sample;

DECLARE_PER_CPU(uint64_t, tsc_correction);

static uint64_t percpu_size(void)
{
    return (uint64_t)(__percpu_end - __percpu_start);
}

void percpu_init(void)
{
    memcpy(_percpu_template, __percpu_start, percpu_size());
    cpu_info()->counters = &this_cpu(counters);
}

static enum ap_state get_state(void)
{
    return (enum ap_state)__atomic_load_n(&ap_state, __ATOMIC_ACQUIRE);
}

static void set_state(enum ap_state s)
{
    __atomic_store_n(&ap_state, s, __ATOMIC_RELEASE);
}

/* On the new CPU, with the final page tables and its own stack. */
_Noreturn void ap_start(void)
{
    unsigned int cpu = pcpu_id();

    mmu_init_cpu();
    trap_init_ap();
    apic_init_ap();
    set_state(AP_ALIVE);
    while (get_state() != AP_GO) {
        cpu_relax();
    }
    __atomic_store_n(&ap_tsc_sample, rdtsc_ordered(), __ATOMIC_RELEASE);
    set_state(AP_READY);
    while (get_state() != AP_GO) {
        cpu_relax();
    }
    time_init_cpu();
    ap_prepare();
    cpuset_add_atomic(&cpus_present, cpu);
    cpuset_add_atomic(&cpus_online, cpu);
    set_state(AP_READY);
    ap_main();
}

static bool wait_for(enum ap_state wanted, uint64_t timeout_ns)
{
    uint64_t start = port_now_ns();

    while (get_state() != wanted) {
        if (port_now_ns() - start > timeout_ns) {
            return get_state() == wanted;
        }
        cpu_relax();
    }
    return true;
}

/* A page of RAM below 1 MiB for the trampoline; EFI loaders put modules there too. */
static paddr_t find_low_page(void)
{
    for (paddr_t pa = LOW_END - PAGE_SIZE; pa >= LOW_START; pa -= PAGE_SIZE) {
        if (boot_module_at(pa, pa + PAGE_SIZE)) {
            continue;
        }
        for (unsigned int i = 0; i < boot_info.map_count; i++) {
            const struct loader_memory *m = &boot_info.map[i];

            if (m->type == LOADER_MEMORY_RAM && m->start <= pa && m->end >= pa + PAGE_SIZE) {
                return pa;
            }
        }
    }
    return 0;
}

/* Memory of a CPU: per-CPU area, stack with struct cpu_info, descriptor window. */
static int prepare(unsigned int cpu)
{
    unsigned int order = order_for(DIV_ROUND_UP(percpu_size(), PAGE_SIZE));
    mfn_t area = heap_alloc(order, HEAP_NODE(numa_apic_node(apic_id_of_cpu[cpu])));
    vaddr_t stack = mmu_alloc_stack();
    struct cpu_info *info = (struct cpu_info *)(stack + STACK_SIZE) - 1;

    if (mfn_is_invalid(area) || stack == 0 || mmu_desc_window_init(cpu) < 0) {
        return -XEN_ENOMEM;
    }
    memcpy(mfn_to_virt(area), _percpu_template, percpu_size());
    percpu_offsets[cpu] = (uint64_t)mfn_to_virt(area) - (uint64_t)__percpu_start;
    *info = (struct cpu_info){
        .percpu_offset = percpu_offsets[cpu], .cpu = cpu, .counters = &per_cpu(counters, cpu)};
    ap_boot_cr3 = mmu_master_l4();
    ap_boot_stack = (uint64_t)info;
    return 0;
}

/* Both TSCs were read in a known order: correct the new CPU's if it contradicts that order. */
static void compare_tsc(unsigned int cpu)
{
    uint64_t before = rdtsc_ordered(), after;

    set_state(AP_GO);
    wait_for(AP_READY, SECONDS(1));
    after = rdtsc_ordered();
    if (ap_tsc_sample < before) {
        per_cpu(tsc_correction, cpu) = before - ap_tsc_sample;
    } else if (ap_tsc_sample > after) {
        per_cpu(tsc_correction, cpu) = after - ap_tsc_sample;
    }
    if (per_cpu(tsc_correction, cpu)) {
        log_warning("CPU %u: TSC corrected by %ld ticks", cpu, (long)per_cpu(tsc_correction, cpu));
    }
}

static bool start_cpu(unsigned int cpu, unsigned int trampoline_page)
{
    set_state(AP_NONE);
    if (prepare(cpu) < 0) {
        log_warning("CPU %u: no memory to start it", cpu);
        return false;
    }
    for (unsigned int i = 0; i < STARTUP_TRIES; i++) {
        apic_send_init(apic_id_of_cpu[cpu]);
        time_spin_ns(i == 0 ? MICROSECS(100) : MILLISECS(10));
        apic_send_startup(apic_id_of_cpu[cpu], trampoline_page);
        if (wait_for(AP_ALIVE, STARTUP_WAIT_NS)) {
            break;
        }
    }
    if (get_state() != AP_ALIVE) {
        apic_send_init(apic_id_of_cpu[cpu]); /* it must not come up later */
        log_warning("CPU %u (APIC id %u) does not start", cpu, apic_id_of_cpu[cpu]);
        return false;
    }
    compare_tsc(cpu);
    set_state(AP_GO);
    return wait_for(AP_READY, SECONDS(1));
}

void smp_init(void)
{
    paddr_t page = find_low_page();
    unsigned int count = 1;

    park_init();
    if (platform.cpu_count > 1 && page == 0) {
        log_warning("No memory below 1 MiB to start other CPUs from");
        return;
    }
    memcpy((void *)(VA_DIRECT + page), ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
    for (unsigned int i = 1; i < platform.cpu_count; i++) {
        /* a CPU that does not start leaves no gap: the next one gets its number */
        apic_id_of_cpu[count] = platform.cpu_apic_id[i];
        count += start_cpu(count, (unsigned int)(page >> PAGE_SHIFT));
    }
    log_info("%u CPUs are up", count);
}
