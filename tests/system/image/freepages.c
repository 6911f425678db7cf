/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * freepages: print how many pages the hypervisor has free, once those that wait for scrubbing are counted too.
 * xl info shows MiB only; the tests compare to the page.  mkroot.sh builds it against libxenctrl for the dom0 image.
 */
#include <stdio.h>
#include <xenctrl.h>

int main(void)
{
    xc_physinfo_t info = {0};
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);

    if (!xc || xc_physinfo(xc, &info)) {
        perror("xc_physinfo");
        return 1;
    }
    printf("%llu\n", (unsigned long long)(info.free_pages + info.scrub_pages));
    xc_interface_close(xc);
    return 0;
}
