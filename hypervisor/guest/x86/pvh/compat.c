/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The windows of compat.h, and running a handler behind them. */
#include <core/hypercall/arch.h>
#include <guest/x86/pvh/compat_layout.h>
#include <guest/x86/pvh/pvh_internal.h>
#include <lib/string.h>
#include <model/x86/pt/pt.h>

/* Where window @n begins: far beyond what an index of a 32-bit count can reach from any 32-bit address. */
#define WINDOW_SHIFT   52
#define WINDOW_FIRST   1u
#define WINDOW_AT(n)   ((uint64_t)((n) + WINDOW_FIRST) << WINDOW_SHIFT)
#define WINDOW_OF(gva) ((gva) >> WINDOW_SHIFT)
#define OFFSET_MASK    ((1ull << WINDOW_SHIFT) - 1)
#define GUEST_END      (1ull << 32)

BUILD_ASSERT(WINDOW_AT(COMPAT_WINDOWS) < 1ull << 63, "windows end before addresses wrap");

/* A window on @base, an open one if it is the same; 0: there are too many. */
static uint64_t open_window(struct compat_state *s, uint32_t base, const struct compat_layout *layout)
{
    for (unsigned int i = 0; i < s->window_count; i++) {
        if (s->window[i].base == base && s->window[i].layout == layout) {
            return WINDOW_AT(i);
        }
    }
    if (s->window_count == COMPAT_WINDOWS) {
        return 0;
    }
    s->window[s->window_count] = (struct compat_window){base, layout};
    return WINDOW_AT(s->window_count++);
}

static const struct compat_window *find_window(const struct compat_state *s, vaddr_t gva)
{
    uint64_t n = WINDOW_OF(gva);

    return n >= WINDOW_FIRST && n - WINDOW_FIRST < s->window_count ? &s->window[n - WINDOW_FIRST] : NULL;
}

static bool is_guest_range(uint64_t gva, size_t size)
{
    return gva <= GUEST_END && size <= GUEST_END - gva;
}

/* --- one element ------------------------------------------------------------------------------------------------------------------------------ */

/* An access to bytes [@from, @to) of the 64-bit form of the element whose 32-bit form is at @at32. @buf is where byte @from goes. */
struct element {
    struct x86_vcpu *xv;
    const struct compat_layout *layout;
    uint64_t at32;
    size_t from, to;
};

/* The field lies in the access; false too when it lies outside. *@split: it does half. */
static bool covers(const struct element *e, const struct compat_field *f, bool *split)
{
    size_t first = MAX((size_t)f->at64, e->from), last = MIN((size_t)f->at64 + f->size64, e->to);

    *split |= first < last && last - first != f->size64;
    return first < last && last - first == f->size64;
}

static int read_field(const struct element *e, const struct compat_field *f, const uint8_t *raw, uint8_t *buf)
{
    uint64_t value = 0;

    memcpy(&value, raw + f->at32, f->size32);
    if (f->target && value != 0) {
        value = open_window(&e->xv->pvh->compat, (uint32_t)value, f->target);
        if (value == 0) {
            return -XEN_EFAULT;
        }
    }
    memcpy(buf + (f->at64 - e->from), &value, f->size64);
    return 0;
}

/* The bytes of all fields concerned are read at once: a guest that changes them meanwhile gains nothing. */
static int read_element(const struct element *e, uint8_t *buf)
{
    uint8_t raw[COMPAT_ELEMENT_MAX] = {0};
    size_t first = sizeof(raw), last = 0;
    bool split = false;
    int rc = 0;

    memset(buf, 0, e->to - e->from);
    for (unsigned int i = 0; i < e->layout->field_count; i++) {
        const struct compat_field *f = &e->layout->fields[i];

        if (covers(e, f, &split)) {
            first = MIN(first, (size_t)f->at32);
            last = MAX(last, (size_t)f->at32 + f->size32);
        }
    }
    if (split) {
        return -XEN_EFAULT;
    }
    if (first < last) {
        rc = pvh_copy(e->xv, e->at32 + first, raw + first, last - first, 0);
    }
    for (unsigned int i = 0; i < e->layout->field_count && rc == 0; i++) {
        if (covers(e, &e->layout->fields[i], &split)) {
            rc = read_field(e, &e->layout->fields[i], raw, buf);
        }
    }
    return rc;
}

static int write_element(const struct element *e, const uint8_t *buf)
{
    bool split = false;

    for (unsigned int i = 0; i < e->layout->field_count; i++) {
        const struct compat_field *f = &e->layout->fields[i];
        uint8_t value[8];

        if (covers(e, f, &split) && !f->is_handle) {
            memcpy(value, buf + (f->at64 - e->from), f->size32);
            if (pvh_copy(e->xv, e->at32 + f->at32, value, f->size32, PT_ACCESS_WRITE) != 0) {
                return -XEN_EFAULT;
            }
        }
    }
    return split ? -XEN_EFAULT : 0;
}

/* --- accesses ------------------------------------------------------------------------------------------------------------------------------------ */

/* The part of an access at @gva of @size bytes that lies in one element. */
static int locate(struct x86_vcpu *xv, const struct compat_window *w, uint64_t offset, size_t size,
                  struct element *e)
{
    uint64_t index = offset / w->layout->size64;

    *e = (struct element){
        .xv = xv,
        .layout = w->layout,
        .at32 = w->base + index * w->layout->size32,
        .from = offset % w->layout->size64,
    };
    e->to = MIN(e->from + size, (size_t)w->layout->size64);
    return is_guest_range(e->at32, w->layout->size32) ? 0 : -XEN_EFAULT;
}

int compat_read(struct x86_vcpu *xv, uint8_t *dst, vaddr_t gva, size_t size)
{
    const struct compat_window *w = find_window(&xv->pvh->compat, gva);
    struct element e;

    if (!w) {
        return is_guest_range(gva, size) ? pvh_copy(xv, gva, dst, size, 0) : -XEN_EFAULT;
    }
    for (uint64_t offset = gva & OFFSET_MASK; size > 0; offset += e.to - e.from) {
        if (locate(xv, w, offset, size, &e) != 0 || read_element(&e, dst) != 0) {
            return -XEN_EFAULT;
        }
        dst += e.to - e.from;
        size -= e.to - e.from;
    }
    return 0;
}

int compat_write(struct x86_vcpu *xv, vaddr_t gva, const uint8_t *src, size_t size)
{
    const struct compat_window *w = find_window(&xv->pvh->compat, gva);
    struct element e;

    if (!w) {
        return is_guest_range(gva, size) ? pvh_copy(xv, gva, (void *)(uintptr_t)src, size, PT_ACCESS_WRITE)
                                         : -XEN_EFAULT;
    }
    for (uint64_t offset = gva & OFFSET_MASK; size > 0; offset += e.to - e.from) {
        if (locate(xv, w, offset, size, &e) != 0 || write_element(&e, src) != 0) {
            return -XEN_EFAULT;
        }
        src += e.to - e.from;
        size -= e.to - e.from;
    }
    return 0;
}

/* --- the call ---------------------------------------------------------------------------------------------------------------------------------------- */

static void fetch_arguments(struct hypercall *c, const struct compat_call *call)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(c->arg); i++) {
        c->arg[i] = (uint32_t)c->arg[i];
    }
    if (call->is_joined) {
        c->arg[0] |= c->arg[1] << 32;
    }
}

/* The arguments to resume with, as the caller passes them: the pointer may have moved on by whole elements. */
static void put_arguments_back(const struct compat_state *s, struct hypercall *c)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(c->arg); i++) {
        const struct compat_window *w = find_window(s, c->arg[i]);

        if (w) {
            c->arg[i] = w->base + (c->arg[i] & OFFSET_MASK) / w->layout->size64 * w->layout->size32;
        }
        c->arg[i] = (uint32_t)c->arg[i];
    }
}

long pvh_compat_hypercall(struct x86_vcpu *xv, struct hypercall *c, hypercall_fn *fn)
{
    const struct compat_call *call = compat_call_of(c->nr);
    struct compat_state *s = &xv->pvh->compat;
    unsigned int open_before = s->window_count;
    const struct compat_layout *layout;
    long rc = -XEN_EFAULT;

    if (!call) {
        return hypercall_not_built("a call for 64-bit code,", c->nr);
    }
    fetch_arguments(c, call);
    layout = compat_layout_of(call, (uint32_t)c->arg[0]);
    if (layout) {
        c->arg[call->pointer] = open_window(s, (uint32_t)c->arg[call->pointer], layout);
    }
    s->depth++;
    if (!layout || c->arg[call->pointer] != 0) {
        rc = fn(c);
    }
    s->depth--;
    if (rc == -XEN_ERESTART) {
        put_arguments_back(s, c);
    }
    s->window_count = (uint8_t)open_before;
    return rc;
}
