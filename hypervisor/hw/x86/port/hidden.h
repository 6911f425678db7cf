/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Included before every source file of the image: all symbols are in the image itself, so that code reaches them without an offset table. */
#ifndef __ASSEMBLY__
#pragma GCC visibility push(hidden)
#endif
