/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug keys: the registry, and the keys that show what core knows. Others register theirs at start-up. */
#include <base/log.h>
#include <core/evtchn/evtchn_ops.h>
#include <core/gnttab/gnttab_ops.h>
#include <core/hypercall/crash_keys.h>
#include <core/hypercall/debug_keys.h>
#include <core/hypercall/domctl_internal.h>
#include <core/memory/heap.h>
#include <core/memory/slab.h>
#include <core/numa/numa.h>
#include <core/timer/timer.h>

#define KEYS            128u
#define PORTS_SHOWN     1024u
#define GRANTS_SHOWN    256u
#define PAGES_TO_KIB(n) ((unsigned long)((n) * (PAGE_SIZE / 1024)))

struct debug_key {
    const char *what;
    void (*fn)(void);
};

static void show_help(void);
static void show_all(void);

static void for_each_domain (void (*fn)(struct domain *d))
{
    struct domain *d = domain_next(0);

    while (d) {
        domid_t next = d->id + 1;

        fn(d);
        domain_put(d);
        d = domain_next(next);
    }
}

static void for_each_vcpu (struct domain *d, void (*fn)(struct vcpu *v))
{
    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = __atomic_load_n(&d->vcpus[i], __ATOMIC_ACQUIRE);

        if (v) {
            fn(v);
        }
    }
}

/* --- domains -------------------------------------------------------------------------------------------------------------------------------------- */

static void show_vcpu(struct vcpu *v)
{
    const struct sched_vcpu *s = &v->sched;

    log_info("  v%u: pCPU %u%s%s paused %u flags %#x upcall pending %u mask %u, ran %lu ms, affinity %#lx\n",
             v->id, s->cpu, sched_runs(s) ? " running," : ",", s->is_queued ? " queued," : "", s->pause_count,
             s->pause_flags, v->info->evtchn_upcall_pending, v->info->evtchn_upcall_mask,
             (unsigned long)(sched_cpu_time_ns(s) / 1000000), (unsigned long)s->hard_affinity.bits);
}

static void show_domain(struct domain *d)
{
    log_info("d%u: %s%s refs %u pauses %u (%u by control) dying %d (step %u) %s code %u\n", d->id,
             d->kind == GUEST_PV ? "PV" : "PVH", d->is_hardware ? ", hardware domain," : ",", d->refs,
             d->pauses, d->control_pauses, d->dying, d->kill_step, d->is_shut_down ? "shut down" : "up",
             d->shutdown_code);
    log_info(
        "  memory: %lu of %lu KiB, claim %lu KiB, shared %lu KiB; ports %u; grant frames %u, mappings %u\n",
        PAGES_TO_KIB(d->mem.tot_pages), PAGES_TO_KIB(d->mem.max_pages), PAGES_TO_KIB(d->mem.claim),
        PAGES_TO_KIB(d->mem.shared_pages), d->evtchn.used_ports, d->gnttab.frame_count,
        d->gnttab.maptrack_used);
    for_each_vcpu (d, show_vcpu)
        ;
}

static void notify_vcpu(struct vcpu *v)
{
    vcpu_send_virq(v, VIRQ_DEBUG);
}

static void notify_domain(struct domain *d)
{
    for_each_vcpu (d, notify_vcpu)
        ;
}

/* Guests that asked for VIRQ_DEBUG say on their consoles what they know of their event channels; in a crash nothing is to be changed. */
static void show_domains(void)
{
    for_each_domain (show_domain)
        ;
    if (!crash_keys_at_work()) {
        for_each_domain (notify_domain)
            ;
    }
}

static void show_vcpu_registers(struct vcpu *v)
{
    log_info("  d%uv%u:%s\n", v->domain->id, v->id,
             sched_runs(&v->sched) ? " (running: as of its last entry)" : "");
    arch_dump_vcpu(v);
}

static void show_domain_registers(struct domain *d)
{
    for_each_vcpu (d, show_vcpu_registers)
        ;
}

static void show_registers(void)
{
    for_each_domain (show_domain_registers)
        ;
}

static void show_first_domain(void)
{
    struct domain *d = domain_get(0);

    if (d) {
        show_domain_registers(d);
        domain_put(d);
    }
}

/* --- event channels --------------------------------------------------------------------------------------------------------------------------------- */

static void show_ports(struct domain *d)
{
    static const char *const kinds[] = {"closed", "unbound", "interdomain", "pirq", "virq", "ipi"};

    log_info("d%u: %u ports, %s\n", d->id, d->evtchn.used_ports, d->evtchn.fifo ? "FIFO" : "2-level");
    for (uint32_t port = 1; port < MIN(d->evtchn.valid_ports, PORTS_SHOWN); port++) {
        struct evtchn_status st = {.port = port};
        struct evtchn_bits bits;

        if (evtchn_status(&d->evtchn, port, &st) != 0 || st.status == EVTCHNSTAT_closed ||
            st.status >= ARRAY_SIZE(kinds)) {
            continue;
        }
        bits = evtchn_bits(&d->evtchn, port);
        log_info("  %4u %s v%u%s%s%s", port, kinds[st.status], st.vcpu, bits.pending ? " pending" : "",
                 bits.masked ? " masked" : "", bits.queued ? " queued" : "");
        if (st.status == EVTCHNSTAT_interdomain) {
            log_info("       to d%u port %u\n", st.u.interdomain.dom, st.u.interdomain.port);
        }
    }
}

static void show_event_channels(void)
{
    for_each_domain (show_ports)
        ;
}

/* --- grants ------------------------------------------------------------------------------------------------------------------------------------------ */

static void show_grants(struct domain *d)
{
    struct gnttab *g = &d->gnttab;
    struct gnttab_active use;
    unsigned int shown = 0;

    log_info("d%u: %u of %u grant frames, %u of others' grants mapped\n", d->id, gnttab_frame_count(g),
             g->max_frames, g->maptrack_used);
    for (grant_ref_t ref = 0; shown < GRANTS_SHOWN && gnttab_next_used(g, &ref, &use); ref++, shown++) {
        log_info("  %5u frame %#lx by d%u: %u read, %u write\n", ref, (unsigned long)use.mfn, use.domid,
                 use.pins_read, use.pins_write);
    }
}

static void show_grant_tables(void)
{
    for_each_domain (show_grants)
        ;
}

/* --- the machine -------------------------------------------------------------------------------------------------------------------------------------- */

static void show_run_queues(void)
{
    struct sched_stats st;

    sched_get_stats(&st);
    log_info("Scheduler %s: %lu switches, %lu wakes, %lu migrations\n", sched_name(0),
             (unsigned long)st.switches, (unsigned long)st.wakes, (unsigned long)st.migrations);
    for (unsigned int cpu = 0; cpu < pcpu_limit(); cpu++) {
        if (cpuset_has(cpus_online, cpu)) {
            log_info("  pCPU %u: idle for %lu of %lu ms, %u timers\n", cpu,
                     (unsigned long)(sched_idle_ns(cpu) / 1000000), (unsigned long)(port_now_ns() / 1000000),
                     timer_count(cpu));
        }
    }
    sched_show();
    for_each_domain (show_domain)
        ;
}

static void show_memory(void)
{
    log_info("Memory: %lu KiB in all, %lu free (%lu of it dirty), %lu claimed; small objects "
             "take %lu\n",
             PAGES_TO_KIB(heap_total_frames()), PAGES_TO_KIB(heap_free_frames()),
             PAGES_TO_KIB(heap_dirty_frames()), PAGES_TO_KIB(heap_claimed_frames()),
             PAGES_TO_KIB(slab_pages()));
}

/* How many of its frames are in @node. */
static uint64_t frames_in(struct domain *d, unsigned int node)
{
    uint64_t n = 0, first, end;
    unsigned int owner;

    spin_lock(&d->mem.lock);
    for (unsigned int i = 0; numa_range(i, &first, &end, &owner); i++) {
        n += owner == node ? pageset_count_in(&d->mem.owned, MFN(first), MFN(MIN(end, frame_limit))) : 0;
    }
    spin_unlock(&d->mem.lock);
    return n;
}

static void show_domain_memory(struct domain *d)
{
    log_info("  d%u: %lu of %lu KiB, wanted from nodes %#lx\n", d->id, PAGES_TO_KIB(d->mem.tot_pages),
             PAGES_TO_KIB(d->mem.max_pages), (unsigned long)domain_nodes(d));
    for (unsigned int node = 0; numa_nodes > 1 && node < numa_nodes; node++) {
        log_info("    node %u: %lu KiB\n", node, PAGES_TO_KIB(frames_in(d, node)));
    }
}

static void show_nodes(void)
{
    for (unsigned int node = 0; node < numa_nodes; node++) {
        cpuset_t cpus = CPUSET_NONE;

        for_each_cpu (cpu, cpus_online) {
            if (numa_cpu_node(cpu) == node) {
                cpuset_add(&cpus, cpu);
            }
        }
        log_info("Node %u: %lu KiB, %lu free; CPUs %#lx\n", node, PAGES_TO_KIB(heap_node_total_frames(node)),
                 PAGES_TO_KIB(heap_node_free_frames(node)), (unsigned long)cpus.bits);
    }
    for_each_domain (show_domain_memory)
        ;
}

static void show_timers(void)
{
    uint64_t now = port_now_ns();

    for (unsigned int cpu = 0; cpu < pcpu_limit(); cpu++) {
        uint64_t first = 0;
        unsigned int n = cpuset_has(cpus_online, cpu) ? timer_armed_count(cpu, &first) : 0;

        if (n > 0) {
            log_info("pCPU %u: %u timers wait, the first for %ld us\n", cpu, n, (long)(first - now) / 1000);
        } else if (cpuset_has(cpus_online, cpu)) {
            log_info("pCPU %u: no timer waits\n", cpu);
        }
    }
}

static void show_time(void)
{
    uint64_t now = port_now_ns();

    log_info("System time: %lu.%09lu s since start-up\n", (unsigned long)(now / 1000000000),
             (unsigned long)(now % 1000000000));
}

static void reboot(void)
{
    log_error("Reboot by debug key\n");
    port_reboot();
}

/* --- the registry -------------------------------------------------------------------------------------------------------------------------------------- */

static struct debug_key keys[KEYS] = {
    ['h'] = {"show this help", show_help},
    ['q'] = {"domains and their vCPUs", show_domains},
    ['r'] = {"run queues", show_run_queues},
    ['e'] = {"event channels", show_event_channels},
    ['d'] = {"registers of the vCPUs", show_registers},
    ['m'] = {"memory", show_memory},
    ['H'] = {"memory (as m)", show_memory},
    ['u'] = {"memory by node and domain", show_nodes},
    ['g'] = {"grant tables", show_grant_tables},
    ['a'] = {"timers", show_timers},
    ['t'] = {"clock", show_time},
    ['p'] = {"counters, and how long each vCPU ran, waited, slept", perfc_show},
    ['P'] = {"set the counters to 0", perfc_reset},
    ['0'] = {"registers of domain 0's vCPUs", show_first_domain},
    ['*'] = {"all of these that only show", show_all},
    ['R'] = {"reboot the machine", reboot},
};

static void show_help(void)
{
    for (unsigned int k = 0; k < KEYS; k++) {
        if (keys[k].fn) {
            log_info("  key '%c': %s\n", (char)k, keys[k].what);
        }
    }
}

static void show_all(void)
{
    for (unsigned int k = 0; k < KEYS; k++) {
        if (keys[k].fn && keys[k].fn != show_all && keys[k].fn != reboot && keys[k].fn != perfc_reset) {
            debug_key_press((char)k);
        }
    }
}

void debug_key_register(char key, const char *what, void (*fn)(void))
{
    BUG_ON((unsigned char)key >= KEYS);
    keys[(unsigned char)key] = (struct debug_key){what, fn};
}

void debug_key_press(char key)
{
    if ((unsigned char)key < KEYS && keys[(unsigned char)key].fn) {
        log_show_all_begin();
        log_info("Debug key '%c': %s\n", key, keys[(unsigned char)key].what);
        keys[(unsigned char)key].fn();
        log_show_all_end();
    }
}
