/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Softirqs: see softirq.h. */
#include <base/assert.h>
#include <base/contract.h>
#include <base/context.h>
#include <base/softirq.h>

DEFINE_PER_CPU(uint32_t, softirq_bits);

static void (*handlers[SOFTIRQ_COUNT])(void);

void softirq_set_handler(enum softirq nr, void (*fn)(void))
{
    handlers[nr] = fn;
}

void softirq_raise_on(unsigned int cpu, enum softirq nr)
{
    uint32_t before = __atomic_fetch_or(&per_cpu(softirq_bits, cpu), 1u << nr, __ATOMIC_SEQ_CST);

    if (!(before & (1u << nr)) && cpu != pcpu_id()) {
        port_kick_cpu(cpu);
    }
}

void softirq_run(void)
{
    uint32_t *pending = &this_cpu(softirq_bits);
    uint32_t bits;

    ASSERT_MAY_WAIT();
    ASSERT_MAY_LEAVE();
    /* round by round: one that raises itself again waits for the others */
    while ((bits = __atomic_exchange_n(pending, 0, __ATOMIC_SEQ_CST)) != 0) {
        for (; bits; bits &= bits - 1) {
            unsigned int nr = (unsigned int)__builtin_ctz(bits);

            ASSERT(handlers[nr]);
            handlers[nr]();
            ASSERT(lock_held_count() == 0);
        }
    }
}
