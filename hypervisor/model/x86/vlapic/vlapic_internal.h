/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the vlapic's files. */
#ifndef MODEL_X86_VLAPIC_INTERNAL_H
#define MODEL_X86_VLAPIC_INTERNAL_H

#include <model/x86/vlapic/vlapic.h>

#define LVT_MASKED       (1u << 16)
#define SVR_ENABLE       (1u << 8)
#define TIMER_MODE       (3u << 17)
#define TIMER_PERIODIC   (1u << 17)
#define TIMER_DEADLINE   (2u << 17)
#define ESR_SEND_ILLEGAL (1u << 5)
#define ESR_RECV_ILLEGAL (1u << 6)

static inline uint32_t vlapic_get(const struct vlapic *vl, unsigned offset)
{
    return vl->page[offset >> 2];
}

static inline void vlapic_put(struct vlapic *vl, unsigned offset, uint32_t val)
{
    vl->page[offset >> 2] = val;
}

/* The ID and LDR words as mode and id make them. */
void vlapic_set_identity(struct vlapic *vl);
/* An APIC error: note it and raise LVT_ERROR. */
void vlapic_error(struct vlapic *vl, uint32_t bit);

/* Timer (vlapic_timer.c). */
uint32_t vlapic_timer_count(const struct vlapic *vl, uint64_t now_ns);
void vlapic_timer_write_initial(struct vlapic *vl, uint32_t val, uint64_t now_ns);
void vlapic_timer_write_divide(struct vlapic *vl, uint32_t val, uint64_t now_ns);
void vlapic_timer_write_lvt(struct vlapic *vl, uint32_t val, uint64_t now_ns);
void vlapic_timer_write_deadline(struct vlapic *vl, uint64_t tsc_deadline, const struct vlapic_clock *clock);
void vlapic_timer_restart(struct vlapic *vl, uint32_t count, uint64_t now_ns);
unsigned vlapic_timer_divisor(const struct vlapic *vl);

#endif
