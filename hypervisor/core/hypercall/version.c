/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xen_version: who we are, and which features each kind of guest has. */
#include <abi/features.h>
#include <abi/version.h>
#include <base/guest_access.h>
#include <base/layout.h>
#include <core/hypercall/build_info.h>
#include <core/hypercall/handlers.h>
#include <lib/string.h>

static uint32_t features_of(const struct domain *d)
{
    uint32_t f = 1u << XENFEAT_memory_op_vnode_supported;

    if (d->kind == GUEST_PV) {
        f |= 1u << XENFEAT_mmu_pt_update_preserve_ad | 1u << XENFEAT_highmem_assist |
             1u << XENFEAT_gnttab_map_avail_bits | 1u << XENFEAT_direct_mapped;
    } else {
        f |= 1u << XENFEAT_writable_page_tables | 1u << XENFEAT_auto_translated_physmap |
             1u << XENFEAT_hvm_callback_vector | 1u << XENFEAT_hvm_safe_pvclock |
             1u << XENFEAT_not_direct_mapped;
    }
    if (d->is_hardware) {
        f |= 1u << XENFEAT_dom0;
    }
    return f;
}

static long get_features(vaddr_t gva)
{
    struct xen_feature_info fi;

    if (guest_read_obj(&fi, gva) != 0) {
        return -XEN_EFAULT;
    }
    if (fi.submap_idx != 0) {
        return -XEN_EINVAL;
    }
    fi.submap = features_of(current_domain());
    return guest_write_obj(gva, &fi) == 0 ? 0 : -XEN_EFAULT;
}

/* A fixed-size text of the ABI, padded with zeroes. */
static long write_text(vaddr_t gva, const char *text, size_t size)
{
    char buf[1024] = {0};

    strlcpy(buf, text, MIN(size, sizeof(buf)));
    return guest_write(gva, buf, size) == 0 ? 0 : -XEN_EFAULT;
}

static long compile_info(vaddr_t gva)
{
    struct xen_compile_info info;

    memset(&info, 0, sizeof(info));
    strlcpy(info.compiler, build_compiler, sizeof(info.compiler));
    strlcpy(info.compile_by, BUILD_BY, sizeof(info.compile_by));
    strlcpy(info.compile_domain, BUILD_DOMAIN, sizeof(info.compile_domain));
    strlcpy(info.compile_date, build_date, sizeof(info.compile_date));
    return guest_write_obj(gva, &info) == 0 ? 0 : -XEN_EFAULT;
}

static long handle(vaddr_t gva)
{
    return guest_write(gva, current_domain()->handle, sizeof(xen_domain_handle_t)) == 0 ? 0 : -XEN_EFAULT;
}

long do_xen_version(struct hypercall *c)
{
    vaddr_t gva = c->arg[1];

    switch (c->arg[0]) {
    case XENVER_version:
        return (long)(ZENDO_XEN_MAJOR << 16 | ZENDO_XEN_MINOR);
    case XENVER_extraversion:
        return write_text(gva, ZENDO_EXTRAVERSION, sizeof(xen_extraversion_t));
    case XENVER_compile_info:
        return compile_info(gva);
    case XENVER_capabilities:
        return write_text(gva, build_capabilities(), sizeof(xen_capabilities_info_t));
    case XENVER_changeset:
        return write_text(gva, build_changeset, sizeof(xen_changeset_info_t));
    case XENVER_platform_parameters: {
        struct xen_platform_parameters p = {.virt_start = VA_HYPERVISOR_START};

        return guest_write_obj(gva, &p) == 0 ? 0 : -XEN_EFAULT;
    }
    case XENVER_get_features:
        return get_features(gva);
    case XENVER_pagesize:
        return gva == 0 ? (long)PAGE_SIZE : -XEN_EINVAL;
    case XENVER_guest_handle:
        return handle(gva);
    case XENVER_commandline:
        /* it tells of the machine, and of who may have been given which device */
        return write_text(gva, caller_is_control() ? build_command_line : "<denied>",
                          sizeof(xen_commandline_t));
    case XENVER_build_id:
        return -XEN_ENODATA; /* the image carries none */
    default:
        return -XEN_ENOSYS;
    }
}
