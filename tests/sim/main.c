/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim [--seconds N] [--seed N] [--seeds N]: run simulations from one seed on, each in a process of its own, until one fails or the time is over. A failure
 * prints its seed; `sim --seed N --seeds 1` repeats it exactly. Every tenth seed is run twice, and must come out the same. Environment: SIM_TRACE=1 prints the hypercalls,
 * HOST_CONSOLE=1 the hypervisor's log.
 */
#include <core/hypercall/build_info.h>
#include <core/memory/heap.h>
#include <guest/x86/common/cpuid.h>
#include <host/host.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <tests/sim/check.h>
#include <tests/sim/guest.h>
#include <time.h>
#include <unistd.h>

#define MEMORY       (8ull << 20)
#define ROUNDS       4u
#define BURST        1000u /* switches between two device interrupts */
#define REST_LIMIT   3000000u
#define TABLE_BUCKET 1u /* of the table of domains: stays */

struct result {
    uint64_t hash, switches, hypercalls, entries, domains, rests;
};

static uint64_t free_at_start, objects_at_start;
static struct result result;

/* --- dom0, and the end of all -------------------------------------------------------------------------------------------------------------------------- */

static bool make_dom0(void *arg)
{
    struct domain_config c = {.id = 0,
                              .kind = GUEST_PVH,
                              .is_control = true,
                              .is_hardware = true,
                              .max_vcpus = 1 + (unsigned int)sim_random(SIM_VCPUS),
                              .max_evtchn_port = ~0u,
                              .max_grant_frames = 2,
                              .max_maptrack_frames = 2,
                              .emulation_flags = XEN_X86_EMU_LAPIC};
    struct domain *d;

    sim_check(domain_create(&c, &d) == 0);
    d->mem.max_pages = SIM_PAGES + 4;
    for (unsigned int i = 0; i < c.max_vcpus; i++) {
        sim_check(vcpu_create(d, i, NULL) == 0);
    }
    for (uint64_t i = 0; i < SIM_PAGES; i++) {
        mfn_t mfn;

        sim_check(domain_mem_alloc(&d->mem, 0, 0, &mfn) == 0);
        sim_check(arch_p2m_add(d, GFN(i), mfn, 0) == 0);
    }
    sim_domain_begin(&sim_domains[0], 0, false);
    sim_start_domain(d);
    sim_check(domain_unpause_by_control(d) == 0);
    return true;
}

/* dom0's half-done calls stop where they are; then everybody goes, dom0 last. Again after each stop: other vCPUs may have the pCPU meanwhile. */
static bool kill_all(void *arg)
{
    static bool begun;
    struct domain *d;

    if (!begun) {
        begun = true;
        domain_pause(hardware_domain());
    }
    for (domid_t id = 1; (d = domain_next(id)) != NULL; id = d->id + 1, domain_put(d)) {
        if (domain_kill(d) == -XEN_ERESTART) {
            domain_put(d);
            return false;
        }
    }
    return domain_kill(hardware_domain()) == 0;
}

/* --- events from end to end ------------------------------------------------------------------------------------------------------------------------------ */

/* What an interrupt of a device leads to. */
static void device(void *arg)
{
    domain_send_global_virq(VIRQ_CONSOLE);
}

/* Everybody sleeps with no timer: somebody presses a button. */
static void button(void *arg)
{
    (void)arch_vcpu_send_nmi(hardware_domain()->vcpus[0]);
}

/* Guests do what they do; wherever that comes to rest by itself, that is a place to look. */
static void burst(void)
{
    uint64_t end = sim.switches + BURST;

    while (sim.switches < end) {
        if (!sim_machine_run(end - sim.switches, false)) {
            return;
        }
        if (sim_machine_at_rest()) {
            result.rests++;
            sim_check_rest();
            sim_device_interrupt(button, NULL);
        }
    }
}

/* Sums up what the guests did. */
static void count_work(void)
{
    struct domain *d;

    for (domid_t id = 0; (d = domain_next(id)) != NULL; id = d->id + 1, domain_put(d)) {
        result.domains++;
        for (unsigned int i = 0; i < d->max_vcpus; i++) {
            if (d->vcpus[i]) {
                result.entries += sim_guest_of(x86_vcpu(d->vcpus[i]))->entries;
                result.hypercalls += sim_guest_of(x86_vcpu(d->vcpus[i]))->hypercalls;
            }
        }
    }
}

static void rest(void)
{
    sim_quiet = true;
    if (!sim_machine_run(REST_LIMIT, true)) {
        sim_fail("no rest");
    }
    result.rests++;
    sim_check_rest();
    sim_quiet = false;
}

static void simulate(uint64_t seed)
{
    sim_machine_start(seed, MEMORY);
    build_has_hvm = true;
    cpuid_init();
    free_at_start = heap_free_frames();
    objects_at_start = host_alloc_count();
    sim_do(make_dom0, NULL);
    for (unsigned int round = 0; round < ROUNDS; round++) {
        for (unsigned int i = 0; i < 10; i++) {
            burst();
            if (sim_chance(3)) {
                sim_device_interrupt(device, NULL);
            }
        }
        rest();
    }
    count_work();
    sim_quiet = sim_chance(2); /* they may be killed at rest, or in the middle of whatever they do */
    (void)sim_machine_run(BURST, false);
    sim_do(kill_all, NULL);
    sim_check(sim_machine_run(REST_LIMIT, true));
    sim_check(!domain_next(0));
    sim_check(heap_free_frames() == free_at_start);
    sim_check(host_alloc_count() == objects_at_start + TABLE_BUCKET);
    heap_check();
    result.hash = sim.hash;
    result.switches = sim.switches;
}

/* --- the program ---------------------------------------------------------------------------------------------------------------------------------------- */

static void on_panic(const char *message)
{
    fprintf(stderr, "sim: %s\n", message);
    if (!host_console_to_stderr) {
        fprintf(stderr, "the console's last lines:\n%s\n",
                strlen(host_console()) > 2000 ? host_console() + strlen(host_console()) - 2000
                                              : host_console());
    }
    abort();
}

/* What a failed run said, without the sanitizer's remark on coroutines. */
static void show(FILE *said)
{
    char line[512];

    rewind(said);
    while (fgets(line, sizeof(line), said)) {
        if (!strstr(line, "makecontext/swapcontext")) {
            fputs(line, stderr);
        }
    }
}

/* In a process of its own, so that every run begins alike. False: it failed. */
static bool run_seed(uint64_t seed, struct result *r)
{
    int to_parent[2], status;
    FILE *said = getenv("SIM_TRACE") || getenv("HOST_CONSOLE") ? NULL : tmpfile();
    pid_t child;
    bool got;

    if (pipe(to_parent) != 0) {
        perror("pipe");
        exit(2);
    }
    child = fork();
    if (child == 0) {
        if (said) {
            dup2(fileno(said), STDERR_FILENO);
        }
        host_on_panic = on_panic;
        simulate(seed);
        _exit(write(to_parent[1], &result, sizeof(result)) == sizeof(result) ? 0 : 2);
    }
    close(to_parent[1]);
    got = read(to_parent[0], r, sizeof(*r)) == sizeof(*r);
    close(to_parent[0]);
    waitpid(child, &status, 0);
    got &= status == 0;
    if (said) {
        if (!got) {
            show(said);
        }
        fclose(said);
    }
    return got;
}

static uint64_t option(int argc, char **argv, const char *name, uint64_t value)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            value = strtoull(argv[i + 1], NULL, 0);
        }
    }
    return value;
}

/* Addresses decide some orders (of locks of one class): the same ones in every run. */
static void fix_addresses(char **argv)
{
    int now = personality(0xffffffff);

    if (!(now & ADDR_NO_RANDOMIZE) && personality((unsigned long)now | ADDR_NO_RANDOMIZE) != -1) {
        execv("/proc/self/exe", argv);
    }
}

int main(int argc, char **argv)
{
    uint64_t seed = option(argc, argv, "--seed", 1), seeds = option(argc, argv, "--seeds", UINT64_MAX);
    uint64_t seconds = option(argc, argv, "--seconds", UINT64_MAX), done = 0;
    struct result sum = {0};
    time_t start = time(NULL);

    fix_addresses(argv);
    for (; done < seeds && (uint64_t)(time(NULL) - start) < seconds; seed++, done++) {
        struct result r, again;

        if (!run_seed(seed, &r)) {
            printf("sim: seed %lu FAILED; again: %s --seed %lu --seeds 1\n", (unsigned long)seed, argv[0],
                   (unsigned long)seed);
            return 1;
        }
        if (seed % 10 == 0 && (!run_seed(seed, &again) || again.hash != r.hash)) {
            printf("sim: seed %lu does not repeat itself\n", (unsigned long)seed);
            return 1;
        }
        sum.switches += r.switches;
        sum.hypercalls += r.hypercalls;
        sum.entries += r.entries;
        sum.domains += r.domains;
        sum.rests += r.rests;
    }
    printf(
        "sim: %lu seeds passed: %lu switches, %lu entries, %lu hypercalls, %lu domains, %lu rests, %ld s\n",
        (unsigned long)done, (unsigned long)sum.switches, (unsigned long)sum.entries,
        (unsigned long)sum.hypercalls, (unsigned long)sum.domains, (unsigned long)sum.rests,
        (long)(time(NULL) - start));
    return done == 0;
}
