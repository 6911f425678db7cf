/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FIFO event channels: control block, event array, queues by priority, masks. The guest cannot go back: an image of its own. */
#include "guest.h"

static struct evtchn_fifo_control_block *control;
static u32 *array;

#define BIT_PENDING (1u << EVTCHN_FIFO_PENDING)
#define BIT_MASKED  (1u << EVTCHN_FIFO_MASKED)
#define BIT_LINKED  (1u << EVTCHN_FIFO_LINKED)

static void fifo_up(void)
{
    if (control) {
        return;
    }
    struct evtchn_init_control ic = {.vcpu = 0, .offset = 0};
    control = page_alloc();
    array = page_alloc();
    ic.control_gfn = va_mfn(control);
    evt_raw = true;
    CHECK_EQ(evtchn_op(EVTCHNOP_init_control, &ic), 0);
    CHECK_EQ(ic.link_bits, EVTCHN_FIFO_LINK_BITS);
    struct evtchn_expand_array ea = {.array_gfn = va_mfn(array)};
    CHECK_EQ(evtchn_op(EVTCHNOP_expand_array, &ea), 0);
}
TEST(init)
{
    fifo_up();
}
static long fifo_ipi(void)
{
    struct evtchn_bind_ipi b = {.vcpu = 0};
    long rc = evtchn_op(EVTCHNOP_bind_ipi, &b);
    return rc ? rc : b.port;
}
static u32 word(u32 port)
{
    return *(volatile u32 *)&array[port];
}
static void consume(u32 port)
{
    __atomic_fetch_and(&array[port], ~(BIT_PENDING | BIT_LINKED | EVTCHN_FIFO_LINK_MASK), __ATOMIC_SEQ_CST);
}
TEST(pending_and_linked)
{
    RUN(fifo_up());
    long p = fifo_ipi();
    CHECK(p > 0);
    consume(p);
    __atomic_fetch_and(&array[p], ~BIT_MASKED, __ATOMIC_SEQ_CST);
    control->ready = 0;
    CHECK_EQ(port_send(p), 0);
    CHECK(word(p) & BIT_PENDING);
    CHECK(word(p) & BIT_LINKED);
    CHECK(control->ready & 1u << EVTCHN_FIFO_PRIORITY_DEFAULT);
    CHECK_EQ(control->head[EVTCHN_FIFO_PRIORITY_DEFAULT], p);
    CHECK(vcpu_info(0)->evtchn_upcall_pending);
    consume(p);
    control->ready = 0;
    CHECK_EQ(port_close(p), 0);
}
TEST(masked_not_linked)
{
    RUN(fifo_up());
    long p = fifo_ipi();
    consume(p);
    __atomic_fetch_or(&array[p], BIT_MASKED, __ATOMIC_SEQ_CST);
    CHECK_EQ(port_send(p), 0);
    CHECK(word(p) & BIT_PENDING);
    CHECK(!(word(p) & BIT_LINKED));
    struct evtchn_unmask u = {.port = p};
    CHECK_EQ(evtchn_op(EVTCHNOP_unmask, &u), 0);
    CHECK(!(word(p) & BIT_MASKED));
    CHECK(word(p) & BIT_LINKED);
    consume(p);
    CHECK_EQ(port_close(p), 0);
}
TEST(priority)
{
    RUN(fifo_up());
    long p = fifo_ipi();
    consume(p);
    struct evtchn_set_priority sp = {.port = p, .priority = 3};
    CHECK_EQ(evtchn_op(EVTCHNOP_set_priority, &sp), 0);
    __atomic_fetch_and(&array[p], ~BIT_MASKED, __ATOMIC_SEQ_CST);
    control->ready = 0;
    CHECK_EQ(port_send(p), 0);
    CHECK(control->ready & 1u << 3);
    sp.priority = 16;
    CHECK_EQ(evtchn_op(EVTCHNOP_set_priority, &sp), -XEN_EINVAL);
    consume(p);
    CHECK_EQ(port_close(p), 0);
}
TEST(link_order)
{ /* three events of one priority: linked in the order they were sent */
    RUN(fifo_up());
    long p[3];
    for (int i = 0; i < 3; i++) {
        p[i] = fifo_ipi();
        CHECK(p[i] > 0);
        struct evtchn_set_priority sp = {.port = p[i], .priority = 5};
        CHECK_EQ(evtchn_op(EVTCHNOP_set_priority, &sp), 0);
        consume(p[i]);
        __atomic_fetch_and(&array[p[i]], ~BIT_MASKED, __ATOMIC_SEQ_CST);
    }
    control->head[5] = 0;
    control->ready = 0;
    CHECK_EQ(port_send(p[2]), 0);
    CHECK_EQ(port_send(p[0]), 0);
    CHECK_EQ(port_send(p[1]), 0);
    CHECK_EQ(control->head[5], p[2]);
    CHECK_EQ(word(p[2]) & EVTCHN_FIFO_LINK_MASK, p[0]);
    CHECK_EQ(word(p[0]) & EVTCHN_FIFO_LINK_MASK, p[1]);
    CHECK_EQ(word(p[1]) & EVTCHN_FIFO_LINK_MASK, 0);
    for (int i = 0; i < 3; i++) {
        consume(p[i]);
        CHECK_EQ(port_close(p[i]), 0);
    }
}
TEST(upcall)
{
    RUN(fifo_up());
    long p = fifo_ipi();
    consume(p);
    __atomic_fetch_and(&array[p], ~BIT_MASKED, __ATOMIC_SEQ_CST);
    vcpu_info(0)->evtchn_upcall_pending = 0;
    control->ready = 0;
    upcall_count = 0;
    events_on();
    CHECK_EQ(port_send(p), 0);
    CHECK(wait_count(&upcall_count, 1, 1000000000UL));
    events_off();
    consume(p);
    CHECK_EQ(port_close(p), 0);
}
TEST(array_grows)
{
    RUN(fifo_up());
    CHECK_EQ(fifo_ipi() > 0, true);
    struct evtchn_expand_array ea = {.array_gfn = va_mfn(page_alloc())};
    CHECK_EQ(evtchn_op(EVTCHNOP_expand_array, &ea), 0);
    ea.array_gfn = ~0UL >> 12;
    CHECK(evtchn_op(EVTCHNOP_expand_array, &ea) < 0);
}
TEST(hostile_links)
{ /* the guest scribbles over array and control block; sends must still end */
    RUN(fifo_up());
    long p[4];
    u64 seed = arg_num("seed", 1);
    for (int i = 0; i < 4; i++) {
        p[i] = fifo_ipi();
        CHECK(p[i] > 0);
    }
    for (int n = 0; n < 2000; n++) {
        array[p[prng(&seed) & 3]] = prng(&seed);
        control->head[prng(&seed) & 15] = prng(&seed);
        control->ready = prng(&seed);
        port_send(p[prng(&seed) & 3]);
    }
    for (int i = 0; i < 4; i++) {
        array[p[i]] = BIT_MASKED;
        CHECK_EQ(port_close(p[i]), 0);
    }
}
TEST(reset)
{
    if (!g.dom0) {
        SKIP("would close the console's port");
    }
    struct evtchn_reset r = {.dom = DOMID_SELF};
    CHECK_EQ(evtchn_op(EVTCHNOP_reset, &r), 0);
    evt_raw = false;
    memset(g.shared->evtchn_mask, 0xff, sizeof(g.shared->evtchn_mask));
    long p = bind_ipi(0); /* two-level again */
    CHECK(p > 0);
    CHECK_EQ(port_send(p), 0);
    CHECK(port_pending(p));
}
