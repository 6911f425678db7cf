/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Start-up, in order: one row a step, with the phase that its time counts for. Everything above hw/ is put together here. Ends in the boot CPU's idle
 * loop; the other CPUs come in at ap_main().
 */
#include <init/first_domain.h>
#include <init/memory_nodes.h>
#include <init/memory_options.h>
#include <hw/drivers/console.h>
#include <hw/x86/apic/apic.h>
#include <hw/x86/apic/irq.h>
#include <hw/x86/boot/boot_info.h>
#include <hw/x86/boot/image.h>
#include <hw/x86/boot/main.h>
#include <hw/x86/boot/platform.h>
#include <hw/x86/boot/power.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/cpu/mca.h>
#include <hw/x86/cpu/nmi.h>
#include <hw/x86/cpu/time.h>
#include <hw/x86/cpu/watchdog.h>
#include <hw/x86/mmu/mmu.h>
#include <hw/x86/pci/pci.h>
#include <hw/x86/smp/smp.h>
#ifdef CONFIG_PVH
#include <hw/x86/svm/svm.h>
#endif
#include <hw/x86/trap/trap.h>
#include <core/domain/domain.h>
#include <abi/sysctl.h>
#include <core/hypercall/arch.h>
#include <core/hypercall/build_info.h>
#include <core/hypercall/console_input.h>
#include <core/hypercall/debug_keys.h>
#include <core/hypercall/tbuf_op.h>
#include <core/memory/heap.h>
#include <core/param/options.h>
#include <core/param/param.h>
#include <core/sched/sched.h>
#include <core/timer/timer.h>
#include <guest/x86/common/cpuid.h>
#include <guest/x86/common/kinds.h>
#include <guest/x86/common/x86_domain.h>
#include <base/contract.h>
#include <base/log.h>
#include <base/softirq.h>
#include <lib/string.h>

enum phase { PHASE_ENTRY, PHASE_MEMORY, PHASE_CPUS, PHASE_DEVICES, PHASE_DOMAIN, PHASE_COUNT };

static const char *const phase_names[] = {"entry", "memory", "CPUs", "devices", "first domain"};

static void banner(void)
{
    const uint8_t *id = image_build_id();

    log_info("Zendo 4.17-zendo (gcc " __VERSION__ ", build %02x%02x%02x%02x)", id[0], id[1], id[2], id[3]);
    log_info("Loader: %s; options: %s", boot_info.loader.loader_name, boot_info.cmdline);
    params_report();
    if (console_unknown_device()) {
        log_warning("Console option not understood: %s", console_unknown_device());
    }
    for (unsigned int i = 0; i < boot_info.map_count; i++) {
        static const char *const types[] = {"?", "RAM", "reserved", "ACPI tables", "ACPI NVS", "unusable"};
        const struct loader_memory *m = &boot_info.map[i];

        log_debug("  %012lx-%012lx %s", m->start, m->end - 1,
                  types[m->type < ARRAY_SIZE(types) ? m->type : 0]);
    }
}

/* What /buildinfo/config of hypfs shows. */
static const char config_text[] = "CONFIG_X86_64=y\n"
#ifdef CONFIG_PV
                                  "CONFIG_PV=y\n"
#else
                                  "# CONFIG_PV is not set\n"
#endif
#ifdef CONFIG_PVH
                                  "CONFIG_PVH=y\n"
#else
                                  "# CONFIG_PVH is not set\n"
#endif
#ifdef ZENDO_DEBUG
                                  "CONFIG_DEBUG=y\n";
#else
                                  "# CONFIG_DEBUG is not set\n";
#endif

static void open_console(void)
{
    build_config = config_text;
    params_parse(boot_info.cmdline);
    strlcpy(build_command_line, boot_info.cmdline, sizeof(build_command_line));
    console_init(boot_info.has_text_screen);
    banner();
}

static void start_memory(void)
{
    uint64_t frames = 0;

    memory_options_apply();
    mmu_init();
    mmu_give_heap();
    for (unsigned int i = 0; i < ram_range_count; i++) {
        frames += ram_ranges[i].count;
    }
    log_info("Memory: %lu MiB in %u ranges, %lu KiB taken by the hypervisor, %lu MiB free", frames >> 8,
             ram_range_count, mmu_boot_frames_used() * 4, heap_free_frames() >> 8);
}

static void start_traps(void)
{
    BUG_ON(mmu_desc_window_init(0) < 0);
    trap_init_bsp();
    nmi_init();
}

static void start_time(void)
{
    time_init();
    time_init_cpu();
}

static void start_timers(void)
{
    timer_init_all();
    timer_init_cpu(0);
}

/* What runs PVH guests on this CPU, if the build and the CPU have it. */
static void start_virtualization(void)
{
#ifdef CONFIG_PVH
    svm_init_cpu();
#endif
}

/* Whom the idle vCPUs belong to; it has no number of its own and is in no table. */
static struct x86_domain idle_domain = {.d = {.id = DOMID_IDLE}};

/* Which CPUs share a core, a socket and a memory node. */
static void describe_cpu(unsigned int cpu)
{
    struct xen_sysctl_cputopo topo = {0};
    struct sched_topology t = {0};

    arch_cpu_topology(cpu, &topo);
    t.core = (uint16_t)topo.core;
    t.socket = (uint16_t)topo.socket;
    t.node = (uint16_t)node_of_this_cpu();
    sched_set_topology(cpu, &t);
}

/* A vCPU for this pCPU to run when there is no other; current from here on. */
static void make_idle_vcpu(void)
{
    struct x86_vcpu *xv = zalloc(sizeof(*xv));

    BUG_ON(!xv);
    xv->v.domain = &idle_domain.d;
    xv->v.id = pcpu_id();
    set_current_vcpu(&xv->v);
    describe_cpu(pcpu_id());
    sched_cpu_up(pcpu_id(), &xv->v.sched);
}

static void start_scheduler(void)
{
    if (sched_init(opt_sched[0] ? opt_sched : "credit2") != 0) {
        log_warning("sched=%s: there is no such scheduler; using credit2", opt_sched);
        BUG_ON(sched_init("credit2") != 0);
    }
    make_idle_vcpu();
}

/* Memory that nobody has used since power-on is cleared when a guest gets it; this is about doing it before. */
static void start_scrubbing(void)
{
    static const char *const what[] = {"as it is handed out", "by idle CPUs", "now"};
    enum bootscrub when = opt_bootscrub;

    if (when == BOOTSCRUB_DEFAULT) {
        /* to touch all memory of a virtual machine would make its host find memory for all of it */
        when = cpuid(1, 0).ecx & BIT(31) ? BOOTSCRUB_NO : BOOTSCRUB_IDLE;
    }
    log_info("Memory not used since power-on is cleared %s (%lu MiB)", what[when], heap_dirty_frames() >> 8);
    heap_scrub_wanted = heap_scrub_allowed = when != BOOTSCRUB_NO;
    while (when == BOOTSCRUB_NOW && heap_scrub_wanted) {
        irq_enable();
        softirq_run(); /* a step does nothing while one is due */
        irq_disable();
        (void)heap_scrub_step();
    }
}

static void start_tracing(void)
{
    tbuf_start((uint32_t)opt_tbuf_size, (uint32_t)opt_tevt_mask);
}

static const struct {
    const char *name;
    void (*run)(void);
    enum phase phase;
} steps[] = {
    {"console", open_console, PHASE_ENTRY},
    {"memory", start_memory, PHASE_MEMORY},
    {"traps", start_traps, PHASE_CPUS},
    {"firmware tables", platform_init, PHASE_DEVICES},
    {"memory nodes", start_memory_nodes, PHASE_MEMORY},
    {"PCI", pci_init, PHASE_DEVICES},
    {"power", power_init, PHASE_DEVICES},
    {"local APIC", apic_init_bsp, PHASE_DEVICES},
    {"interrupts", irq_init, PHASE_DEVICES},
    {"time", start_time, PHASE_DEVICES},
    {"timers", start_timers, PHASE_DEVICES},
    {"machine checks", mca_init_cpu, PHASE_DEVICES},
    {"CPU policies", cpuid_init, PHASE_CPUS},
    {"scheduler", start_scheduler, PHASE_CPUS},
    {"virtualization", start_virtualization, PHASE_CPUS},
    {"other CPUs", smp_init, PHASE_CPUS},
    {"tracing", start_tracing, PHASE_CPUS},
    {"memory scrubbing", start_scrubbing, PHASE_MEMORY},
    {"first domain", first_domain_start, PHASE_DOMAIN},
};

static void report_phases(const uint64_t *ticks)
{
    for (unsigned int p = 0; p < PHASE_COUNT; p++) {
        uint64_t us = ticks[p] * 1000 / (tsc_hz() / 1000 + 1);

        log_info("Boot phase %s: %lu.%03lu ms", phase_names[p], us / 1000, us % 1000);
    }
}

_Noreturn void init_start(void)
{
    uint64_t ticks[PHASE_COUNT] = {0}, last = boot_tsc;

    for (unsigned int i = 0; i < ARRAY_SIZE(steps); i++) {
        uint64_t now;

        steps[i].run();
        now = rdtsc();
        ticks[steps[i].phase] += now - last;
        last = now;
    }
    report_phases(ticks);
    if (DEBUG_CHECKS) {
        debug_key_register('t', "check the page types of PV guests", pv_audit_all);
    }
    console_io_init();
    console_switch_init();
    console_set_input(console_input);
    if (!opt_vga_keep) {
        console_release_screen();
    }
    watchdog_start();
    pcpu_loop();
}

void ap_prepare(void)
{
    mca_init_cpu();
    timer_init_cpu(pcpu_id());
    start_virtualization();
    make_idle_vcpu();
}

_Noreturn void ap_main(void)
{
    pcpu_loop();
}
