/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The limits of grant tables that are still to be made: gnttab_max_frames=, gnttab_max_maptrack_frames=. */
#include <core/gnttab/gnttab.h>

struct gnttab_limits gnttab_limits = {GNTTAB_MAX_FRAMES_DEFAULT, GNTTAB_MAPTRACK_DEFAULT};
