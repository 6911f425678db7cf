/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The event channel hypercall: who may do what, structures that cannot be read or answered, values that change while they are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "../fake_domains.h"

static union {
    uint8_t bytes[64];
    struct evtchn_alloc_unbound alloc;
    struct evtchn_bind_interdomain bind;
    struct evtchn_bind_virq virq;
    struct evtchn_bind_pirq pirq;
    struct evtchn_bind_ipi ipi;
    struct evtchn_status status;
    struct evtchn_reset reset;
    struct evtchn_close close;
    struct evtchn_send send;
    struct evtchn_init_control control;
} mem;

static long call(unsigned int cmd)
{
    return fake_call(do_event_channel_op, cmd, (uint64_t)(uintptr_t)&mem, 0);
}

static void start(void)
{
    fake_start(3, ~0u);
    host_guest_window(&mem, sizeof(mem));
    memset(&mem, 0, sizeof(mem));
}

static uint32_t used(unsigned int id)
{
    return fake[id].d.evtchn.used_ports;
}

static void test_on_behalf(void **state)
{
    start();
    /* the tools prepare a channel of domain 1 for domain 0, as for xenstore */
    mem.alloc = (struct evtchn_alloc_unbound){.dom = 1, .remote_dom = DOMID_SELF};
    assert_int_equal(call(EVTCHNOP_alloc_unbound), 0);
    assert_int_equal(mem.alloc.port, 1);
    assert_int_equal(used(1), 1);
    fake_run(2, 0);
    mem.alloc = (struct evtchn_alloc_unbound){.dom = 1, .remote_dom = 2};
    assert_int_equal(call(EVTCHNOP_alloc_unbound), -XEN_EPERM);
    mem.alloc.dom = 3;
    assert_int_equal(call(EVTCHNOP_alloc_unbound), -XEN_ESRCH);
    mem.alloc.dom = 2; /* its own number is itself */
    assert_int_equal(call(EVTCHNOP_alloc_unbound), 0);
    mem.status = (struct evtchn_status){.dom = 1, .port = 1};
    assert_int_equal(call(EVTCHNOP_status), -XEN_EPERM);
    mem.reset.dom = 1;
    assert_int_equal(call(EVTCHNOP_reset), -XEN_EPERM);
    mem.bind = (struct evtchn_bind_interdomain){.remote_dom = 1, .remote_port = 1};
    assert_int_equal(call(EVTCHNOP_bind_interdomain), -XEN_EINVAL); /* it is for domain 0 */
    mem.bind.remote_dom = 3;
    assert_int_equal(call(EVTCHNOP_bind_interdomain), -XEN_ESRCH);
    fake_run(0, 0);
    mem.alloc = (struct evtchn_alloc_unbound){.dom = 3, .remote_dom = 0};
    assert_int_equal(call(EVTCHNOP_alloc_unbound), -XEN_ESRCH);
    mem.bind = (struct evtchn_bind_interdomain){.remote_dom = 1, .remote_port = 1};
    assert_int_equal(call(EVTCHNOP_bind_interdomain), 0);
    mem.status = (struct evtchn_status){.dom = 1, .port = 1};
    assert_int_equal(call(EVTCHNOP_status), 0);
    assert_int_equal(mem.status.status, EVTCHNSTAT_interdomain);
    assert_int_equal(mem.status.u.interdomain.dom, 0);
    mem.reset.dom = 1;
    assert_int_equal(call(EVTCHNOP_reset), -XEN_EINVAL); /* it runs */
    fake[1].d.control_pauses = 1;
    assert_int_equal(call(EVTCHNOP_reset), 0);
    assert_int_equal(used(1), 0);
    mem.reset.dom = DOMID_SELF;
    assert_int_equal(call(EVTCHNOP_reset), 0);
    fake_end();
}

static void test_virq_rights(void **state)
{
    static const uint32_t machine[] = {VIRQ_CONSOLE,    VIRQ_DOM_EXC, VIRQ_TBUF,  VIRQ_CON_RING,
                                       VIRQ_PCPU_STATE, VIRQ_ENOMEM,  VIRQ_ARCH_0};
    static const uint32_t own[] = {VIRQ_TIMER, VIRQ_DEBUG, VIRQ_XENPMU, VIRQ_ARGO};

    start();
    for (unsigned int id = 0; id < 2; id++) {
        fake_run(id, 0);
        for (unsigned int i = 0; i < ARRAY_SIZE(machine); i++) {
            mem.virq = (struct evtchn_bind_virq){.virq = machine[i]};
            assert_int_equal(call(EVTCHNOP_bind_virq), id == 0 ? 0 : -XEN_EPERM);
        }
        for (unsigned int i = 0; i < ARRAY_SIZE(own); i++) {
            mem.virq = (struct evtchn_bind_virq){.virq = own[i]};
            assert_int_equal(call(EVTCHNOP_bind_virq), 0);
        }
    }
    fake[2].d.is_xenstore = true;
    fake_run(2, 0);
    mem.virq = (struct evtchn_bind_virq){.virq = VIRQ_DOM_EXC};
    assert_int_equal(call(EVTCHNOP_bind_virq), 0);
    mem.virq = (struct evtchn_bind_virq){.virq = VIRQ_CON_RING};
    assert_int_equal(call(EVTCHNOP_bind_virq), -XEN_EPERM);
    mem.virq = (struct evtchn_bind_virq){.virq = NR_VIRQS};
    assert_int_equal(call(EVTCHNOP_bind_virq), -XEN_EINVAL);
    fake_end();
}

static void test_pirq(void **state)
{
    start();
    mem.pirq = (struct evtchn_bind_pirq){.pirq = 9, .flags = 2};
    assert_int_equal(call(EVTCHNOP_bind_pirq), -XEN_EINVAL);
    mem.pirq.flags = BIND_PIRQ__WILL_SHARE;
    assert_int_equal(call(EVTCHNOP_bind_pirq), 0);
    assert_int_equal(fake[0].pirq_port[9], mem.pirq.port);
    evtchn_send_pirq(&fake[0].d.evtchn, mem.pirq.port);
    assert_true(evtchn_is_pending(&fake[0].d.evtchn, mem.pirq.port));
    mem.pirq.flags = 0;
    assert_int_equal(call(EVTCHNOP_bind_pirq), -XEN_EEXIST);
    assert_int_equal(used(0), 1);
    fake_end();
}

static void shrink_window(void *arg, uint64_t gva, size_t size)
{
    host_guest_window(&mem, 1);
}

/* An answer that cannot be given leaves no port behind. */
static void test_faults(void **state)
{
    static const uint32_t binds[] = {EVTCHNOP_alloc_unbound, EVTCHNOP_bind_virq, EVTCHNOP_bind_ipi,
                                     EVTCHNOP_bind_pirq};

    start();
    mem.alloc = (struct evtchn_alloc_unbound){.dom = 1, .remote_dom = 0};
    assert_int_equal(call(EVTCHNOP_alloc_unbound), 0);
    for (unsigned int i = 0; i <= ARRAY_SIZE(binds); i++) {
        memset(&mem, 0, sizeof(mem));
        host_guest_window(&mem, sizeof(mem));
        host_guest_on_read(shrink_window, NULL);
        if (i < ARRAY_SIZE(binds)) {
            assert_int_equal(call(binds[i]), -XEN_EFAULT);
        } else {
            mem.bind = (struct evtchn_bind_interdomain){.remote_dom = 1, .remote_port = 1};
            assert_int_equal(call(EVTCHNOP_bind_interdomain), -XEN_EFAULT);
        }
        host_guest_on_read(NULL, NULL);
        assert_int_equal(used(0), 0);
    }
    assert_int_equal(used(1), 1);
    host_guest_window(NULL, 0);
    for (unsigned int cmd = 0; cmd <= EVTCHNOP_set_priority; cmd++) {
        assert_int_equal(call(cmd), -XEN_EFAULT);
    }
    assert_int_equal(call(14), -XEN_ENOSYS);
    assert_int_equal(call(~0u), -XEN_ENOSYS);
    host_guest_window(&mem, sizeof(mem));
    mem.send.port = 3;
    assert_int_equal(call(EVTCHNOP_send), -XEN_EINVAL);
    fake_end();
}

static void test_fifo(void **state)
{
    start();
    mem.control = (struct evtchn_init_control){.control_gfn = fake[0].page[0].n, .offset = 8};
    assert_int_equal(call(EVTCHNOP_init_control), 0);
    assert_int_equal(mem.control.link_bits, 17);
    *(uint64_t *)mem.bytes = fake[0].page[1].n;
    assert_int_equal(call(EVTCHNOP_expand_array), 0);
    mem.reset.dom = DOMID_SELF;
    assert_int_equal(call(EVTCHNOP_reset), 0);
    assert_null(fake[0].d.evtchn.fifo);
    fake_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_on_behalf), cmocka_unit_test(test_virq_rights), cmocka_unit_test(test_pirq),
        cmocka_unit_test(test_faults),    cmocka_unit_test(test_fifo),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
