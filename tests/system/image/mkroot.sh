#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# mkroot.sh KERNEL VERSION DIR MODULES: make DIR/dom0.img, the initrd of dom0: busybox, the stock Xen tools with their libraries, the kernel's
# Xen modules (from MODULES/lib/modules), and a guest's kernel and initrd.  All of it comes from Debian's packages; image.py calls it and keeps the result.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
kernel=$1 version=$2 dir=$3 modules=$4
root=$dir/root guest=$dir/guest
xen=/usr/lib/xen-4.17/bin
rm -rf "$root" "$guest"
mkdir -p "$root"/{bin,sbin,lib,lib64,usr/lib,usr/bin,usr/sbin,dev,proc,sys,tmp,run,root,mods,mnt,etc/xen/scripts} \
    "$root"/var/{log/xen,lib/xen,lib/xenstored,lock} "$guest"/{bin,dev,proc,sys,tmp,mods,mnt}
ln -s ../run "$root/var/run"

busybox() { # every applet, as a link
    cp /bin/busybox "$1/bin/"
    for a in $(/bin/busybox --list | grep -vx busybox); do ln -s busybox "$1/bin/$a"; done
}
put() { # copy files into dom0 with the libraries they need
    local f l
    for f in "$@"; do
        [ -e "$f" ] || continue
        mkdir -p "$root$(dirname "$f")"
        rm -f "$root$f"
        cp -L "$f" "$root$f"
        { ldd "$f" 2>/dev/null || true; } | { grep -o '/[^ )]*' || true; } | while read -r l; do
            mkdir -p "$root$(dirname "$l")"
            [ -e "$root$l" ] || cp -L "$l" "$root$l"
        done
    done
}
mods() { # mods DIR ORDER NAME...: the modules and all they need, uncompressed; the file ORDER lists them
    local out=$1 order=$2 m f b
    shift 2
    for m in "$@"; do
        { modprobe -S "$version" -d "$modules" --show-depends "$m" 2>/dev/null || true; } | awk '/^insmod/{print $2}'
    done | awk '!s[$0]++' | while read -r f; do
        b=$(basename "$f")
        b=${b%.xz}
        case $f in *.xz) xz -dc "$f" > "$out/$b" ;; *) cp "$f" "$out/$b" ;; esac
        echo "$b"
    done > "$out/$order"
}
# not compressed: an emulated machine takes longer to unpack it than to load it
pack() { (cd "$1" && find . | LC_ALL=C sort | cpio -o -H newc --quiet --reproducible); }

busybox "$root"
for f in "$xen"/* /usr/sbin/{xenhypfs,xenpmd,gdbsx} /usr/bin/{xen-detect,xenalyze}; do # all that needs no Python
    case $(head -c 64 "$f" | tr -d '\0' | head -1) in *python*) ;; *) put "$f" ;; esac
done
put /usr/bin/xenstore* /lib/x86_64-linux-gnu/libgcc_s.so.1 /bin/bash /sbin/ip /sbin/bridge /sbin/mkfs.ext4 /sbin/e2fsck /sbin/losetup /usr/bin/xz
# the hotplug scripts want the real ones of these
for t in stat flock readlink timeout logger awk sed grep; do
    f=$(readlink -f "$(command -v $t)")
    rm -f "$root/bin/$t" "$root/usr/bin/$t"
    put "$f"
    [ "$f" = /bin/$t ] || ln -sf "$f" "$root/bin/$t"
done
ln -sf /bin/bash "$root/usr/bin/bash"
ln -sf /sbin/ip "$root/usr/sbin/ip"
cp -r /etc/xen/scripts/. "$root/etc/xen/scripts/"
cp /etc/xen/oxenstored.conf "$root/etc/xen/"
: > "$root/etc/xen/xl.conf"
mods "$root/mods" order xen-privcmd xenfs xen-evtchn xen-gntdev xen-gntalloc xen-blkback xen-netback bridge loop e1000 virtio_pci virtio_blk
# what the usual machine has not: `mods more` in dom0
mods "$root/mods" more ext4 virtio_net virtio_scsi ahci sd_mod nvme e1000e
install -m 755 "$here/dom0-init" "$root/init"
install -m 755 "$here/agent" "$root/bin/agent"
cp "$here/zendo.sh" "$root/lib/"

gcc -O1 -Wall -o "$root/bin/freepages" "$here/freepages.c" -lxenctrl
for p in stream loghas; do gcc -O2 -Wall -static -s -o "$root/bin/$p" "$here/$p.c"; done
ldd "$root/bin/freepages" | grep -o '/[^ )]*' | while read -r l; do [ -e "$root$l" ] || put "$l"; done

busybox "$guest"
# what the kernel runs when xl asks the guest to shut down or to reboot
mkdir "$guest/sbin"
for a in poweroff reboot; do
    printf '#!/bin/sh\necho "GUEST OBEYS %s" > /dev/hvc0\nexec /bin/%s -f\n' $a $a > "$guest/sbin/$a"
    chmod 755 "$guest/sbin/$a"
done
mods "$guest/mods" order xen-blkfront xen-netfront
echo "$version" > "$guest/mods/kernel"
mods "$guest/mods" ext4 ext4
install -m 755 "$here/guest-init" "$guest/init"
cp "$root/bin/stream" "$guest/bin/"
pack "$guest" > "$root/guest.img"
cp "$kernel" "$root/vmlinuz"
pack "$root" > "$dir/dom0.img"
rm -rf "$root" "$guest"
