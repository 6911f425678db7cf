# SPDX-License-Identifier: GPL-2.0-or-later
# An example: two checks in dom0 with the tools running.  Each `check` becomes one entry of Machine.scenario()'s result.
check info quietly xl info
check list quietly xl list
