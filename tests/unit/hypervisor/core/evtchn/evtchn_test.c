/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event channels: 2-level delivery against arrays of bools, FIFO delivery against a guest that consumes as the ABI says and one that writes nonsense, random
 * binding and closing between three domains with invariants, senders racing with a consumer, teardown that stops on the way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>
#include "../fake_domains.h"

static uint32_t seed;

static uint32_t rnd(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static struct evtchn_table *table(unsigned int id)
{
    return &fake[id].d.evtchn;
}

/* A channel from @a to @b; the port at @a, *@at_b the other. */
static uint32_t connect(unsigned int a, unsigned int b, uint32_t *at_b)
{
    uint32_t port;

    assert_int_equal(evtchn_alloc_unbound(table(b), a, at_b), 0);
    assert_int_equal(evtchn_bind_interdomain(table(a), table(b), *at_b, &port), 0);
    return port;
}

static bool bit(const void *words, uint32_t n)
{
    return ((const uint8_t *)words)[n / 8] >> (n % 8) & 1;
}

static void put_bit(void *words, uint32_t n, bool on)
{
    uint8_t *b = (uint8_t *)words + n / 8;

    *b = on ? *b | 1u << (n % 8) : *b & ~(1u << (n % 8));
}

/* --- 2-level ---- */

static void test_two_level_model(void **state)
{
    enum { PORTS = 300 };
    bool pending[PORTS] = {0}, masked[PORTS] = {0}, sel[FAKE_VCPUS][64] = {{0}}, upcall[FAKE_VCPUS] = {0};
    uint32_t to[PORTS] = {0}, vcpu[PORTS] = {0}, notified[FAKE_VCPUS] = {0};
    struct shared_info *s;

    fake_start(2, ~0u);
    s = fake[1].d.shared;
    for (int i = 0; i < 200; i++) {
        uint32_t at_b, port = connect(0, 1, &at_b);

        to[at_b] = port;
    }
    for (int step = 0; step < 60000; step++) {
        uint32_t port = 1 + rnd(200), v = vcpu[port], q;

        switch (rnd(6)) {
        case 0:
        case 1:
            assert_int_equal(evtchn_send(table(0), to[port]), 0);
            if (!pending[port] && !masked[port] && !sel[v][port / 64]) {
                sel[v][port / 64] = true;
                notified[v] += !upcall[v];
                upcall[v] = true;
            }
            pending[port] = true;
            break;
        case 2: /* the guest masks */
            masked[port] = true;
            put_bit(s->evtchn_mask, port, true);
            break;
        case 3:
            assert_int_equal(evtchn_unmask(table(1), port), 0);
            if (masked[port] && pending[port] && !sel[v][port / 64]) {
                sel[v][port / 64] = true;
                notified[v] += !upcall[v];
                upcall[v] = true;
            }
            masked[port] = false;
            break;
        case 4: /* the guest handles one vCPU's events */
            q = rnd(FAKE_VCPUS);
            upcall[q] = false;
            s->vcpu_info[q].evtchn_upcall_pending = 0;
            memset(sel[q], 0, sizeof(sel[q]));
            s->vcpu_info[q].evtchn_pending_sel = 0;
            for (uint32_t i = 1; i <= 200; i++) {
                if (!masked[i] && vcpu[i] == q) {
                    pending[i] = false;
                    put_bit(s->evtchn_pending, i, false);
                }
            }
            break;
        default:
            vcpu[port] = rnd(FAKE_VCPUS);
            assert_int_equal(evtchn_bind_vcpu(table(1), port, vcpu[port]), 0);
            break;
        }
        assert_int_equal(bit(s->evtchn_pending, port), pending[port]);
        assert_int_equal(evtchn_is_pending(table(1), port), pending[port]);
        for (q = 0; q < FAKE_VCPUS; q++) {
            assert_int_equal(fake[1].notified[q], notified[q]);
            assert_int_equal(!!s->vcpu_info[q].evtchn_upcall_pending, upcall[q]);
            assert_int_equal(bit(&s->vcpu_info[q].evtchn_pending_sel, port / 64), sel[q][port / 64]);
        }
    }
    fake_end();
}

static void test_bind_makes_pending(void **state)
{
    uint32_t there, here;

    fake_start(2, ~0u);
    here = connect(0, 1, &there);
    assert_true(evtchn_is_pending(table(0), here));
    assert_false(evtchn_is_pending(table(1), there));
    assert_int_equal(fake[0].notified[0], 1);
    fake_end();
}

static void test_32bit_layout(void **state)
{
    uint32_t at_b, port = 0;
    uint8_t *page;

    fake_start(2, ~0u);
    page = (uint8_t *)fake[1].d.shared;
    evtchn_set_layout(table(1), true);
    for (int i = 0; i < 100; i++) {
        port = connect(0, 1, &at_b);
    }
    assert_int_equal(at_b, 100);
    assert_int_equal(evtchn_send(table(0), port), 0);
    assert_true(bit(page + 2048, 100));
    assert_int_equal(*(uint32_t *)(page + 4), 1u << (100 / 32));
    assert_int_equal(page[0], 1);
    put_bit(page + 2048 + 128, 99, true);
    assert_int_equal(evtchn_send(table(0), port - 1), 0);
    assert_true(bit(page + 2048, 99));
    assert_int_equal(fake[1].notified[0], 1);
    *(uint32_t *)(page + 4) = 0;
    page[0] = 0;
    assert_int_equal(evtchn_unmask(table(1), 99), 0);
    assert_false(bit(page + 2048 + 128, 99));
    assert_int_equal(fake[1].notified[0], 2);
    for (uint32_t p = 101; p < EVTCHN_2L_PORTS_32; p++) {
        assert_int_equal(evtchn_alloc_unbound(table(1), 0, &port), 0);
    }
    assert_int_equal(evtchn_alloc_unbound(table(1), 0, &port), -XEN_ENOSPC);
    fake_end();
}

static void test_move_info(void **state)
{
    struct vcpu_info *old, *info;
    uint32_t at_b, port;

    fake_start(2, ~0u);
    old = fake[1].v[0].evtchn.info;
    info = mfn_to_virt(fake[1].page[0]);
    port = connect(0, 1, &at_b);
    assert_int_equal(evtchn_send(table(0), port), 0);
    old->arch.cr2 = 77;
    old->evtchn_upcall_mask = 1;
    evtchn_vcpu_move_info(table(1), 0, info);
    assert_int_equal(info->arch.cr2, 77);
    assert_int_equal(info->evtchn_upcall_mask, 1);
    assert_int_equal(info->evtchn_upcall_pending, 1);
    assert_int_equal(info->evtchn_pending_sel, ~0ul);
    info->evtchn_pending_sel = 0;
    info->evtchn_upcall_pending = 0;
    fake[1].d.shared->evtchn_pending[0] = 0;
    old->evtchn_pending_sel = 0;
    assert_int_equal(evtchn_send(table(0), port), 0);
    assert_int_equal(info->evtchn_pending_sel, 1);
    assert_int_equal(old->evtchn_pending_sel, 0);
    fake_end();
}

/* --- binding ---- */

static void test_errors(void **state)
{
    struct evtchn_status s;
    uint32_t port, other;

    fake_start(3, 20);
    assert_int_equal(evtchn_send(table(0), 0), -XEN_EINVAL);
    assert_int_equal(evtchn_send(table(0), 5), -XEN_EINVAL);
    assert_int_equal(evtchn_send(table(0), ~0u), -XEN_EINVAL);
    assert_int_equal(evtchn_close(table(0), 0), -XEN_EINVAL);
    assert_int_equal(evtchn_status(table(0), 0, &s), 0);
    assert_int_equal(s.status, EVTCHNSTAT_closed);
    assert_int_equal(evtchn_status(table(0), EVTCHN_BUCKET, &s), -XEN_EINVAL);
    assert_int_equal(evtchn_bind_virq(table(1), NR_VIRQS, 0, &port), -XEN_EINVAL);
    assert_int_equal(evtchn_bind_virq(table(1), VIRQ_DOM_EXC, 1, &port), -XEN_EINVAL);
    assert_int_equal(evtchn_bind_virq(table(1), VIRQ_TIMER, FAKE_VCPUS, &port), -XEN_ENOENT);
    assert_int_equal(evtchn_bind_virq(table(1), VIRQ_TIMER, 1, &port), 0);
    assert_int_equal(evtchn_bind_virq(table(1), VIRQ_TIMER, 1, &other), -XEN_EEXIST);
    assert_int_equal(evtchn_bind_vcpu(table(1), port, 0), -XEN_EINVAL);
    assert_int_equal(evtchn_send(table(1), port), -XEN_EINVAL);
    evtchn_send_virq(table(1), 0, VIRQ_TIMER);
    assert_false(evtchn_is_pending(table(1), port));
    evtchn_send_virq(table(1), 1, VIRQ_TIMER);
    assert_true(evtchn_is_pending(table(1), port));
    assert_int_equal(fake[1].notified[1], 1);
    assert_int_equal(evtchn_close(table(1), port), 0);
    assert_int_equal(evtchn_close(table(1), port), -XEN_EINVAL);
    evtchn_send_virq(table(1), 1, VIRQ_TIMER);
    assert_false(evtchn_is_pending(table(1), port));
    assert_int_equal(evtchn_bind_virq(table(1), VIRQ_CONSOLE, 0, &port), 0);
    assert_int_equal(evtchn_bind_vcpu(table(1), port, 1), 0);
    fake[1].v[1].evtchn.info->evtchn_upcall_pending = 0;
    fake[1].v[1].evtchn.info->evtchn_pending_sel = 0;
    evtchn_send_virq(table(1), 0, VIRQ_CONSOLE);
    assert_int_equal(fake[1].notified[1], 2);
    assert_int_equal(evtchn_bind_ipi(table(1), 9, &port), -XEN_ENOENT);
    assert_int_equal(evtchn_bind_ipi(table(1), 1, &port), 0);
    assert_int_equal(evtchn_bind_vcpu(table(1), port, 0), -XEN_EINVAL);
    assert_int_equal(evtchn_set_priority(table(1), port, 3), -XEN_ENOSYS);
    assert_int_equal(evtchn_set_priority(table(1), port, 16), -XEN_EINVAL);
    assert_int_equal(evtchn_fifo_expand_array(table(1), fake[1].page[0].n), -XEN_EOPNOTSUPP);
    assert_int_equal(evtchn_alloc_unbound(table(2), 1, &other), 0);
    assert_int_equal(evtchn_bind_interdomain(table(0), table(2), other, &port), -XEN_EINVAL);
    assert_int_equal(evtchn_send(table(2), other), 0);
    for (int i = 0; i < 18; i++) {
        assert_int_equal(evtchn_alloc_unbound(table(2), 1, &other), 0);
    }
    assert_int_equal(other, 19);
    assert_int_equal(evtchn_alloc_unbound(table(2), 1, &other), 0);
    assert_int_equal(evtchn_alloc_unbound(table(2), 1, &other), -XEN_ENOSPC);
    assert_int_equal(evtchn_close(table(2), 7), 0);
    assert_int_equal(evtchn_alloc_unbound(table(2), 1, &other), 0);
    assert_int_equal(other, 7);
    fake_end();
}

static uint32_t xen_heard_port, xen_heard_vcpu;

static void xen_hears(struct evtchn_table *t, uint32_t port, unsigned int vcpu)
{
    xen_heard_port = port;
    xen_heard_vcpu = vcpu;
}

static void test_xen_consumer(void **state)
{
    uint32_t mine, port, other;

    fake_start(2, ~0u);
    table(1)->xen_consumer = xen_hears;
    assert_int_equal(evtchn_xen_alloc(table(1), 1, 0, &mine), 0);
    assert_int_equal(evtchn_bind_interdomain(table(0), table(1), mine, &port), 0);
    assert_int_equal(evtchn_send(table(0), port), 0);
    assert_int_equal(xen_heard_port, mine);
    assert_int_equal(xen_heard_vcpu, 1);
    assert_false(evtchn_is_pending(table(1), mine));
    assert_int_equal(evtchn_close(table(1), mine), -XEN_EINVAL);
    assert_int_equal(evtchn_send(table(1), mine), -XEN_EINVAL);
    assert_int_equal(evtchn_bind_vcpu(table(1), mine, 0), -XEN_EINVAL);
    assert_int_equal(evtchn_unmask(table(1), mine), -XEN_EINVAL);
    assert_int_equal(evtchn_reset(table(1)), 0);
    assert_int_equal(table(1)->used_ports, 1);
    fake[0].d.shared->evtchn_pending[0] = 0;
    evtchn_xen_send(table(1), mine);
    assert_true(evtchn_is_pending(table(0), port));
    evtchn_xen_close(table(1), mine);
    assert_int_equal(table(1)->used_ports, 0);
    assert_int_equal(evtchn_alloc_unbound(table(1), 0, &other), 0);
    assert_int_equal(other, mine);
    assert_int_equal(evtchn_send(table(0), port), 0); /* unbound now */
    fake_end();
}

/* What must hold of all tables at any time. */
static void check_invariants(unsigned int domains)
{
    for (unsigned int id = 0; id < domains; id++) {
        struct evtchn_table *t = table(id);
        uint32_t used = 0;

        for (uint32_t port = 1; port < t->valid_ports; port++) {
            struct evtchn *e = evtchn_lookup(t, port), *r;

            used += e->kind != EC_FREE;
            assert_true(e->kind != EC_FREE || port >= t->next_free_hint);
            switch (e->kind) {
            case EC_INTERDOMAIN:
                r = evtchn_lookup(e->u.remote.table, e->u.remote.port);
                assert_non_null(r);
                assert_int_equal(r->kind, EC_INTERDOMAIN);
                assert_ptr_equal(r->u.remote.table, t);
                assert_int_equal(r->u.remote.port, port);
                break;
            case EC_VIRQ:
                assert_int_equal(
                    t->vcpus[evtchn_virq_is_global(e->u.virq) ? 0 : e->notify_vcpu]->virq_port[e->u.virq],
                    port);
                break;
            case EC_PIRQ:
                assert_int_equal(fake[id].pirq_port[e->u.pirq], port);
                break;
            default:
                break;
            }
        }
        assert_int_equal(used, t->used_ports);
        for (unsigned int v = 0; v < FAKE_VCPUS; v++) {
            for (unsigned int i = 0; i < NR_VIRQS; i++) {
                uint32_t port = t->vcpus[v]->virq_port[i];

                assert_true(port == 0 || evtchn_lookup(t, port)->kind == EC_VIRQ);
            }
        }
    }
}

static void test_random_binding(void **state)
{
    for (uint32_t run = 0; run < 12; run++) {
        seed = run;
        fake_start(3, 40);
        for (int step = 0; step < 3000; step++) {
            struct evtchn_table *t = table(rnd(3)), *u = table(rnd(3));
            uint32_t port = rnd(44), got;

            switch (rnd(12)) {
            case 0:
                evtchn_alloc_unbound(t, rnd(3), &got);
                break;
            case 1:
            case 2:
            case 3:
                evtchn_bind_interdomain(t, u, port, &got);
                break;
            case 4:
                evtchn_bind_virq(t, rnd(NR_VIRQS + 1), rnd(3), &got);
                break;
            case 5:
                evtchn_bind_ipi(t, rnd(3), &got);
                break;
            case 6:
                evtchn_bind_pirq(t, rnd(FAKE_PIRQS + 1), 0, &got);
                break;
            case 7:
            case 8:
                evtchn_close(t, port);
                break;
            case 9:
                evtchn_bind_vcpu(t, port, rnd(3));
                evtchn_unmask(t, port);
                break;
            case 10:
                if (rnd(40) == 0) {
                    assert_int_equal(evtchn_reset(t), 0);
                    assert_int_equal(t->used_ports, 0);
                }
                break;
            default:
                evtchn_send(t, port);
                evtchn_send_virq(t, rnd(3), rnd(NR_VIRQS));
                evtchn_send_pirq(t, port);
                break;
            }
            check_invariants(3);
        }
        fake_end();
    }
}

static void no_softirq(void)
{
}

static void test_teardown_in_steps(void **state)
{
    uint32_t port, at_b, steps = 0;
    int rc;

    fake_start(2, ~0u);
    softirq_set_handler(SOFTIRQ_SCHEDULE, no_softirq);
    for (int i = 0; i < 500; i++) {
        port = connect(0, 1, &at_b);
    }
    do {
        softirq_raise(SOFTIRQ_SCHEDULE);
        rc = evtchn_table_close_all(table(1));
        steps++;
        assert_true(rc == 0 || rc == -XEN_ERESTART);
    } while (rc != 0);
    assert_in_range(steps, 10, 20);
    assert_int_equal(table(1)->used_ports, 0);
    assert_int_equal(evtchn_alloc_unbound(table(1), 0, &port), -XEN_EINVAL);
    assert_int_equal(evtchn_bind_interdomain(table(0), table(1), at_b, &port), -XEN_EINVAL);
    check_invariants(2);
    for (uint32_t p = 1; p <= 500; p++) { /* the other ends are unbound: sending is swallowed */
        assert_int_equal(evtchn_send(table(0), p), 0);
    }
    host_run_softirqs();
    fake_end();
}

/* --- FIFO ---- */

/* A guest's side, as the ABI describes it. */
struct consumer {
    struct evtchn_fifo_control_block *control;
    uint32_t head[EVTCHN_FIFO_MAX_QUEUES];
};

static struct consumer consumer[FAKE_VCPUS];
static event_word_t *words;

static void fifo_start(unsigned int id)
{
    struct fake_domain *f = &fake[id];
    uint8_t bits = 0;

    memset(consumer, 0, sizeof(consumer));
    for (unsigned int v = 0; v < FAKE_VCPUS; v++) {
        consumer[v].control =
            (struct evtchn_fifo_control_block *)((uint8_t *)mfn_to_virt(f->page[v]) + 64 * v);
        assert_int_equal(evtchn_fifo_init_control(table(id), f->page[v].n, 64 * v, v, &bits), 0);
        assert_int_equal(bits, 17);
        assert_int_equal(evtchn_fifo_init_control(table(id), f->page[v].n, 64 * v, v, &bits), -XEN_EINVAL);
    }
    words = mfn_to_virt(f->page[4]);
    assert_int_equal(evtchn_fifo_expand_array(table(id), f->page[4].n), 0);
}

/* Take the next event of @v's queue @q; 0 when it is empty. */
static uint32_t consume(struct consumer *c, unsigned int q)
{
    uint32_t port = c->head[q] ? c->head[q] : __atomic_load_n(&c->control->head[q], __ATOMIC_ACQUIRE);
    event_word_t old;

    if (port == 0) {
        return 0;
    }
    old = __atomic_load_n(&words[port], __ATOMIC_RELAXED);
    do {
        if (!(old & (1u << EVTCHN_FIFO_LINKED))) {
            return 0; /* a head that was handled before */
        }
    } while (!__atomic_compare_exchange_n(&words[port], &old,
                                          old & ~(1u << EVTCHN_FIFO_LINKED | EVTCHN_FIFO_LINK_MASK), false,
                                          __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    c->head[q] = old & EVTCHN_FIFO_LINK_MASK;
    return port;
}

static bool take_pending(uint32_t port)
{
    if (words[port] & (1u << EVTCHN_FIFO_MASKED)) {
        return false;
    }
    return __atomic_fetch_and(&words[port], ~(1u << EVTCHN_FIFO_PENDING), __ATOMIC_SEQ_CST) &
           (1u << EVTCHN_FIFO_PENDING);
}

/* Handle all of @v's events in order of priority; @seen counts each. Returns how many there were. */
static uint32_t handle_all(unsigned int v, uint32_t *seen, uint32_t *order)
{
    struct consumer *c = &consumer[v];
    uint32_t n = 0, ready, port;

    fake[1].d.shared->vcpu_info[v].evtchn_upcall_pending = 0;
    ready = __atomic_exchange_n(&c->control->ready, 0, __ATOMIC_SEQ_CST);
    while (ready) {
        unsigned int q = (unsigned int)__builtin_ctz(ready);

        port = consume(c, q);
        if (port != 0 && take_pending(port)) {
            seen[port]++;
            order[n++] = port;
        }
        if (c->head[q] == 0) {
            ready &= ~(1u << q);
        }
        ready |= __atomic_exchange_n(&c->control->ready, 0, __ATOMIC_SEQ_CST);
    }
    return n;
}

static void test_fifo_model(void **state)
{
    enum { PORTS = 64 };
    uint32_t to[PORTS + 1], seen[PORTS + 1] = {0}, expect[PORTS + 1] = {0}, order[4096];
    bool pending[PORTS + 1] = {0}, masked[PORTS + 1] = {0};

    fake_start(2, ~0u);
    fifo_start(1);
    for (uint32_t i = 1; i <= PORTS; i++) {
        uint32_t at_b;

        to[i] = connect(0, 1, &at_b);
        assert_int_equal(at_b, i);
    }
    for (int step = 0; step < 40000; step++) {
        uint32_t port = 1 + rnd(PORTS);

        switch (rnd(12)) {
        default:
            assert_int_equal(evtchn_send(table(0), to[port]), 0);
            pending[port] = true;
            assert_true(evtchn_is_pending(table(1), port));
            assert_true(masked[port] || words[port] & (1u << EVTCHN_FIFO_LINKED));
            break;
        case 6:
            words[port] |= 1u << EVTCHN_FIFO_MASKED;
            masked[port] = true;
            break;
        case 7:
            assert_int_equal(evtchn_unmask(table(1), port), 0);
            masked[port] = false;
            break;
        case 8:
            assert_int_equal(evtchn_set_priority(table(1), port, rnd(16)), 0);
            break;
        case 9:
            assert_int_equal(evtchn_bind_vcpu(table(1), port, rnd(FAKE_VCPUS)), 0);
            break;
        case 10:
        case 11:
            for (unsigned int v = 0; v < FAKE_VCPUS; v++) {
                handle_all(v, seen, order);
            }
            for (uint32_t i = 1; i <= PORTS; i++) {
                expect[i] += pending[i] && !masked[i];
                pending[i] = pending[i] && masked[i];
                assert_int_equal(seen[i], expect[i]);
                assert_int_equal(evtchn_is_pending(table(1), i), pending[i]);
            }
            break;
        }
    }
    fake_end();
}

static void test_fifo_order(void **state)
{
    uint32_t to[8], at_b, seen[8] = {0}, order[64];
    static const uint32_t sent[] = {3, 1, 7, 2, 6}, by_priority[] = {6, 2, 3, 1, 7};

    fake_start(2, ~0u);
    fifo_start(1);
    for (uint32_t i = 1; i < 8; i++) {
        to[i] = connect(0, 1, &at_b);
    }
    assert_int_equal(evtchn_set_priority(table(1), 2, 2), 0);
    assert_int_equal(evtchn_set_priority(table(1), 6, 0), 0);
    for (unsigned int i = 0; i < ARRAY_SIZE(sent); i++) {
        assert_int_equal(evtchn_send(table(0), to[sent[i]]), 0);
    }
    assert_int_equal(fake[1].notified[0], 1);
    assert_int_equal(handle_all(0, seen, order), 5);
    assert_memory_equal(order, by_priority, sizeof(by_priority));
    fake_end();
}

/* A masked event is not put on a queue; unmasking does it. */
static void test_fifo_masked(void **state)
{
    uint32_t at_b, port;
    struct evtchn_bits bits;

    fake_start(2, ~0u);
    fifo_start(1);
    port = connect(0, 1, &at_b);
    words[at_b] = 1u << EVTCHN_FIFO_MASKED;
    assert_int_equal(evtchn_send(table(0), port), 0);
    assert_int_equal(words[at_b], 1u << EVTCHN_FIFO_MASKED | 1u << EVTCHN_FIFO_PENDING);
    bits = evtchn_bits(table(1), at_b);
    assert_true(bits.pending && bits.masked && !bits.queued);
    assert_int_equal(fake[1].notified[0], 0);
    assert_int_equal(fake[1].polled, 1);
    assert_int_equal(evtchn_unmask(table(1), at_b), 0);
    assert_int_equal(words[at_b], 1u << EVTCHN_FIFO_LINKED | 1u << EVTCHN_FIFO_PENDING);
    bits = evtchn_bits(table(1), at_b);
    assert_true(bits.pending && !bits.masked && bits.queued);
    assert_int_equal(fake[1].notified[0], 1);
    fake_end();
}

/* An event that was last on one queue is taken, then goes to another: the first queue must not be appended to through its word. */
static void test_fifo_tail_moves(void **state)
{
    uint32_t a, b, to_a, to_b, q = EVTCHN_FIFO_PRIORITY_DEFAULT;

    fake_start(2, ~0u);
    fifo_start(1);
    to_a = connect(0, 1, &a);
    to_b = connect(0, 1, &b);
    assert_int_equal(evtchn_send(table(0), to_a), 0);
    assert_int_equal(consume(&consumer[0], q), a);
    assert_int_equal(evtchn_bind_vcpu(table(1), a, 1), 0);
    assert_int_equal(evtchn_send(table(0), to_a), 0);
    assert_int_equal(evtchn_send(table(0), to_b), 0);
    assert_int_equal(words[a] & EVTCHN_FIFO_LINK_MASK, 0);
    assert_int_equal(consumer[0].control->head[q], b);
    assert_int_equal(consumer[1].control->head[q], a);
    fake_end();
}

static void test_fifo_carries_over(void **state)
{
    uint32_t at_b, port, seen[8] = {0}, order[64];

    fake_start(2, ~0u);
    port = connect(0, 1, &at_b);
    assert_int_equal(evtchn_send(table(0), port), 0);
    fifo_start(1);
    assert_int_equal(handle_all(0, seen, order), 1);
    assert_int_equal(order[0], at_b);
    /* beyond the array: held back until the page comes */
    for (uint32_t i = 1; i < FIFO_WORDS_PER_PAGE; i++) {
        port = connect(0, 1, &at_b);
    }
    assert_int_equal(at_b, FIFO_WORDS_PER_PAGE);
    assert_int_equal(evtchn_send(table(0), port), 0);
    assert_true(evtchn_is_pending(table(1), at_b));
    assert_int_equal(consumer[0].control->ready, 0);
    assert_int_equal(evtchn_fifo_expand_array(table(1), fake[1].page[5].n), 0);
    assert_int_equal(consumer[0].control->ready, 1u << EVTCHN_FIFO_PRIORITY_DEFAULT);
    assert_int_equal(consumer[0].control->head[EVTCHN_FIFO_PRIORITY_DEFAULT], at_b);
    fake_end();
}

static void test_fifo_busy_port(void **state)
{
    uint32_t at_b, again, port;

    fake_start(2, ~0u);
    fifo_start(1);
    port = connect(0, 1, &at_b);
    assert_int_equal(evtchn_send(table(0), port), 0);
    assert_int_equal(evtchn_close(table(1), at_b), 0);
    assert_int_equal(words[at_b], 1u << EVTCHN_FIFO_LINKED); /* on a queue, no longer pending */
    assert_int_equal(evtchn_alloc_unbound(table(1), 0, &again), 0);
    assert_int_not_equal(again, at_b);
    assert_int_equal(consume(&consumer[0], EVTCHN_FIFO_PRIORITY_DEFAULT), at_b);
    assert_int_equal(evtchn_alloc_unbound(table(1), 0, &again), 0);
    assert_int_equal(again, at_b);
    fake_end();
}

static void test_fifo_reset(void **state)
{
    uint64_t before;
    uint32_t at_b, port;

    fake_start(2, ~0u);
    before = frame_read(fake[1].page[0]);
    fifo_start(1);
    assert_int_not_equal(frame_refs(frame_read(fake[1].page[0])), frame_refs(before));
    for (int i = 0; i < 40; i++) {
        port = connect(0, 1, &at_b);
        assert_int_equal(evtchn_send(table(0), port), 0);
    }
    assert_int_equal(evtchn_reset(table(1)), 0);
    assert_null(table(1)->fifo);
    assert_int_equal(frame_refs(frame_read(fake[1].page[0])), frame_refs(before));
    assert_int_equal(frame_refs(frame_read(fake[1].page[4])), frame_refs(before));
    /* 2-level again, and FIFO again */
    port = connect(0, 1, &at_b);
    assert_int_equal(evtchn_send(table(0), port), 0);
    assert_true(bit(fake[1].d.shared->evtchn_pending, at_b));
    memset(words, 0, PAGE_SIZE);
    fifo_start(1);
    assert_true(evtchn_is_pending(table(1), at_b));
    fake_end();
}

static void test_fifo_bad_pages(void **state)
{
    uint8_t bits;

    fake_start(2, ~0u);
    assert_int_equal(evtchn_fifo_init_control(table(1), fake[0].page[0].n, 0, 0, &bits), -XEN_EINVAL);
    assert_int_equal(evtchn_fifo_init_control(table(1), ~0ull, 0, 0, &bits), -XEN_EINVAL);
    assert_int_equal(evtchn_fifo_init_control(table(1), fake[1].page[0].n, 4, 0, &bits), -XEN_EINVAL);
    assert_int_equal(evtchn_fifo_init_control(table(1), fake[1].page[0].n, PAGE_SIZE - 64, 0, &bits),
                     -XEN_EINVAL);
    assert_int_equal(evtchn_fifo_init_control(table(1), fake[1].page[0].n, 0, FAKE_VCPUS, &bits),
                     -XEN_ENOENT);
    for (int n = 0; n < 2; n++) {
        host_alloc_fail_after(n);
        assert_int_equal(evtchn_fifo_init_control(table(1), fake[1].page[0].n, 0, 0, &bits), -XEN_ENOMEM);
    }
    host_alloc_fail_after(-1);
    assert_null(table(1)->fifo);
    assert_int_equal(evtchn_fifo_init_control(table(1), fake[1].page[0].n, 0, 0, &bits), 0);
    assert_int_equal(evtchn_fifo_expand_array(table(1), fake[0].page[0].n), -XEN_EINVAL);
    for (unsigned int i = 0; i < FIFO_MAX_PAGES;
         i++) { /* the same page again and again is the guest's own trouble */
        assert_int_equal(evtchn_fifo_expand_array(table(1), fake[1].page[1].n), 0);
    }
    assert_int_equal(evtchn_fifo_expand_array(table(1), fake[1].page[1].n), -XEN_ENOSPC);
    fake_end();
}

/* Random words in all the shared pages between any two operations: everything ends, nothing else changes. */
static void test_fifo_hostile(void **state)
{
    for (uint32_t run = 0; run < 30; run++) {
        uint8_t other[PAGE_SIZE];
        uint32_t got;

        seed = 1000 + run;
        fake_start(2, 200);
        fifo_start(1);
        memcpy(other, mfn_to_virt(fake[1].page[7]), PAGE_SIZE);
        for (int i = 0; i < 60; i++) {
            connect(0, 1, &got);
        }
        for (int step = 0; step < 2000; step++) {
            uint32_t *page = mfn_to_virt(fake[1].page[rnd(3) == 0 ? rnd(2) : 4]), port = 1 + rnd(70);

            page[rnd(rnd(2) ? 80 : 1024)] =
                rnd(3) == 0 ? rnd(80) | rnd(16) << 28 : (rnd(1 << 16) << 16 | rnd(1 << 16));
            switch (rnd(8)) {
            case 0:
                evtchn_close(table(1), port);
                break;
            case 1:
                evtchn_unmask(table(1), port);
                break;
            case 2:
                evtchn_set_priority(table(1), port, rnd(16));
                evtchn_bind_vcpu(table(1), port, rnd(2));
                break;
            case 3:
                if (evtchn_alloc_unbound(table(1), 0, &got) == 0) {
                    evtchn_bind_interdomain(table(0), table(1), got, &got);
                }
                break;
            default:
                evtchn_send(table(0), port);
                break;
            }
        }
        check_invariants(2);
        assert_memory_equal(other, mfn_to_virt(fake[1].page[7]), PAGE_SIZE);
        fake_end();
    }
}

/* --- races ---- */

enum { RACE_PORTS = 8, RACE_SENDS = 40000 };

/* Threads are pCPUs here: one that waits for a lock lets the others run. */
static void give_way(void)
{
    syscall(SYS_sched_yield);
}

static uint32_t race_sent[RACE_PORTS + 1], race_to[RACE_PORTS + 1];

static void *race_sender(void *arg)
{
    unsigned int me = (unsigned int)(uintptr_t)arg;

    host_set_pcpu(me);
    irq_enable();
    for (uint32_t i = 0; i < RACE_SENDS; i++) {
        uint32_t port = 1 + i % RACE_PORTS;

        __atomic_fetch_add(&race_sent[port], 1, __ATOMIC_SEQ_CST);
        evtchn_send(table(0), race_to[port]);
        if (i % 64 == 0) {
            evtchn_bind_vcpu(table(1), port, (i / 64) % FAKE_VCPUS);
            evtchn_set_priority(table(1), port, i % 3);
        }
    }
    return NULL;
}

/* After the last event of a port was sent, the guest handles it at least once more. */
static void test_fifo_race(void **state)
{
    uint32_t seen[RACE_PORTS + 1] = {0}, at_last[RACE_PORTS + 1] = {0};
    pthread_t sender[2];

    fake_start(2, ~0u);
    host_on_relax = give_way;
    fifo_start(1);
    for (uint32_t i = 1; i <= RACE_PORTS; i++) {
        uint32_t at_b;

        race_to[i] = connect(0, 1, &at_b);
        race_sent[i] = 0;
    }
    for (uintptr_t i = 0; i < 2; i++) {
        pthread_create(&sender[i], NULL, race_sender, (void *)(i + 1));
    }
    for (bool last = false;;) {
        for (unsigned int v = 0; v < FAKE_VCPUS; v++) {
            struct consumer *c = &consumer[v];
            uint32_t ready = __atomic_exchange_n(&c->control->ready, 0, __ATOMIC_SEQ_CST), port;

            while (ready) {
                unsigned int q = (unsigned int)__builtin_ctz(ready);

                port = consume(c, q);
                if (port != 0 && take_pending(port)) {
                    seen[port]++;
                    at_last[port] = __atomic_load_n(&race_sent[port], __ATOMIC_SEQ_CST);
                }
                if (c->head[q] == 0) {
                    ready &= ~(1u << q);
                }
                ready |= __atomic_exchange_n(&c->control->ready, 0, __ATOMIC_SEQ_CST);
            }
        }
        if (last) {
            break;
        }
        if (race_sent[RACE_PORTS] == 2 * RACE_SENDS / RACE_PORTS) {
            pthread_join(sender[0], NULL);
            pthread_join(sender[1], NULL);
            last = true; /* one more look */
        }
    }
    for (uint32_t i = 1; i <= RACE_PORTS; i++) {
        assert_int_equal(at_last[i], race_sent[i]);
        assert_false(evtchn_is_pending(table(1), i));
    }
    fake_end();
}

static void *race_binder(void *arg)
{
    unsigned int me = (unsigned int)(uintptr_t)arg, other = me == 1 ? 2 : 1;
    uint32_t s = me, port;

    host_set_pcpu(me);
    irq_enable();
    for (int i = 0; i < 20000; i++) {
        s = s * 1664525u + 1013904223u;
        switch (s >> 24 & 3) {
        case 0:
            evtchn_alloc_unbound(table(me), other, &port);
            break;
        case 1:
            evtchn_bind_interdomain(table(me), table(other), 1 + (s >> 10) % 16, &port);
            break;
        case 2:
            evtchn_send(table(me), 1 + (s >> 10) % 16);
            break;
        default:
            evtchn_close(table(me), 1 + (s >> 10) % 16);
            break;
        }
    }
    return NULL;
}

static void test_close_race(void **state)
{
    pthread_t t[2];

    fake_start(3, 16);
    host_on_relax = give_way;
    for (uintptr_t i = 0; i < 2; i++) {
        pthread_create(&t[i], NULL, race_binder, (void *)(i + 1));
    }
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    check_invariants(3);
    fake_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_level_model),
        cmocka_unit_test(test_bind_makes_pending),
        cmocka_unit_test(test_32bit_layout),
        cmocka_unit_test(test_move_info),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_xen_consumer),
        cmocka_unit_test(test_random_binding),
        cmocka_unit_test(test_teardown_in_steps),
        cmocka_unit_test(test_fifo_model),
        cmocka_unit_test(test_fifo_order),
        cmocka_unit_test(test_fifo_masked),
        cmocka_unit_test(test_fifo_tail_moves),
        cmocka_unit_test(test_fifo_carries_over),
        cmocka_unit_test(test_fifo_busy_port),
        cmocka_unit_test(test_fifo_reset),
        cmocka_unit_test(test_fifo_bad_pages),
        cmocka_unit_test(test_fifo_hostile),
        cmocka_unit_test(test_fifo_race),
        cmocka_unit_test(test_close_race),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
