/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event channel hypercalls of four domains, mixed with writes to their shared pages: eight bytes a step. At the end all is torn down and no frame, object,
 * reference or lock may be left (fake_end).
 */
#include <tests/unit/hypervisor/core/fake_domains.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static union {
    uint8_t bytes[32];
    uint16_t u16[16];
    uint32_t u32[8];
    uint64_t u64[4];
} arg;

/* A guest frame: mostly one of the domain's own. */
static uint64_t pick_gfn(uint8_t choice)
{
    struct fake_domain *f = &fake[current_domain()->id];

    return choice < 250   ? f->page[choice % FAKE_PAGES].n
           : choice < 253 ? fake[choice & 3].page[0].n
                          : ~0ull >> (choice & 7);
}

static void call(const uint8_t *s)
{
    uint32_t cmd = s[1] & 15;

    memset(&arg, 0, sizeof(arg));
    memcpy(arg.bytes, s + 2, 6);
    switch (cmd) {
    case EVTCHNOP_init_control:
        arg.u64[0] = pick_gfn(s[2]);
        arg.u32[2] = s[3] < 200 ? s[3] * 8u : s[3] * 20u;
        arg.u32[3] = s[4] % 3;
        break;
    case EVTCHNOP_expand_array:
        arg.u64[0] = pick_gfn(s[2]);
        break;
    case EVTCHNOP_alloc_unbound:
        arg.u16[0] = s[2] < 200 ? DOMID_SELF : s[2] % 5;
        arg.u16[1] = s[3] % 5;
        break;
    case EVTCHNOP_bind_interdomain:
        arg.u16[0] = s[2] % 5;
        arg.u32[1] = s[3];
        break;
    case EVTCHNOP_reset:
        arg.u16[0] = s[2] & 1 ? DOMID_SELF : s[3] % 5;
        break;
    default:
        arg.u32[0] = s[2] | (s[3] > 250 ? (uint32_t)s[3] << 8 : 0);
        arg.u32[1] = s[4] % 20;
        break;
    }
    fake_call(do_event_channel_op, cmd, (uint64_t)(uintptr_t)&arg + (s[7] == 255 ? 28 : 0), 0);
}

static void write_shared(const uint8_t *s)
{
    struct fake_domain *f = &fake[s[1] & 3];
    uint32_t *page = s[2] & 1 ? (uint32_t *)f->d.shared : mfn_to_virt(f->page[s[2] / 2 % FAKE_PAGES]);

    page[(s[3] | s[2] << 8) % 1024] = s[4] | s[5] << 8 | s[6] << 16 | (uint32_t)s[7] << 24;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fake_start(FAKE_DOMAINS, 300);
    host_guest_window(&arg, sizeof(arg));
    for (; size >= 8; data += 8, size -= 8) {
        switch (data[0] & 7) {
        default:
            call(data);
            break;
        case 4:
            write_shared(data);
            break;
        case 5:
            if (!fake[data[1] & 3].dead) {
                fake_run(data[1] & 3, data[2] & 1);
            }
            break;
        case 6:
            evtchn_send_virq(&fake[data[1] & 3].d.evtchn, data[2] & 1, data[3] % NR_VIRQS);
            evtchn_send_pirq(&fake[data[1] & 3].d.evtchn, data[4]);
            break;
        case 7:
            if (data[1] == 7 && (data[2] & 3) != current_domain()->id && !fake[data[2] & 3].dead) {
                fake_kill(data[2] & 3);
            } else {
                fake[data[2] & 3].d.control_pauses = data[3] & 1;
            }
            break;
        }
    }
    fake_end();
    return 0;
}
