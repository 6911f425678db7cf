/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hypercall basics: version, features, unknown numbers and operations, bad pointers, multicall, console_io. */
#include "guest.h"

#define UNMAPPED ((void *)NOWHERE)
#ifdef __i386__ /* neither exists for 32-bit code */
#define NONCANON UNMAPPED
#define XEN_AREA ((void *)0xfffff000UL)
#else
#define NONCANON ((void *)0x8000000000000000UL)
#define XEN_AREA ((void *)0xffff830000000000UL) /* the hypervisor's own range (PV) */
#endif

TEST(version)
{
    long v = xen_version(XENVER_version, 0);
    CHECK_EQ(v >> 16, 4);
    CHECK((v & 0xffff) >= 17);
}
TEST(version_strings)
{
    static xen_extraversion_t extra;
    static xen_capabilities_info_t caps;
    static xen_changeset_info_t cs;
    static struct xen_compile_info ci;
    CHECK_EQ(xen_version(XENVER_extraversion, extra), 0);
    CHECK(strlen(extra) > 0 && strlen(extra) < sizeof(extra));
    CHECK_EQ(xen_version(XENVER_capabilities, caps), 0);
    CHECK_EQ(strncmp(caps, "xen-3.0-x86_64", 14), 0);
    CHECK_EQ(xen_version(XENVER_changeset, cs), 0);
    CHECK_EQ(xen_version(XENVER_compile_info, &ci), 0);
    CHECK_EQ(xen_version(XENVER_pagesize, 0), 4096);
}
TEST(command_line)
{ /* the hypervisor's: for the control domain */
    static xen_commandline_t line;
    CHECK_EQ(xen_version(XENVER_commandline, line), 0);
    CHECK_EQ(strncmp(line, "<denied>", 9) != 0, g.dom0);
}
TEST(platform_parameters)
{
    struct xen_platform_parameters p = {0};
    CHECK_EQ(xen_version(XENVER_platform_parameters, &p), 0);
    if (g.pv) {
        CHECK_EQ(p.virt_start, HYPERVISOR_VIRT_START);
    }
}
TEST(guest_handle)
{
    xen_domain_handle_t h;
    CHECK_EQ(xen_version(XENVER_guest_handle, h), 0);
}
TEST(features)
{
    CHECK(feature(XENFEAT_memory_op_vnode_supported));
    CHECK_EQ(feature(XENFEAT_direct_mapped), g.pv);
    CHECK_EQ(feature(XENFEAT_not_direct_mapped), !g.pv);
    CHECK(!feature(XENFEAT_supervisor_mode_kernel));
    if (g.pv) {
        CHECK(feature(XENFEAT_mmu_pt_update_preserve_ad));
        CHECK(feature(XENFEAT_gnttab_map_avail_bits));
        CHECK(!feature(XENFEAT_auto_translated_physmap));
        CHECK_EQ(feature(XENFEAT_dom0), g.dom0);
    } else {
        CHECK(feature(XENFEAT_auto_translated_physmap));
        CHECK(feature(XENFEAT_hvm_callback_vector));
        CHECK(feature(XENFEAT_hvm_safe_pvclock));
    }
}
TEST(features_bad_page)
{
    struct xen_feature_info f = {.submap_idx = 1000, .submap = 0xabcd};
    CHECK_EQ(xen_version(XENVER_get_features, &f), -XEN_EINVAL);
}
TEST(unknown_number)
{
    CHECK_EQ(hc0(63), -XEN_ENOSYS);
    CHECK_EQ(hc0(43), -XEN_ENOSYS);
    CHECK_EQ(hc0(11), -XEN_ENOSYS); /* never used */
    CHECK_EQ(hc0(64), -XEN_ENOSYS);
    CHECK_EQ(hc0(0x7fffffff), -XEN_ENOSYS);
}
TEST(unknown_version_op)
{
    CHECK_EQ(xen_version(999, 0), -XEN_ENOSYS);
}
TEST(unknown_ops)
{
    static u64 buf[32];
    CHECK_EQ(evtchn_op(999, buf), -XEN_ENOSYS);
    CHECK_EQ(sched_op(999, buf), -XEN_ENOSYS);
    CHECK_EQ(vcpu_op(999, 0, buf), -XEN_ENOSYS);
    CHECK_EQ(memory_op(63, buf), -XEN_ENOSYS);
    CHECK(grant_op(999, buf, 1) < 0);
}
TEST(bad_pointer)
{
    void *bad[] = {UNMAPPED, NONCANON, XEN_AREA, (void *)~0UL};
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        if (!g.pv && bad[i] == NONCANON) {
            continue; /* Xen's walk of a PVH guest's tables ignores the high bits: address 0 here */
        }
        CHECK_EQ(xen_version(XENVER_extraversion, bad[i]), -XEN_EFAULT);
        CHECK_EQ(xen_version(XENVER_get_features, bad[i]), -XEN_EFAULT);
        CHECK_EQ(evtchn_op(EVTCHNOP_send, bad[i]), -XEN_EFAULT);
        CHECK_EQ(evtchn_op(EVTCHNOP_alloc_unbound, bad[i]), -XEN_EFAULT);
        CHECK_EQ(sched_op(SCHEDOP_poll, bad[i]), -XEN_EFAULT);
        CHECK_EQ(grant_op(GNTTABOP_query_size, bad[i], 1), -XEN_EFAULT);
        CHECK_EQ(memory_op(XENMEM_increase_reservation, bad[i]), 0); /* extents done: none */
        CHECK_EQ(memory_op(XENMEM_memory_map, bad[i]), -XEN_EFAULT);
        CHECK_EQ(vcpu_op(VCPUOP_register_runstate_memory_area, 0, bad[i]), -XEN_EFAULT);
    }
}
TEST(straddling_pointer)
{ /* the first half of the argument is readable, the second is not */
    u8 *p = page_alloc();
    if (!g.pv) {
        SKIP("needs an unmapped page");
    }
    void *next = p + PAGE_SIZE;
    u64 old = *pt_entry(next, 1);
    CHECK_EQ(set_va(next, 0), 0);
    long rc = xen_version(XENVER_extraversion, p + PAGE_SIZE - 4);
    CHECK_EQ(set_va(next, old), 0);
    CHECK_EQ(rc, -XEN_EFAULT);
}
TEST(read_only_argument)
{ /* a result cannot be written through a read-only mapping */
    if (!g.pv) {
        SKIP("PV only");
    }
    u8 *p = page_alloc();
    CHECK_EQ(make_ro(p), 0);
    long rc = xen_version(XENVER_extraversion, p);
    CHECK_EQ(make_rw(p), 0);
    CHECK_EQ(rc, -XEN_EFAULT);
    page_free(p);
}

/* --- multicall --- */
static struct multicall_entry mc[16];
TEST(multicall_results)
{
    static struct xen_feature_info f;
    memset(mc, 0, sizeof(mc));
    mc[0].op = __HYPERVISOR_xen_version;
    mc[0].args[0] = XENVER_version;
    mc[1].op = 63;
    mc[2].op = __HYPERVISOR_xen_version;
    mc[2].args[0] = XENVER_get_features;
    mc[2].args[1] = hc_a(&f);
    mc[3].op = __HYPERVISOR_xen_version;
    mc[3].args[0] = XENVER_get_features;
    mc[3].args[1] = hc_a(UNMAPPED);
    CHECK_EQ(multicall(mc, 4), 0);
    CHECK_EQ(mc[0].result, xen_version(XENVER_version, 0));
    CHECK_EQ(mc[1].result, -XEN_ENOSYS);
    CHECK_EQ(mc[2].result, 0);
    CHECK_EQ(f.submap, g.features[0]);
    CHECK_EQ(mc[3].result, -XEN_EFAULT);
}
TEST(multicall_nested)
{
    memset(mc, 0, sizeof(mc));
    mc[0].op = __HYPERVISOR_multicall;
    mc[0].args[0] = hc_a(&mc[1]);
    mc[0].args[1] = 1;
    CHECK_EQ(multicall(mc, 1), 0);
    CHECK_EQ(mc[0].result, -XEN_EINVAL);
}
TEST(multicall_empty)
{
    CHECK_EQ(multicall(mc, 0), 0);
}
TEST(multicall_bad_pointer)
{
    CHECK_EQ(multicall(UNMAPPED, 1), -XEN_EFAULT);
    CHECK_EQ(multicall(g.pv ? NONCANON : XEN_AREA, 1), -XEN_EFAULT);
}
TEST(multicall_long)
{ /* long enough to be preempted and resumed */
    static struct multicall_entry many[2000];
    for (unsigned i = 0; i < ARRAY_SIZE(many); i++) {
        many[i].op = __HYPERVISOR_xen_version;
        many[i].args[0] = i & 1 ? XENVER_version : XENVER_pagesize;
        many[i].result = 0x5a5a;
    }
    CHECK_EQ(multicall(many, ARRAY_SIZE(many)), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(many); i++) {
        CHECK(many[i].result == (i & 1 ? many[1].result : 4096));
    }
}

/* --- console --- */
TEST(console_bad)
{
    if (!g.dom0) {
        SKIP("the first domain only");
    }
    CHECK_EQ(console_io(999, 0, 0), -XEN_ENOSYS);
    CHECK_EQ(console_io(CONSOLEIO_write, 10, UNMAPPED), -XEN_EFAULT);
    CHECK_EQ(console_io(CONSOLEIO_write, 0, "x"), 0);
}
TEST(console_read_empty)
{
    static char buf[16];
    if (!g.dom0) {
        SKIP("the first domain only");
    }
    CHECK_EQ(console_io(CONSOLEIO_read, sizeof(buf), buf), 0);
}

/* --- vm_assist --- */
TEST(vm_assist)
{
    long none = g.pv ? 0 : -XEN_EINVAL; /* most are PV's */
    CHECK(hc2(__HYPERVISOR_vm_assist, 999, 0) < 0);
    CHECK_EQ(hc2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_pae_extended_cr3), none);
    CHECK_EQ(hc2(__HYPERVISOR_vm_assist, VMASST_CMD_disable, VMASST_TYPE_4gb_segments), none);
    CHECK_EQ(hc2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag), 0);
    CHECK_EQ(hc2(__HYPERVISOR_vm_assist, VMASST_CMD_disable, VMASST_TYPE_runstate_update_flag), 0);
    CHECK_EQ(hc2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, 31), -XEN_EINVAL);
}
TEST(physdev_op_is_pvs)
{
    static u64 arg[8];
    if (g.pv) {
        SKIP("a PV guest");
    }
    for (int op = 0; op < 35; op++) {
        CHECK_EQ(hc2(__HYPERVISOR_physdev_op, op, arg), -XEN_ENOSYS);
    }
}
TEST(hypercall_page)
{ /* the page that the builder or the MSR filled */
    extern u8 hypercall_page[];
    long ret;
    unsigned long rdi = XENVER_pagesize, rsi = 0;
    if (!g.pv) {
        u32 r[4];
        cpuid(0x40000002, 0, r);
        if (!r[0]) {
            SKIP("no hypercall pages");
        }
        u64 val = hc_a(hypercall_page) - VIRT_BASE;
        asm volatile("wrmsr" ::"a"((u32)val), "d"((u32)(val >> 32)), "c"(r[1]) : "memory");
    }
#ifdef __i386__
    asm volatile("call *%3"
                 : "=a"(ret), "+b"(rdi), "+c"(rsi)
                 : "d"(hypercall_page + 32 * __HYPERVISOR_xen_version)
                 : "memory");
#else
    asm volatile("call *%3"
                 : "=a"(ret), "+D"(rdi), "+S"(rsi)
                 : "b"(hypercall_page + 32 * __HYPERVISOR_xen_version)
                 : "rdx", "rcx", "r8", "r9", "r10", "r11", "memory");
#endif
    CHECK_EQ(ret, 4096);
}
