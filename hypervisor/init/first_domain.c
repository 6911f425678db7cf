/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first domain: module 0 is its kernel (a Linux bzImage or an ELF file, either may be compressed), module 1 its initial ramdisk. It is the
 * control, hardware and xenstore domain at once.
 */
#include <init/first_domain.h>
#include <base/log.h>
#include <core/domain/domain.h>
#include <core/memory/heap.h>
#include <guest/x86/common/cpuid.h>
#include <guest/x86/common/memory_map.h>
#include <guest/x86/common/pirq.h>
#include <guest/x86/pv/dom0.h>
#include <hw/drivers/console.h>
#include <hw/x86/boot/boot_info.h>
#include <hw/x86/boot/platform.h>
#include <hw/x86/cpu/insn.h>
#include <core/param/options.h>
#include <lib/bzimage.h>
#include <lib/elf.h>
#include <lib/string.h>

#define RESERVE_SHARE     16u           /* one part in so many is left to the hypervisor by default, */
#define RESERVE_MAX_PAGES (128ull << 8) /* but not more than 128 MiB */
#define LAPIC_FRAME       0xfee00ull

/* A kernel in memory, and what was allocated to hold it. */
struct kernel {
    const void *bytes;
    size_t size;
    mfn_t buffer;
    unsigned int order;
};

/* The libraries read their stack canary at %fs:0x28. */
static uint64_t canary_area[8];

static int unpack(const void *in, size_t in_size, size_t out_size, struct kernel *k, const char **reason)
{
    unsigned int scratch_order;
    size_t scratch_size, produced;
    mfn_t scratch;
    int rc = -XEN_ENOMEM;

    scratch_size = decompress_scratch_bytes(in, in_size, out_size);
    scratch_order = order_for(DIV_ROUND_UP(scratch_size, PAGE_SIZE));
    k->order = order_for(DIV_ROUND_UP(out_size, PAGE_SIZE));
    k->buffer = heap_alloc(k->order, 0);
    scratch = heap_alloc(scratch_order, 0);
    *reason = "not enough memory to decompress it";
    if (!mfn_is_invalid(k->buffer) && !mfn_is_invalid(scratch)) {
        wrmsr(MSR_FS_BASE, (uintptr_t)canary_area);
        rc = decompress(in, in_size, mfn_to_virt(k->buffer), out_size, mfn_to_virt(scratch), scratch_size,
                        &produced, reason);
        wrmsr(MSR_FS_BASE, 0);
    }
    if (!mfn_is_invalid(scratch)) {
        heap_free(scratch, scratch_order);
    }
    if (rc != 0 && !mfn_is_invalid(k->buffer)) {
        heap_free(k->buffer, k->order);
        k->buffer = INVALID_MFN;
    }
    if (rc == 0) {
        k->bytes = mfn_to_virt(k->buffer);
        k->size = produced;
    }
    return rc;
}

/* Find the ELF file in the module. Panics when there is none. */
static void open_kernel(const void *module, size_t size, struct kernel *k)
{
    const char *reason = "";
    struct bzimage bz;
    int rc;

    *k = (struct kernel){.bytes = module, .size = size, .buffer = INVALID_MFN};
    if (!bzimage_probe(module, size)) {
        return;
    }
    rc = bzimage_parse(module, size, &bz, &reason);
    if (rc == 0) {
        log_info("First domain: Linux %s, %s, %u KiB", bz.version ? bz.version : "of unknown version",
                 decompress_format_name(bz.format), bz.decompressed_size >> 10);
        if (bz.format == DECOMPRESS_NONE) {
            k->bytes = bz.payload;
            k->size = bz.payload_size;
        } else {
            rc = unpack(bz.payload, bz.payload_size, bz.decompressed_size, k, &reason);
        }
    }
    if (rc != 0) {
        port_panic("First domain: its kernel (module 1) is unusable: %s", reason);
    }
}

static uint64_t pages_wanted(void)
{
    uint64_t free = heap_free_frames(), all_but_reserve = free - MIN(free / RESERVE_SHARE, RESERVE_MAX_PAGES);
    uint64_t want = opt_dom0_mem.size_bytes >> PAGE_SHIFT;

    if (opt_dom0_mem.is_negative) {
        want = want < free ? free - want : 0;
    } else if (want == 0) {
        want = all_but_reserve;
    }
    want = MAX(want, opt_dom0_mem.min_bytes >> PAGE_SHIFT);
    if (opt_dom0_mem.max_bytes != 0) {
        want = MIN(want, opt_dom0_mem.max_bytes >> PAGE_SHIFT);
    }
    return MIN(want, all_but_reserve);
}

static unsigned int vcpus_wanted(void)
{
    uint64_t online = hweight64(cpus_online.bits), n = online;

    if (opt_dom0_max_vcpus.max != 0) {
        n = MIN(n, opt_dom0_max_vcpus.max);
    }
    n = MAX(n, opt_dom0_max_vcpus.min);
    return (unsigned int)MIN(MAX(n, 1ull), (uint64_t)MAX_VCPUS_PV);
}

/* Devices: all but what the hypervisor drives itself. */
static int grant_hardware(struct domain *d)
{
    static const struct {
        uint16_t first, last;
    } ours[] = {{0x20, 0x21}, {0xa0, 0xa1}, {0x40, 0x43}, {0x61, 0x61}};
    struct x86_domain *xd = x86_domain(d);
    int rc = rangeset_add(&xd->ioports, 0, 0xffff);

    for (unsigned int i = 0; rc == 0 && i < ARRAY_SIZE(ours); i++) {
        rc = rangeset_remove(&xd->ioports, ours[i].first, ours[i].last);
    }
    for (unsigned int i = 0; rc == 0 && i < console_port_count(); i++) {
        rc = rangeset_remove(&xd->ioports, console_port(i), console_port(i) + 7ull);
    }
    if (rc == 0) { /* a page-table entry that says more than the processor has is a fault */
        rc = rangeset_add(&d->iomem, 0,
                          (1ull << (cpu_policy_paddr_bits(cpuid_host_policy()) - PAGE_SHIFT)) - 1);
    }
    if (rc == 0) {
        rc = rangeset_remove(&d->iomem, LAPIC_FRAME, LAPIC_FRAME);
    }
    for (unsigned int i = 0; rc == 0 && i < platform.acpi.ioapic_count; i++) {
        uint64_t frame = platform.acpi.ioapics[i].address >> PAGE_SHIFT;

        rc = rangeset_remove(&d->iomem, frame, frame);
    }
    if (rc == 0) {
        rc = rangeset_add(&d->irqs, 0, PIRQ_MAX - 1);
    }
    return rc != 0 ? rc : pirq_init(xd);
}

static void fill_machine_map(void)
{
    for (unsigned int i = 0; i < boot_info.map_count && i < MACHINE_MAP_MAX; i++) {
        const struct loader_memory *m = &boot_info.map[i];

        machine_map[i] = (struct x86_e820_entry){m->start, m->end - m->start, m->type};
        machine_map_count = i + 1;
    }
}

static struct domain *create(void)
{
    const struct domain_config c = {
        .id = 0,
        .kind = GUEST_PV,
        .is_control = true,
        .is_hardware = true,
        .is_xenstore = true,
        .max_vcpus = vcpus_wanted(),
        .max_evtchn_port = ~0u,
        .max_grant_frames = ~0u, /* as gnttab_max_frames= says */
        .max_maptrack_frames = ~0u,
    };
    unsigned int online = hweight64(cpus_online.bits);
    struct domain *d;
    int rc = domain_create(&c, &d);

    for (unsigned int i = 0; rc == 0 && i < c.max_vcpus; i++) {
        rc = vcpu_create(d, i, NULL);
        if (rc == 0 && opt_dom0_vcpus_pin) {
            rc = sched_set_affinity(&d->vcpus[i]->sched, cpuset_of(i % online), CPUSET_ALL);
        }
    }
    domain_update_nodes(d);
    if (rc == 0) {
        d->mem.max_pages = opt_dom0_mem.max_bytes ? opt_dom0_mem.max_bytes >> PAGE_SHIFT : UINT32_MAX;
        rc = grant_hardware(d);
    }
    if (rc == -XEN_EOPNOTSUPP) {
        port_panic("There is no first domain: this build has no PV guests (CONFIG_PV=n), and a PVH first "
                   "domain is not built yet. "
                   "Build with CONFIG_PV=y");
    }
    if (rc != 0) {
        port_panic("First domain: cannot be created (error %d)", rc);
    }
    return d;
}

void first_domain_start(void)
{
    const char *kernel_args = "", *none;
    uint64_t size = 0, ramdisk_size = 0;
    const void *module = boot_module(0, &size, &kernel_args), *ramdisk = boot_module(1, &ramdisk_size, &none);
    static struct elf_xen_info notes;
    static struct elf elf;
    struct kernel k;
    struct domain *d;

    if (!module) {
        port_panic("There is no first domain: the loader passed no module. With QEMU: -initrd \"vmlinuz "
                   "args,initrd.img\"; with GRUB: "
                   "module2 /vmlinuz args");
    }
    fill_machine_map();
    open_kernel(module, size, &k);
    if (elf_init(&elf, k.bytes, k.size) != 0 || elf_read_xen_notes(&elf, &notes) != 0) {
        port_panic("First domain: its kernel (module 1) is unusable: %s", elf.reason);
    }
    if (!notes.entry) {
        notes.entry = elf.entry;
    }
    d = create();
    if (pv_build_domain(
            d, &(struct pv_build){&elf, &notes, ramdisk, ramdisk_size, kernel_args, pages_wanted()}) != 0) {
        port_panic("First domain: it could not be built, see above");
    }
    if (!mfn_is_invalid(k.buffer)) {
        heap_free(k.buffer, k.order);
    }
    boot_module_release(0);
    if (ramdisk) {
        boot_module_release(1);
    }
    __atomic_fetch_and(&d->vcpus[0]->sched.pause_flags, ~VPF_DOWN, __ATOMIC_SEQ_CST);
    (void)domain_unpause_by_control(d);
}
