/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grant table hypercalls of four domains, mixed with writes to their grant entries: sixteen bytes a step. At the end all is torn down and no frame, object,
 * pin, reference or lock may be left (fake_end).
 */
#include <tests/unit/hypervisor/core/fake_domains.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static union {
    uint8_t bytes[512];
    struct gnttab_map_grant_ref map;
    struct gnttab_unmap_grant_ref unmap;
    struct gnttab_unmap_and_replace replace;
    struct gnttab_copy copy;
    struct gnttab_setup_table setup;
} arg;

static domid_t pick_domid(uint8_t choice)
{
    return choice < 240 ? choice & 3 : choice < 250 ? DOMID_SELF : choice * 64;
}

static void pick_copy_side(struct gnttab_copy_ptr *p, bool is_ref, const uint8_t *s)
{
    p->domid = is_ref ? pick_domid(s[0]) : s[0] < 200 ? DOMID_SELF : s[0] & 3;
    p->u.gmfn =
        is_ref ? s[1] % 12 : fake[s[0] < 200 ? current_domain()->id : s[0] & 3].page[s[1] % FAKE_PAGES].n;
    p->offset = s[2] * 17;
}

/* One request; the following ones of a list are whatever was there before. */
static void make_request(uint32_t cmd, const uint8_t *s)
{
    switch (cmd) {
    case GNTTABOP_map_grant_ref:
        arg.map = (struct gnttab_map_grant_ref){
            .host_addr = 0x1000ull * s[0], .flags = s[1] & 31, .ref = s[2] % 12 + (s[3] > 250) * 510};
        arg.map.dom = pick_domid(s[4]);
        break;
    case GNTTABOP_unmap_grant_ref:
        arg.unmap = (struct gnttab_unmap_grant_ref){.host_addr = 0x1000ull * s[0],
                                                    .handle = s[1] % 20 + (s[2] > 250) * 500};
        break;
    case GNTTABOP_unmap_and_replace:
        arg.replace = (struct gnttab_unmap_and_replace){0x1000ull * s[0], 0x1000ull * s[2], s[1] % 20, 0};
        break;
    case GNTTABOP_copy:
        arg.copy = (struct gnttab_copy){.len = s[6] * 16, .flags = s[7] & 3};
        pick_copy_side(&arg.copy.source, s[7] & 1, s);
        pick_copy_side(&arg.copy.dest, s[7] & 2, s + 3);
        break;
    case GNTTABOP_setup_table:
        arg.setup = (struct gnttab_setup_table){.dom = pick_domid(s[0]), .nr_frames = s[1] % 6};
        arg.setup.frame_list.p = (xen_pfn_t *)&arg.bytes[64];
        break;
    default:
        memcpy(arg.bytes, s, 8);
        break;
    }
}

static void call(const uint8_t *s)
{
    struct hypercall c = {.arg = {s[1] % 14, (uint64_t)(uintptr_t)&arg, s[2] & 1 ? 1 : s[2] % 24}};

    make_request(s[1] % 14, s + 4);
    fake_mapping_fails = s[3] == 2;
    while (do_grant_table_op(&c) == -XEN_ERESTART) {
        host_run_softirqs();
    }
    fake_check(lock_held_count() == 0 && irqs_enabled());
}

static void write_entry(const uint8_t *s)
{
    struct fake_domain *f = &fake[s[1] & 3];
    grant_entry_v1_t *e;

    if (f->dead || f->d.gnttab.frame_count == 0) {
        return;
    }
    e = &f->d.gnttab.frames[0][s[2] % 12];
    e->domid = s[3] & 3;
    e->frame = s[4] < 240   ? f->page[s[4] % FAKE_PAGES].n
               : s[4] < 250 ? fake[s[4] & 3].page[0].n
                            : s[4] * 1234567u;
    e->flags = s[5] < 128 ? GTF_permit_access : s[5];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fake_start(FAKE_DOMAINS, 100);
    host_guest_window(&arg, sizeof(arg));
    memset(&arg, 0, sizeof(arg));
    for (unsigned int i = 0; i < FAKE_DOMAINS; i++) {
        fake_check(gnttab_grow(&fake[i].d.gnttab, 1) == 0);
    }
    for (; size >= 16; data += 16, size -= 16) {
        switch (data[0] & 7) {
        default:
            call(data);
            break;
        case 4:
        case 5:
            write_entry(data);
            break;
        case 6:
            if (!fake[data[1] & 3].dead) {
                fake_run(data[1] & 3, data[2] & 1);
            }
            break;
        case 7:
            if (data[1] == 7 && (data[2] & 3) != current_domain()->id && !fake[data[2] & 3].dead) {
                fake_kill(data[2] & 3);
            }
            break;
        }
    }
    fake_end();
    return 0;
}
