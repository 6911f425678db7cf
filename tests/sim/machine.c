/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The coroutines, their schedule, and the contract with the machine (base/contract.h): machine.h. Takes the place of hypervisor/host/host.c. */
#include <tests/sim/machine.h>
#include <base/context.h>
#include <base/percpu.h>
#include <base/softirq.h>
#include <core/sched/sched.h>
#include <core/timer/timer.h>
#include <guest/x86/pvh/pvh.h>
#include <host/host.h>
#include <sanitizer/common_interface_defs.h>
#include <stdarg.h>
#include <string.h>
#include <ucontext.h>

#define SIM_STACK   (256u << 10)
#define SPINS_LIMIT 200000u

struct sim_cpu {
    ucontext_t context;
    void *stack;
    void *fake_stack; /* of the address sanitizer */
    struct x86_vcpu *idle;
    bool irqs_on;
    bool is_halted, is_kicked;
    uint64_t deadline_ns; /* 0: not armed */
    uint64_t flush_wanted, flush_done;
    uint64_t flushed_at;
    uint32_t spins; /* since it last came to its main loop or a guest */
    void (*device)(void *arg);
    void *device_arg;
};

/* One call that a pCPU has asked others for. */
struct sim_call {
    void (*fn)(void *arg);
    void *arg;
    uint64_t pending, unfinished; /* the latter only when the caller waits */
};

struct sim_machine sim;

_Thread_local unsigned int host_pcpu;
_Thread_local bool host_irqs_on = true;
struct vcpu *host_current[HOST_MAX_PCPUS];
cpuset_t cpus_online, cpus_present;
void (*host_on_relax)(void);

static struct sim_cpu cpus[SIM_MAX_CPUS];
static struct sim_call calls[SIM_MAX_CPUS];
static struct sim_cpu *running; /* NULL: the program itself */
static ucontext_t main_context;
static void *main_fake_stack;
static const void *main_stack;
static size_t main_stack_size;
static uint64_t now_ns, tlb_clock = 1;
static uint64_t steps_left;
static struct x86_domain idle_domain;
static bool (*work)(void *arg); /* for pCPU 0's main loop */
static void *work_arg;

/* --- switching ------------------------------------------------------------------------------------------------------------------------------- */

static bool has_work(unsigned int cpu)
{
    return work && cpu == 0;
}

/* Some stretches are as short as can be, so that another pCPU gets in between two neighbouring accesses; between them work gets done. */
static void draw_steps(void)
{
    steps_left = 1 + sim_random(sim_chance(3) ? 8 : 2 * sim.mean_steps);
}

static bool has_call(unsigned int cpu)
{
    for (unsigned int i = 0; i < sim.cpus; i++) {
        if ((calls[i].pending >> cpu) & 1) {
            return true;
        }
    }
    return false;
}

static bool interrupt_pending(unsigned int cpu)
{
    const struct sim_cpu *c = &cpus[cpu];

    return c->is_kicked || c->device || c->flush_wanted != c->flush_done ||
           (c->deadline_ns != 0 && c->deadline_ns <= now_ns) || has_call(cpu);
}

/* What others want of this pCPU: in interrupts, and while it waits for them itself. */
static void serve(void)
{
    unsigned int me = host_pcpu;
    struct sim_cpu *c = &cpus[me];

    if (c->flush_wanted != c->flush_done) {
        uint64_t wanted = c->flush_wanted;

        c->flushed_at = ++tlb_clock;
        c->flush_done = wanted;
    }
    for (unsigned int i = 0; i < sim.cpus; i++) {
        struct sim_call call = calls[i];

        if (!((call.pending >> me) & 1)) {
            continue;
        }
        calls[i].pending &= ~(1ull << me); /* from here on a caller that does not wait may use it anew */
        call.fn(call.arg);
        if ((call.unfinished >> me) & 1) {
            calls[i].unfinished &= ~(1ull << me);
        }
    }
}

bool sim_interrupt_pending(void)
{
    return interrupt_pending(host_pcpu);
}

void sim_take_interrupts(void)
{
    struct sim_cpu *c = &cpus[host_pcpu];

    sim_check(!host_irqs_on);
    irq_context_enter();
    while (interrupt_pending(host_pcpu)) {
        c->is_kicked = false;
        serve();
        if (c->deadline_ns != 0 && c->deadline_ns <= now_ns) {
            c->deadline_ns = 0;
            softirq_raise(SOFTIRQ_TIMER);
        }
        if (c->device) {
            void (*fn)(void *arg) = c->device;

            c->device = NULL;
            fn(c->device_arg);
        }
    }
    irq_context_exit();
}

static void interrupt_here(void)
{
    if (host_irqs_on && interrupt_pending(host_pcpu)) {
        host_irqs_on = false;
        sim_take_interrupts();
        sim_check(!host_irqs_on);
        host_irqs_on = true;
    }
}

void sim_yield(void)
{
    struct sim_cpu *c = running;

    c->irqs_on = host_irqs_on;
    __sanitizer_start_switch_fiber(&c->fake_stack, main_stack, main_stack_size);
    swapcontext(&c->context, &main_context);
    __sanitizer_finish_switch_fiber(c->fake_stack, &main_stack, &main_stack_size);
    interrupt_here();
}

/* Called by the compiler's instrumentation at every branch of the hypervisor's code. */
void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    if (running && --steps_left == 0) {
        sim_yield();
    }
}

static void relax(void)
{
    if (!running) {
        sim_fail("the program itself spins");
    }
    if (++running->spins > SPINS_LIMIT) {
        sim_fail("pCPU %u spins for ever", host_pcpu);
    }
    sim_yield();
}

static void resume(unsigned int cpu)
{
    struct sim_cpu *c = &cpus[cpu];

    running = c;
    c->is_halted = false;
    host_pcpu = cpu;
    host_irqs_on = c->irqs_on;
    draw_steps();
    __sanitizer_start_switch_fiber(&main_fake_stack, c->stack, SIM_STACK);
    swapcontext(&main_context, &c->context);
    __sanitizer_finish_switch_fiber(main_fake_stack, NULL, NULL);
    running = NULL;
    host_pcpu = 0;
    host_irqs_on = true;
}

/* --- a pCPU's main loop, as hw/x86/trap/loop.c ------------------------------------------------------------------------------------------------- */

static void halt(struct sim_cpu *c)
{
    host_irqs_on = true;
    c->is_halted = true;
    sim_yield(); /* resumed when there is an interrupt, which it takes */
}

static void run_work(void)
{
    irq_enable();
    if (work(work_arg)) {
        work = NULL;
    }
}

static void pcpu_main(void)
{
    struct sim_cpu *c = running;

    __sanitizer_finish_switch_fiber(NULL, &main_stack, &main_stack_size);
    for (;;) {
        struct vcpu *v;

        c->spins = 0;
        irq_disable();
        while (softirq_pending()) {
            irq_enable();
            softirq_run();
            irq_disable();
        }
        ASSERT_MAY_LEAVE();
        v = current_vcpu();
        if (!v->sched.is_idle) {
            pvh_run(x86_vcpu(v));
            continue;
        }
        if (has_work(host_pcpu)) {
            run_work();
            continue;
        }
        halt(c);
    }
}

bool sim_machine_at_rest(void)
{
    for (unsigned int i = 0; i < sim.cpus; i++) {
        if (!cpus[i].is_halted || per_cpu(softirq_bits, i) != 0 || interrupt_pending(i)) {
            return false;
        }
    }
    return !work;
}

/* Everyone sleeps: the next thing that happens is the earliest deadline. False: there is none. */
static bool jump(void)
{
    uint64_t next = UINT64_MAX;

    for (unsigned int i = 0; i < sim.cpus; i++) {
        if (cpus[i].deadline_ns != 0 && cpus[i].deadline_ns < next) {
            next = cpus[i].deadline_ns;
        }
    }
    if (next == UINT64_MAX) {
        return false;
    }
    now_ns = next > now_ns ? next : now_ns;
    return true;
}

bool sim_machine_run(uint64_t switches, bool to_rest)
{
    uint64_t end = sim.switches + switches;

    while (sim.switches < end) {
        unsigned int cpu = (unsigned int)sim_random(sim.cpus), tries = 0;

        if (sim_machine_at_rest() && (to_rest || !jump())) {
            return true;
        }
        while (cpus[cpu].is_halted && !interrupt_pending(cpu) && !has_work(cpu) && tries++ < sim.cpus) {
            cpu = (cpu + 1) % sim.cpus;
        }
        sim.switches++;
        now_ns += sim_random(2 * sim.mean_ns + 1);
        sim_note(cpu ^ now_ns << 3);
        resume(cpu);
    }
    return !to_rest;
}

void sim_do(bool (*fn)(void *arg), void *arg)
{
    work_arg = arg;
    work = fn;
    for (unsigned int i = 0; work; i++) {
        sim_check(i < 1000000);
        (void)sim_machine_run(10, false);
    }
}

void sim_device_interrupt(void (*fn)(void *arg), void *arg)
{
    struct sim_cpu *c = &cpus[sim_random(sim.cpus)];

    c->device_arg = arg;
    c->device = fn;
}

uint64_t sim_deadline_ns(unsigned int cpu)
{
    return cpus[cpu].deadline_ns ? cpus[cpu].deadline_ns : UINT64_MAX;
}

/* --- start ------------------------------------------------------------------------------------------------------------------------------------------- */

static void start_cpu(unsigned int cpu)
{
    struct sim_cpu *c = &cpus[cpu];

    host_pcpu = cpu;
    timer_init_cpu(cpu);
    c->idle = zalloc(sizeof(*c->idle));
    c->idle->v.domain = &idle_domain.d;
    c->idle->v.id = cpu;
    host_current[cpu] = &c->idle->v;
    sched_cpu_up(cpu, &c->idle->v.sched);
    c->stack = malloc(SIM_STACK);
    getcontext(&c->context);
    c->context.uc_stack.ss_sp = c->stack;
    c->context.uc_stack.ss_size = SIM_STACK;
    makecontext(&c->context, pcpu_main, 0);
    c->irqs_on = true;
}

/* SOFTIRQ_PARK. A pCPU that is parked idles like others; whatever still comes to it, it does. */
static void park(void)
{
    cpuset_remove_atomic(&cpus_online, host_pcpu);
    port_timer_arm(0);
}

void sim_machine_start(uint64_t seed, uint64_t memory_bytes)
{
    static const uint64_t steps[] = {20, 60, 200, 800}, ns[] = {1, 4, 16};

    sim = (struct sim_machine){.rng = random_seed(seed), .hash = seed, .trace = getenv("SIM_TRACE") != NULL};
    sim.mean_steps = steps[sim_random(sizeof(steps) / sizeof(steps[0]))];
    sim.mean_ns = sim.mean_steps * ns[sim_random(sizeof(ns) / sizeof(ns[0]))];
    sim.cpus = 2 + (unsigned int)sim_random(SIM_MAX_CPUS - 1);
    host_console_to_stderr = getenv("HOST_CONSOLE") != NULL;
    host_on_relax = relax;
    cpus_online.bits = cpus_present.bits = (1ull << sim.cpus) - 1;
    host_memory_init(memory_bytes);
    timer_init_all();
    softirq_set_handler(SOFTIRQ_PARK, park);
    sim_check(sched_init(NULL) == 0);
    idle_domain.d.id = DOMID_IDLE;
    for (unsigned int i = 0; i < sim.cpus; i++) {
        start_cpu(i);
    }
    host_pcpu = 0;
}

_Noreturn void sim_fail(const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    port_panic("%s (pCPU %u, switch %lu, %lu ns)", text, host_pcpu, sim.switches, now_ns);
}

/* --- the contract ------------------------------------------------------------------------------------------------------------------------------------ */

uint64_t port_now_ns(void)
{
    return now_ns;
}

uint64_t port_wallclock_base_ns(void)
{
    return SECONDS(1700000000);
}

void port_delay_ns(uint64_t ns)
{
    now_ns += ns;
}

void port_timer_arm(uint64_t deadline_ns)
{
    cpus[host_pcpu].deadline_ns = deadline_ns;
}

void port_kick_cpu(unsigned int cpu)
{
    if (cpu != host_pcpu) {
        cpus[cpu].is_kicked = true;
    }
}

static void wait_a_little(void)
{
    serve();
    relax();
}

void port_call_on(cpuset_t set, void (*fn)(void *arg), void *arg, bool wait)
{
    struct sim_call *call = &calls[host_pcpu];
    uint64_t others = set.bits & cpus_online.bits & ~cpuset_of(host_pcpu).bits;

    sim_check(!wait || (irqs_enabled() && !in_irq()));
    while (call->pending || call->unfinished) {
        wait_a_little();
    }
    *call = (struct sim_call){fn, arg, others, wait ? others : 0};
    while (wait ? call->unfinished : call->pending) {
        wait_a_little();
    }
    if (cpuset_has(set, host_pcpu)) {
        unsigned long flags = irq_save();

        fn(arg);
        irq_restore(flags);
    }
}

void port_flush_tlb(cpuset_t set)
{
    unsigned int me = host_pcpu;
    uint64_t wanted[SIM_MAX_CPUS];

    if (cpuset_has(set, me)) {
        cpus[me].flushed_at = ++tlb_clock;
    }
    for (unsigned int i = 0; i < sim.cpus; i++) {
        if (i != me && cpuset_has(set, i)) {
            wanted[i] = ++cpus[i].flush_wanted;
        }
    }
    for (unsigned int i = 0; i < sim.cpus; i++) {
        while (i != me && cpuset_has(set, i) && cpus[i].flush_done < wanted[i]) {
            wait_a_little();
        }
    }
}

void port_flush_tlb_page(cpuset_t set, vaddr_t va)
{
    port_flush_tlb(set);
}

void port_cpu_park(unsigned int cpu)
{
    softirq_raise_on(cpu, SOFTIRQ_PARK);
    while (cpuset_has(cpuset_read(&cpus_online), cpu)) {
        wait_a_little();
    }
}

void port_cpu_unpark(unsigned int cpu)
{
    cpuset_add_atomic(&cpus_online, cpu);
    cpus[cpu].flushed_at = ++tlb_clock;
}

uint32_t port_tlb_clock(void)
{
    return (uint32_t)tlb_clock;
}

cpuset_t port_tlb_stale(cpuset_t set, uint32_t stamp)
{
    cpuset_t out = CPUSET_NONE;

    for (unsigned int i = 0; i < sim.cpus; i++) {
        if (cpuset_has(set, i) && cpus[i].flushed_at <= stamp) {
            out.bits |= 1ull << i;
        }
    }
    return out;
}
