/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inputs that the fuzzers of the hypercall families keep (tests/fuzz/corpus, linked into this guest), replayed on the machine itself. Each family's
 * records mean what they mean to its fuzzer (tests/fuzz/<family>_fuzz.c), with this guest's pages and the domains that are there in the place of the fuzzer's;
 * records that would take this guest's own console, page tables or machine are passed over. Every call must end with a result that the ABI has; pages that are
 * not part of it must stay as they were.
 */
#include "guest.h"
#include <xen/hvm/hvm_op.h>
#include <xen/memory.h>

/* Made by guests.mk; ends with an entry whose family is NULL. */
struct input {
    const char *family;
    const u8 *bytes;
    u64 size;
};
extern const struct input corpus[];

#define PAGES     16 /* of a domain of the fuzzers */
#define CANARIES  4
#define RESULTS   4096 /* errors are above -RESULTS */
#define AREA_SIZE (16 * PAGE_SIZE)

static u8 pages[PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static u8 targets[32][PAGE_SIZE] __attribute__((aligned(4096))); /* where grants are mapped */
static u8 canary[CANARIES][PAGE_SIZE] __attribute__((aligned(4096)));
static u8 area[AREA_SIZE] __attribute__((aligned(4096))); /* arguments */
static unsigned long calls;

static u32 byte4(const u8 *p)
{
    return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
}
static u64 byte8(const u8 *p)
{
    return byte4(p) | (u64)byte4(p + 4) << 32;
}
static void put8(u8 *p, u64 v)
{
    memcpy(p, &v, 8);
}

static void fill_canaries(void)
{
    u64 seed = 99;

    for (u64 *p = (u64 *)canary; p < (u64 *)(canary + CANARIES); p++) {
        *p = prng(&seed);
    }
}
static bool canaries_live(void)
{
    u64 seed = 99;

    for (u64 *p = (u64 *)canary; p < (u64 *)(canary + CANARIES); p++) {
        if (*p != prng(&seed)) {
            return false;
        }
    }
    return true;
}

/* Run each input of a family; false when a call had a result that is none, or memory changed that has nothing to do with it. */
static long replay(const char *family, bool (*run)(const u8 *bytes, u64 size))
{
    long inputs = 0;

    fill_canaries();
    calls = 0;
    for (const struct input *in = corpus; in->family; in++) {
        if (strncmp(in->family, family, 64) != 0) {
            continue;
        }
        inputs++;
        if (!run(in->bytes, in->size) || !canaries_live() || xen_version(XENVER_version, 0) <= 0) {
            test_fail(__FILE__, __LINE__, "%s: input %ld of %lu bytes", family, inputs, in->size);
            return -1;
        }
    }
    print("# %s: %ld inputs, %lu calls\n", family, inputs, calls);
    return inputs;
}

static bool is_result(long rc)
{
    calls++;
    return rc > -RESULTS;
}

/* --- event channels: 8 bytes a step ------------------------------------------------------------------------------------------------------------ */

static unsigned long pick_frame(u8 choice)
{
    return choice < 250 ? va_mfn(pages[choice % PAGES]) : choice < 253 ? choice & 3 : ~0UL >> (choice & 7);
}

static bool is_own(u32 port)
{
    return !g.dom0 && port <= 4; /* the console's and the store's: bound before the guest began */
}

static bool evtchn_call(const u8 *s)
{
    union {
        u8 bytes[32];
        u16 u16[16];
        u32 u32[8];
        u64 u64[4];
    } *arg = (void *)area;
    u32 cmd = s[1] & 15;

    memset(arg, 0, sizeof(*arg));
    memcpy(arg->bytes, s + 2, 6);
    switch (cmd) {
    case EVTCHNOP_init_control:
        arg->u64[0] = pick_frame(s[2]);
        arg->u32[2] = s[3] < 200 ? s[3] * 8u : s[3] * 20u;
        arg->u32[3] = s[4] % 3;
        break;
    case EVTCHNOP_expand_array:
        arg->u64[0] = pick_frame(s[2]);
        break;
    case EVTCHNOP_alloc_unbound:
        arg->u16[0] = s[2] < 200 ? DOMID_SELF : s[2] % 5;
        arg->u16[1] = s[3] % 5;
        break;
    case EVTCHNOP_bind_interdomain:
        arg->u16[0] = s[2] % 5;
        arg->u32[1] = s[3];
        break;
    case EVTCHNOP_reset:
        arg->u16[0] = s[2] & 1 ? DOMID_SELF : s[3] % 5;
        break;
    default:
        arg->u32[0] = s[2] | (s[3] > 250 ? (u32)s[3] << 8 : 0);
        arg->u32[1] = s[4] % 20;
        break;
    }
    if ((cmd == EVTCHNOP_reset && !g.dom0) || (cmd == EVTCHNOP_close && is_own(arg->u32[0]))) {
        return true;
    }
    return is_result(evtchn_op(cmd, arg));
}

static bool evtchn_input(const u8 *bytes, u64 size)
{
    for (; size >= 8; bytes += 8, size -= 8) {
        if ((bytes[0] & 7) < 4 && !evtchn_call(bytes)) {
            return false;
        }
        if ((bytes[0] & 7) ==
            4) { /* the shared words: pending and masked in the shared page, or a page that may be a queue */
            u32 at = (bytes[3] | bytes[2] << 8) % 1024;
            volatile u32 *page =
                bytes[2] & 1 ? (u32 *)g.shared->evtchn_pending : (u32 *)pages[bytes[2] / 2 % PAGES];

            page[bytes[2] & 1 ? at % 256 : at] = byte4(bytes + 4);
        }
    }
    return true;
}

/* --- grants: 16 bytes a step ---------------------------------------------------------------------------------------------------------------------- */

#define FIRST_REF 20 /* the low ones belong to the tools */
static struct grant_entry_v1 *table;
static u8 table_page[PAGE_SIZE] __attribute__((aligned(4096)));

static void table_up(void)
{
    xen_pfn_t frames[1];
    struct gnttab_setup_table s = {.dom = DOMID_SELF, .nr_frames = 1};
    struct xen_add_to_physmap x = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .idx = 0, .gpfn = va_pfn(table_page)};

    if (g.pv) {
        set_xen_guest_handle(s.frame_list, frames);
        CHECK_EQ(grant_op(GNTTABOP_setup_table, &s, 1), 0);
        CHECK_EQ(set_va(table_page, frames[0] << 12 | PTE_RW), 0);
    } else {
        CHECK_EQ(memory_op(XENMEM_add_to_physmap, &x), 0);
    }
    table = (void *)table_page;
}

static u16 pick_domid(u8 choice)
{
    return choice < 240 ? choice & 3 : choice < 250 ? DOMID_SELF : choice * 64;
}

static u64 map_address(u8 choice)
{
    u8 *at = targets[choice % ARRAY_SIZE(targets)];

    return choice >= 0xf0 ? choice * PAGE_SIZE : g.pv ? (u64)at : va_mfn(at) << 12;
}

static void copy_side(struct gnttab_copy_ptr *p, bool is_ref, const u8 *s)
{
    p->domid = is_ref ? pick_domid(s[0]) : s[0] < 200 ? DOMID_SELF : s[0] & 3;
    if (is_ref) {
        p->u.ref = FIRST_REF + s[1] % 12;
    } else {
        p->u.gmfn = va_mfn(pages[s[1] % PAGES]);
    }
    p->offset = s[2] * 17;
}

static void grant_request(u32 cmd, const u8 *s)
{
    union {
        struct gnttab_map_grant_ref map;
        struct gnttab_unmap_grant_ref unmap;
        struct gnttab_unmap_and_replace replace;
        struct gnttab_copy copy;
        struct gnttab_setup_table setup;
    } *arg = (void *)area;

    switch (cmd) {
    case GNTTABOP_map_grant_ref:
        arg->map = (struct gnttab_map_grant_ref){.host_addr = map_address(s[0]),
                                                 .flags = s[1] & 31,
                                                 .ref = FIRST_REF + s[2] % 12 + (s[3] > 250) * 510,
                                                 .dom = pick_domid(s[4])};
        break;
    case GNTTABOP_unmap_grant_ref:
        arg->unmap = (struct gnttab_unmap_grant_ref){.host_addr = map_address(s[0]),
                                                     .handle = s[1] % 20 + (s[2] > 250) * 500};
        break;
    case GNTTABOP_unmap_and_replace:
        arg->replace = (struct gnttab_unmap_and_replace){map_address(s[0]), map_address(s[2]), s[1] % 20, 0};
        break;
    case GNTTABOP_copy:
        arg->copy = (struct gnttab_copy){.len = s[6] * 16, .flags = s[7] & 3};
        copy_side(&arg->copy.source, s[7] & 1, s);
        copy_side(&arg->copy.dest, s[7] & 2, s + 3);
        break;
    case GNTTABOP_setup_table:
        arg->setup = (struct gnttab_setup_table){.dom = pick_domid(s[0]), .nr_frames = s[1] % 6};
        set_xen_guest_handle(arg->setup.frame_list, (xen_pfn_t *)(area + PAGE_SIZE));
        break;
    default:
        memcpy(area, s, 8);
        break;
    }
}

static void write_entry(const u8 *s)
{
    struct grant_entry_v1 *e = &table[FIRST_REF + s[2] % 12];

    e->domid = s[3] & 3;
    e->frame = s[4] < 250 ? va_mfn(pages[s[4] % PAGES]) : s[4] * 1234567u;
    e->flags = s[5] < 128 ? GTF_permit_access : s[5];
}

static bool grant_input(const u8 *bytes, u64 size)
{
    memset(area, 0, PAGE_SIZE);
    for (; size >= 16; bytes += 16, size -= 16) {
        u32 cmd = bytes[1] % 14;

        if ((bytes[0] & 7) < 4) {
            grant_request(cmd, bytes + 4);
            if (!is_result(grant_op(cmd, area, bytes[2] & 1 ? 1 : bytes[2] % 24))) {
                return false;
            }
        } else if ((bytes[0] & 7) < 6) {
            write_entry(bytes);
        }
    }
    return true;
}

/* --- domctl, sysctl, hvm_op: bytes for memory, then records of a command, a domain and 128 bytes of arguments ---------------------------------- */

#define FUZZ_WINDOW 0x70000000UL /* where the fuzzers' guest memory is */
#define RECORD      132
#define HVM_OP      0x100

/* Handles to the fuzzers' memory lead to ours. */
static void rebase(u8 *bytes, u64 size)
{
    for (u64 at = 0; at + 8 <= size; at += 8) {
        u64 v = byte8(bytes + at);

        if (v - FUZZ_WINDOW < AREA_SIZE) {
            put8(bytes + at, (u64)area + (v - FUZZ_WINDOW));
        }
    }
}

/* The interface's version, from what the hypervisor accepts: it is the tools' and another one for each Xen. */
static u32 version_of(u64 nr)
{
    for (u32 version = 1; version < 64; version++) {
        put8(area, (u64)version << 32 | 0xffff);
        memset(area + 8, 0, 256);
        if (hc1(nr, area) != -XEN_EACCES) {
            return version;
        }
    }
    return 0;
}

static bool tools_records(const u8 *bytes, u64 size, bool (*run)(u16 cmd, u16 id, u8 *args))
{
    u64 length = byte4(bytes) & 0xffff;
    u8 args[RECORD - 4];

    bytes += 2;
    size -= 2;
    length = length < size ? length : size;
    length = length < AREA_SIZE - PAGE_SIZE ? length : AREA_SIZE - PAGE_SIZE;
    memset(area, 0, AREA_SIZE);
    memcpy(area + PAGE_SIZE, bytes, length);
    rebase(area + PAGE_SIZE, AREA_SIZE - PAGE_SIZE);
    for (bytes += length, size -= length; size >= RECORD; bytes += RECORD, size -= RECORD) {
        memcpy(args, bytes + 4, sizeof(args));
        rebase(args, sizeof(args));
        if (!run(byte4(bytes), byte4(bytes) >> 16, args)) {
            return false;
        }
    }
    return true;
}

static u32 domctl_version, sysctl_version;

#define DOMCTL_destroydomain 2
#define DOMCTL_getdomaininfo 5

static long domctl(u32 cmd, u16 id, const u8 *args)
{
    long rc;

    put8(area, (u64)domctl_version << 32 | cmd);
    put8(area + 8, id);
    memcpy(area + 16, args, RECORD - 4);
    while ((rc = hc1(__HYPERVISOR_domctl, area)) == -XEN_EAGAIN) {
    }
    return rc;
}

static bool domctl_record(u16 cmd, u16 id, u8 *args)
{
    if (id == 0 && cmd != 1) { /* this very domain, when it is the first; creation takes 0 for any */
        return true;
    }
    return is_result(domctl(cmd, id, args));
}

static bool domctl_input(const u8 *bytes, u64 size)
{
    static const u8 none[RECORD];
    bool ok = tools_records(bytes, size, domctl_record);

    /* what was created goes again */
    while (domctl(DOMCTL_getdomaininfo, 1, none) == 0) {
        if (domctl(DOMCTL_destroydomain, byte4(area + 8) & 0xffff, none) != 0) {
            return false;
        }
    }
    return ok;
}

static bool stops_the_machine(u16 cmd)
{
    /* debug_keys has one that reboots; cpu_hotplug and page_offline_op take away what this guest runs on */
    return cmd == 7 || cmd == 10 || cmd == 14;
}

static bool sysctl_record(u16 cmd, u16 id, u8 *args)
{
    if (cmd >= HVM_OP) {
        if (!g.dom0 && !g.pv && cmd - HVM_OP == HVMOP_set_param) {
            return true; /* could move its console */
        }
        memcpy(area, args, RECORD - 4);
        return is_result(hc2(__HYPERVISOR_hvm_op, cmd - HVM_OP, area));
    }
    if (stops_the_machine(cmd)) {
        return true;
    }
    put8(area, (u64)sysctl_version << 32 | cmd);
    memcpy(area + 8, args, RECORD - 4);
    return is_result(hc1(__HYPERVISOR_sysctl, area));
}

static bool hvm_record(u16 cmd, u16 id, u8 *args)
{
    u32 op = cmd & 0xff;

    if (!g.pv && (op == HVMOP_set_param || op == HVMOP_set_evtchn_upcall_vector)) {
        return true; /* could move its console, or how events come */
    }
    memcpy(area, args, RECORD - 4);
    return is_result(hc2(__HYPERVISOR_hvm_op, op, op == HVMOP_flush_tlbs ? NULL : area));
}

static bool hvm_input(const u8 *bytes, u64 size)
{
    return tools_records(bytes, size, hvm_record);
}

static bool sysctl_input(const u8 *bytes, u64 size)
{
    return tools_records(bytes, size, sysctl_record);
}

/* --- memory_op, vcpu_op, sched_op, set_timer_op, physdev_op: the same records; the domain is always this one ------------------------------------- */

#define IS_SCHED    0x8000
#define IS_TIMER    0x4000
#define IS_PLATFORM 0x8000
#define FIRST_IMAGE 0x100UL /* the image's first page */
extern const u8 image_end[];

static bool in_image(u64 gfn, u64 count)
{
    return gfn < va_pfn(image_end) && gfn + count > FIRST_IMAGE;
}

/* A PVH guest's frames have small numbers: what gives some of this guest's own away would end it. */
static bool takes_image(u16 cmd, const u8 *args)
{
    const struct xen_memory_reservation *r = (const void *)args;
    const struct xen_add_to_physmap *a = (const void *)args;
    const struct xen_remove_from_physmap *gone = (const void *)args;
    u64 list = byte8(args) - (u64)area;

    switch (cmd & 0x3f) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        if (r->extent_order > 18 || list >= AREA_SIZE) {
            return false; /* refused */
        }
        for (u64 at = list; at + 8 <= AREA_SIZE; at += 8) {
            if (in_image(byte8(area + at), 1UL << r->extent_order)) {
                return true;
            }
        }
        return false;
    case XENMEM_add_to_physmap:
        return a->space == XENMAPSPACE_gmfn_range || in_image(a->gpfn, 1) || in_image(a->idx, 1);
    case XENMEM_remove_from_physmap:
        return in_image(gone->gpfn, 1);
    case XENMEM_exchange:
    case XENMEM_add_to_physmap_batch:
        return true;
    }
    return false;
}

static bool memory_record(u16 cmd, u16 id, u8 *args)
{
    if (!g.pv && takes_image(cmd, args)) {
        return true;
    }
    memcpy(area, args, RECORD - 4);
    return is_result(hc2(__HYPERVISOR_memory_op, cmd, area));
}

static bool memory_input(const u8 *bytes, u64 size)
{
    return tools_records(bytes, size, memory_record);
}

/* Stops this vCPU or the guest, moves what the library reads, or starts a vCPU with registers from the corpus. */
static bool stops_or_starts(u16 cmd)
{
    u32 op = cmd & 0xff;

    if (cmd & IS_SCHED) {
        return op != SCHEDOP_yield && op <= SCHEDOP_pin_override;
    }
    return op == VCPUOP_initialise || op == VCPUOP_up || op == VCPUOP_down || op == VCPUOP_send_nmi ||
           op == VCPUOP_register_vcpu_info;
}

static bool vcpu_record(u16 cmd, u16 id, u8 *args)
{
    memcpy(area, args + 8, RECORD - 12);
    if ((cmd & IS_TIMER) && !(cmd & IS_SCHED)) {
        return is_result(hc1(__HYPERVISOR_set_timer_op, byte8(args)));
    }
    if (stops_or_starts(cmd)) {
        return true;
    }
    return is_result(cmd & IS_SCHED ? sched_op(cmd & 0xff, area) : vcpu_op(cmd & 0xff, byte8(args), area));
}

static bool vcpu_input(const u8 *bytes, u64 size)
{
    return tools_records(bytes, size, vcpu_record);
}

static bool physdev_record(u16 cmd, u16 id, u8 *args)
{
    memcpy(area, args, RECORD - 4);
    return is_result(cmd & IS_PLATFORM ? hc1(__HYPERVISOR_platform_op, area)
                                       : hc2(__HYPERVISOR_physdev_op, cmd & 0xff, area));
}

static bool physdev_input(const u8 *bytes, u64 size)
{
    return tools_records(bytes, size, physdev_record);
}

/* --- hypfs_op: the command says which path, and which size is off ------------------------------------------------------------------------------ */

#define HYPFS_OWN_PATH 48

static bool hypfs_record(u16 cmd, u16 id, u8 *args)
{
    static const char *const paths[] = {
        "/",        "/buildinfo", "/buildinfo/config", "/cpupool/0/sched-gran",
        "/cpupool", "/params",    "/params/loglvl",    "/params/nonsense"};
    u32 which = cmd >> 2 & 0x3f;
    u8 *path = area, *buffer = area + PAGE_SIZE;
    u64 length;

    memset(area, 0, PAGE_SIZE);
    if (which >= HYPFS_OWN_PATH) {
        memcpy(path, args, 64);
    } else {
        memcpy(path, paths[which % ARRAY_SIZE(paths)], strlen(paths[which % ARRAY_SIZE(paths)]) + 1);
    }
    length = strlen((char *)path) + 1 + (u64)(signed char)(cmd >> 8);
    memcpy(buffer, args + 64, 64);
    return is_result(
        hc5(__HYPERVISOR_hypfs_op, cmd & 3, (u64)path, length, (u64)buffer, id == 0xffff ? ~0UL : id % 8192));
}

static bool hypfs_input(const u8 *bytes, u64 size)
{
    return tools_records(bytes, size, hypfs_record);
}

/* Free frames, once those that wait for scrubbing are counted too; 0 where this guest may not ask. */
static u64 free_frames(void)
{
    memset(area, 0, 256);
    put8(area, (u64)sysctl_version << 32 | 3); /* physinfo */
    return hc1(__HYPERVISOR_sysctl, area) == 0 ? byte8(area + 8 + 48) + byte8(area + 8 + 56) : 0;
}

/* The same once it has not changed for a while: the last of a domain may go some time after the call that destroys it. */
static u64 settled_frames(void)
{
    u64 frames = free_frames(), since = now_ns();

    while (now_ns() - since < 200000000UL) {
        sched_op(SCHEDOP_yield, 0);
        if (free_frames() != frames) {
            frames = free_frames();
            since = now_ns();
        }
    }
    return frames;
}

/* --- page tables: 16 bytes a step ------------------------------------------------------------------------------------------------------------------ */

#define FRAMES 26
#define OWN    20
#define AT     (1UL << 39) /* where the tables map the frames */
static u8 mm_page[OWN][PAGE_SIZE] __attribute__((aligned(4096)));

static unsigned long mm_frame(u8 i)
{
    return i % FRAMES < OWN ? va_mfn(mm_page[i % FRAMES]) : i % FRAMES;
}

static u64 mm_entry(const u8 *b)
{
    static const u64 flags[8] = {0,      PTE_P,         PTE_P | PTE_W,          PTE_RW,
                                 PTE_RO, PTE_P | 0x100, PTE_P | PTE_PS | PTE_W, PTE_P | 0x10};

    if (b[0] >= 0xf8) {
        return byte8(b);
    }
    return flags[b[0] & 7] | (b[0] >= 0xe0 ? (u64)b[1] << 12 : mm_frame(b[1]) << 12);
}

static u64 mm_word(u8 frame, u8 index)
{
    static const u16 corner[8] = {0, 1, 2, 3, 255, 256, 271, 511};

    return (mm_frame(frame) << 12) + (index & 0x80 ? corner[index & 7] : index % 24) * 8;
}

static u32 mm_foreign(u8 b)
{
    static const u32 who[8] = {DOMID_SELF, DOMID_SELF, DOMID_SELF, DOMID_SELF,
                               2,          3,          DOMID_IO,   3u << 16 | DOMID_SELF};

    return who[b & 7];
}

static long mm_ext(const u8 *b)
{
    struct mmuext_op *op = (void *)area;

    memset(area, 0, 512);
    for (int i = 0; i < 2; i++, b += 3) {
        op[i].cmd = b[3] % 22;
        op[i].arg1.mfn = mm_frame(b[4]);
        op[i].arg2.src_mfn = mm_frame(b[5]);
        if (op[i].cmd == MMUEXT_SET_LDT) {
            op[i].arg1.linear_addr = AT + (b[4] % 24) * PAGE_SIZE;
            op[i].arg2.nr_ents = b[5] * 8;
        } else if (op[i].cmd == MMUEXT_TLB_FLUSH_MULTI || op[i].cmd == MMUEXT_INVLPG_MULTI) {
            op[i].arg2.vcpumask.p = area + 200 + b[5] % 256;
        } else if (op[i].cmd == MMUEXT_NEW_BASEPTR) {
            op[i].cmd = MMUEXT_NEW_USER_BASEPTR; /* the tables of the corpus do not map this guest */
        }
    }
    return 0;
}

static bool mm_step(const u8 *b)
{
    struct mmu_update *req = (void *)area;
    u32 count = 1 + (b[1] & 1);
    void *done = b[1] & 2 ? area + 256 : NULL;

    switch (b[15] & 7) {
    case 0:
        mm_ext(b);
        return is_result(hc4(__HYPERVISOR_mmuext_op, area, count, done, mm_foreign(b[2])));
    case 1:
        if (b[5] == 255) { /* an address of any kind, maybe of this guest's code */
            return true;
        }
        return is_result(
            hc4(b[1] & 1 ? __HYPERVISOR_update_va_mapping : __HYPERVISOR_update_va_mapping_otherdomain,
                AT + (b[3] % 64) * PAGE_SIZE, mm_entry(&b[6]), b[4] & 7, mm_foreign(b[2])));
    case 2:
        if (!(b[1] & 1)) { /* a GDT of its own has this guest in desc.c */
            return true;
        }
        return is_result(hc2(__HYPERVISOR_update_descriptor, mm_word(b[3], b[4]), byte8(&b[8])));
    case 3:
    case 5: /* writes, through the mapping where there is one */
        probe_write((void *)(AT + (b[3] % 64) * PAGE_SIZE + (b[4] % 24) * 8), mm_entry(&b[6]));
        return true;
    case 4: /* grants: above */
        return true;
    default:
        req[0] = (struct mmu_update){mm_word(b[3], b[4]) | (b[5] & 3), mm_entry(&b[6])};
        req[1] = (struct mmu_update){mm_word(b[4], b[3]) | (b[5] >> 2 & 7), mm_entry(&b[7])};
        return is_result(hc4(__HYPERVISOR_mmu_update, req, count, done, mm_foreign(b[2])));
    }
}

static bool mm_input(const u8 *bytes, u64 size)
{
    for (; size >= 16; bytes += 16, size -= 16) {
        if (!mm_step(bytes)) {
            return false;
        }
    }
    return true;
}

/* The first four frames are tables that map all twenty; our own table leads to the second of them. */
static void mm_tables(void)
{
    u64 *slot = pt_entry((void *)AT, 4);

    for (int i = 0; i < 3; i++) {
        ((u64 *)mm_page[i])[i == 0] = mm_frame(i + 1) << 12 | PTE_RW;
    }
    for (int i = 0; i < OWN; i++) {
        ((u64 *)mm_page[3])[i] = mm_frame(i) << 12 | (i < 4 ? PTE_RO : PTE_RW);
    }
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(make_ro(mm_page[i]), 0);
    }
    CHECK_EQ(mmuext1(MMUEXT_PIN_L4_TABLE, mm_frame(0), 0), 0);
    CHECK_EQ(
        mmu_update1((va_mfn((void *)g.si->pt_base) << 12) + ((u64)slot & 0xfff), mm_frame(1) << 12 | PTE_RW),
        0);
}

/* --- tests: event channels last, since they may change how events come ------------------------------------------------------------------------------ */

TEST(tools)
{
    domctl_version = version_of(__HYPERVISOR_domctl);
    sysctl_version = version_of(__HYPERVISOR_sysctl);
    CHECK(replay("sysctl", sysctl_input) > 0);
    CHECK(replay("domctl", domctl_input) > 0);
    u64 before = settled_frames(); /* a hypervisor may keep what it allocates once */
    CHECK((before != 0) == g.dom0);
    CHECK(replay("sysctl", sysctl_input) > 0);
    CHECK(replay("domctl", domctl_input) > 0);
    CHECK(settled_frames() >= before || !on_zendo()); /* Xen keeps some now and then */
}
TEST(parameters)
{
    CHECK(replay("hypfs_op", hypfs_input) > 0);
}
TEST(hvm)
{
    CHECK(replay("hvm_op", hvm_input) > 0);
}
TEST(vcpus)
{
    CHECK(replay("vcpu_op", vcpu_input) > 0);
}
TEST(devices)
{
    if (g.dom0) {
        SKIP("the first domain's are the machine's");
    }
    CHECK(replay("physdev_op", physdev_input) > 0);
}
TEST(memory)
{
    CHECK(replay("memory_op", memory_input) > 0);
}
TEST(page_tables)
{
    if (!g.pv) {
        SKIP("only PV has these hypercalls");
    }
    RUN(mm_tables());
    CHECK(replay("pv_mm", mm_input) > 0);
}
TEST(grants)
{
    RUN(table_up());
    CHECK(replay("grant_op", grant_input) > 0);
}
TEST(event_channels)
{
    CHECK(replay("evtchn_op", evtchn_input) > 0);
}
TEST(alive)
{
    u64 v, t = now_ns();
    void *p = page_alloc();
    CHECK_EQ(probe_write(p, 77), -1);
    CHECK_EQ(probe_read(p, &v), -1);
    CHECK_EQ(v, 77);
    CHECK(now_ns() >= t);
    CHECK(canaries_live());
}
