/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * console_io: the hardware domain writes to and reads from the machine's console; what other domains write is shown with their number, as
 * guest messages (guest_loglvl=). Who reads the log's ring (xenconsoled --log=hv) is told of new lines by VIRQ_CON_RING.
 */
#include <base/guest_access.h>
#include <base/lock.h>
#include <base/log.h>
#include <base/softirq.h>
#include <core/hypercall/console_input.h>
#include <core/hypercall/handlers.h>
#include <lib/string.h>

#define CHUNK      128u
#define INPUT_SIZE 1024u

static struct spinlock input_lock = SPINLOCK_INIT(console);
static char input[INPUT_SIZE]; /* under input_lock, as the two below */
static uint32_t input_in, input_out;

void console_input_push(char ch)
{
    unsigned long flags = spin_lock_irqsave(&input_lock);

    if (input_in - input_out < INPUT_SIZE) {
        input[input_in++ % INPUT_SIZE] = ch;
    }
    spin_unlock_irqrestore(&input_lock, flags);
    domain_send_global_virq(VIRQ_CONSOLE);
}

static void tell_log_reader(void)
{
    domain_send_global_virq(VIRQ_CON_RING);
}

void console_io_init(void)
{
    softirq_set_handler(SOFTIRQ_LOG, tell_log_reader);
    log_ring_announce();
}

static uint32_t input_take(char *to, uint32_t max)
{
    unsigned long flags = spin_lock_irqsave(&input_lock);
    uint32_t n = 0;

    while (n < max && input_out != input_in) {
        to[n++] = input[input_out++ % INPUT_SIZE];
    }
    spin_unlock_irqrestore(&input_lock, flags);
    return n;
}

static long read_input(uint64_t count, vaddr_t gva)
{
    char buf[CHUNK];
    uint64_t done = 0;

    while (done < count) {
        uint32_t n = input_take(buf, (uint32_t)MIN(count - done, (uint64_t)CHUNK));

        if (n == 0) {
            break;
        }
        if (guest_write(gva + done, buf, n) != 0) {
            return -XEN_EFAULT;
        }
        done += n;
    }
    return (long)done;
}

/* Whole lines, each with the domain's number; control characters could fool the terminal that shows them. */
static void show_guest_text(const struct domain *d, char *buf, size_t n)
{
    size_t start = 0;

    for (size_t i = 0; i <= n; i++) {
        if (i < n && buf[i] != '\n' && (uint8_t)buf[i] < ' ' && buf[i] != '\t') {
            buf[i] = ' ';
        }
        if (i == n || buf[i] == '\n') {
            if (i > start) {
                log_guest_info("(d%u) %.*s\n", d->id, (int)(i - start), buf + start);
            }
            start = i + 1;
        }
    }
}

static long write_text(struct hypercall *c)
{
    struct domain *d = current_domain();
    char buf[CHUNK];

    while (c->arg[1] > 0) {
        size_t n = MIN(c->arg[1], (uint64_t)CHUNK);

        if (guest_read(buf, c->arg[2], n) != 0) {
            log_guest_warning("d%u writes to the console from 0x%lx, which cannot be read", d->id,
                              (unsigned long)c->arg[2]);
            return -XEN_EFAULT;
        }
        if (d->is_hardware) {
            log_raw(buf, n);
        } else {
            show_guest_text(d, buf, n);
        }
        c->arg[1] -= n;
        c->arg[2] += n;
        if (c->arg[1] > 0 && hypercall_preempt_check()) {
            return -XEN_ERESTART;
        }
    }
    return 0;
}

long do_console_io(struct hypercall *c)
{
    c->arg[1] = (uint32_t)c->arg[1];
    switch (c->arg[0]) {
    case CONSOLEIO_write:
        return write_text(c);
    case CONSOLEIO_read:
        return current_domain()->is_hardware ? read_input(c->arg[1], c->arg[2]) : -XEN_EPERM;
    default:
        return -XEN_ENOSYS;
    }
}
