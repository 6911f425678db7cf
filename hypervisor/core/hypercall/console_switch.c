/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is typed at the machine's console: for the hardware domain, or, after conswitch= was typed three times, debug keys. The control characters are held
 * back until it is clear that they are no switch.
 */
#include <base/lock.h>
#include <base/log.h>
#include <core/hypercall/console_input.h>
#include <core/hypercall/debug_keys.h>
#include <core/param/options.h>
#include <core/timer/timer.h>

#define SWITCH_TIMES 3u
#define KEYS_WAITING 16u

static struct spinlock lock = SPINLOCK_INIT(console); /* guards all below */
static unsigned int held;                             /* control characters that are held back */
static bool to_keys;
static char waiting[KEYS_WAITING];
static unsigned int waiting_count;
static struct tasklet press_tasklet;

/* In softirq context: keys take their time. */
static void press(void *arg)
{
    char keys[KEYS_WAITING];
    unsigned long flags = spin_lock_irqsave(&lock);
    unsigned int n = waiting_count;

    for (unsigned int i = 0; i < n; i++) {
        keys[i] = waiting[i];
    }
    waiting_count = 0;
    spin_unlock_irqrestore(&lock, flags);
    for (unsigned int i = 0; i < n; i++) {
        debug_key_press(keys[i]);
    }
}

void console_switch_init(void)
{
    tasklet_init(&press_tasklet, press, NULL);
    to_keys = opt_conswitch_to_keys;
}

static void say_where(bool keys, char control)
{
    log_info("Console input goes to %s (Ctrl-%c three times switches)\n",
             keys ? "the debug keys" : "the first domain", conswitch_key(control));
}

/* Count the control character; true: it was the last one. */
static bool take_control(void)
{
    if (++held < SWITCH_TIMES) {
        return false;
    }
    held = 0;
    to_keys = !to_keys;
    return true;
}

void console_input(char c)
{
    char control = __atomic_load_n(&opt_conswitch, __ATOMIC_RELAXED);
    bool is_control = control != 0 && c == control, switched = false, keys;
    unsigned long flags = spin_lock_irqsave(&lock);
    unsigned int late = 0;

    if (is_control) {
        switched = take_control();
    } else {
        late = held;
        held = 0;
    }
    keys = to_keys;
    if (keys && !is_control && waiting_count < KEYS_WAITING) {
        waiting[waiting_count++] = c;
    }
    spin_unlock_irqrestore(&lock, flags);
    if (switched) {
        say_where(keys, control);
    } else if (!is_control && keys) {
        tasklet_schedule(&press_tasklet);
    } else if (!is_control) {
        while (late-- > 0) {
            console_input_push(control);
        }
        console_input_push(c);
    }
}
