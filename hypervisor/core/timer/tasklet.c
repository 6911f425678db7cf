/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tasklets: a queue for each pCPU, touched by that pCPU alone with interrupts off. */
#include <base/percpu.h>
#include <base/softirq.h>
#include <core/timer/tasklet_internal.h>
#include <core/timer/timer.h>

struct tasklet_queue {
    struct tasklet *head, *tail;
};

static DEFINE_PER_CPU(struct tasklet_queue, tasklet_queue);

void tasklet_init(struct tasklet *t, void (*fn)(void *), void *arg)
{
    *t = (struct tasklet){.fn = fn, .arg = arg};
}

void tasklet_schedule(struct tasklet *t)
{
    unsigned long flags;
    struct tasklet_queue *q;

    if (__atomic_exchange_n(&t->queued, true, __ATOMIC_ACQ_REL)) {
        return;
    }
    flags = irq_save();
    q = &this_cpu(tasklet_queue);
    t->next = NULL;
    if (q->head) {
        q->tail->next = t;
    } else {
        q->head = t;
    }
    q->tail = t;
    softirq_raise(SOFTIRQ_TASKLET);
    irq_restore(flags);
}

void tasklet_run(void)
{
    unsigned long flags = irq_save();
    struct tasklet_queue *q = &this_cpu(tasklet_queue);
    struct tasklet *t = q->head;

    if (t) {
        q->head = t->next;
        if (q->head) {
            softirq_raise(SOFTIRQ_TASKLET); /* the others' turn comes after other softirqs */
        }
    }
    irq_restore(flags);
    if (t) {
        /* from here on it may be scheduled again, also by itself; it may free itself */
        __atomic_store_n(&t->queued, false, __ATOMIC_RELEASE);
        t->fn(t->arg);
    }
}
