/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The translation for 32-bit callers: a handler that reads and writes through the windows as the input says, with memory that the guest fills with
 * anything, beside the plain meaning of the table (guest/x86/pvh/compat_layout.c): a field is that many bytes at that place of that element.
 *
 *   input      the first half, 8 KiB at most, is guest memory from address 0; the other half is steps of 8 bytes, each a call or an access in one
 */
#include <tests/unit/hypervisor/guest/x86/pvh/rig.h>
#include <guest/x86/pvh/compat_layout.h>

#define STEP       8u
#define FILLED_MAX 8192u
#define DEPTH_MAX  2u
#define MEMORY     ((uint64_t)RIG_PAGES * PAGE_SIZE)

/* What the steps of a call do, by their first byte. */
#define DO_READ    1u
#define DO_WRITE   2u
#define DO_FOLLOW  3u
#define DO_CALL    4u
#define DO_RAW     5u
#define DO_RESTART 6u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *steps;
static size_t steps_left;
static struct x86_vcpu *const v0 = &rig_vcpu[0];
/* the call in progress: how its structure differs, and where it is */
static const struct compat_layout *layout;
static uint32_t base;
static unsigned int depth;

static const uint8_t *next_step(void)
{
    const uint8_t *s = steps;

    if (steps_left < STEP) {
        return NULL;
    }
    steps += STEP;
    steps_left -= STEP;
    return s;
}

static uint32_t word_of(const uint8_t *s)
{
    uint32_t w;

    memcpy(&w, s, sizeof(w));
    return w;
}

/* The plain meaning: what field @f of the element at @at32 holds. False: not all of it is memory. */
static bool plain_value(const struct compat_field *f, uint64_t at32, uint64_t *value)
{
    *value = 0;
    for (unsigned int i = 0; i < f->size32; i++) {
        uint64_t at = at32 + f->at32 + i;

        if (at >= MEMORY) {
            return false;
        }
        *value |= (uint64_t) * (uint8_t *)rig_at(at) << (8 * i);
    }
    return true;
}

/* One field of element @index of an array at guest address @from, seen at @window. Returns what was read. */
static uint64_t use_field(uint64_t window, uint32_t from, const struct compat_layout *l, const uint8_t *s)
{
    const struct compat_field *f = &l->fields[s[1] % l->field_count];
    uint64_t index = s[2] & 0x80 ? word_of(s + 4) : s[2];
    uint64_t at32 = from + index * l->size32, where = window + index * l->size64 + f->at64;
    uint64_t plain, value = 0x0101010101010101ull * s[3];
    bool is_there = at32 + l->size32 <= 1ull << 32 && plain_value(f, at32, &plain);

    if (s[0] == DO_WRITE) {
        int rc = guest_write(where, &value, f->size64);

        if (is_there && !f->is_handle) {
            rig_assert(rc == 0 && plain_value(f, at32, &plain));
            rig_assert(plain == (f->size32 == 8 ? value : value & (BIT(8 * f->size32) - 1)));
        }
        return 0;
    }
    value = 0;
    if (guest_read(&value, where, f->size64) != 0) {
        rig_assert(!is_there || (f->target && v0->pvh->compat.window_count == COMPAT_WINDOWS));
        return 0;
    }
    rig_assert(is_there && (value == plain || (f->target && value >> 32)));
    if (s[0] == DO_FOLLOW && f->target && value != 0) {
        const uint8_t *then = next_step();

        if (then) {
            use_field(value, (uint32_t)plain, f->target, then);
        }
    }
    return value;
}

static long handler(struct hypercall *c);

static void call(const uint8_t *s)
{
    struct hypercall c = {.nr = s[1] & 63, .is_compat = true};
    const struct compat_call *known = compat_call_of(c.nr);
    const struct compat_layout *layout_before = layout;
    uint32_t base_before = base;
    unsigned int windows = v0->pvh->compat.window_count;
    long rc;

    for (unsigned int i = 0; i < 6; i++) {
        c.arg[i] = s[3] & 0x80 ? word_of(s + 4) : (uint32_t)s[4] << 5;
    }
    c.arg[0] = known && known->op_mask ? s[2] : c.arg[0];
    layout = known ? compat_layout_of(known, (uint32_t)c.arg[0]) : NULL;
    base = known ? (uint32_t)c.arg[known->pointer] : 0;
    rc = pvh_compat_hypercall(v0, &c, handler);
    rig_assert(known || rc == -XEN_ENOSYS);
    rig_assert(v0->pvh->compat.window_count == windows);
    for (unsigned int i = 0; i < 6 && rc == -XEN_ERESTART; i++) {
        rig_assert(c.arg[i] >> 32 == 0);
    }
    layout = layout_before;
    base = base_before;
}

static long handler(struct hypercall *c)
{
    const struct compat_call *known = compat_call_of(c->nr);
    uint64_t window = c->arg[known->pointer];
    uint8_t bytes[64];
    const uint8_t *s;

    depth++;
    while ((s = next_step()) != NULL && s[0] != 0 && s[0] != DO_RESTART) {
        if (s[0] == DO_CALL && depth < DEPTH_MAX) {
            call(s);
        } else if (s[0] == DO_RAW) { /* anywhere, any length: only the sanitizers judge */
            uint64_t at = s[1] & 1 ? window + s[2] : (uint64_t)word_of(s + 4) << (s[1] & 62);

            (void)!(s[1] & 64 ? guest_write(at, bytes, s[3] & 63) : guest_read(bytes, at, s[3] & 63));
        } else if (layout) {
            use_field(window, base, layout, s);
        }
    }
    depth--;
    if (!s || s[0] == 0) {
        return 0;
    }
    if (layout) {
        c->arg[known->pointer] += (uint64_t)s[1] * layout->size64;
    }
    return -XEN_ERESTART;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t filled = MIN_T(size_t, size / 2, FILLED_MAX);
    const uint8_t *s;

    rig_start();
    for (size_t i = 0; i < filled; i += PAGE_SIZE) {
        memcpy(rig_at(i), data + i, MIN_T(size_t, PAGE_SIZE, filled - i));
    }
    steps = data + filled;
    steps_left = size - filled;
    while ((s = next_step()) != NULL) {
        call(s);
        rig_assert(v0->pvh->compat.depth == 0 && v0->pvh->compat.window_count == 0);
    }
    rig_end();
    return 0;
}
