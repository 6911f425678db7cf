/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What lib/acpi.c and the table decoders share.
 */
#ifndef LIB_ACPI_INTERNAL_H
#define LIB_ACPI_INTERNAL_H

#include <lib/acpi.h>

#define ACPI_HEADER_SIZE 36

/* Each gets a table of @length >= ACPI_HEADER_SIZE checked bytes and adds what it says to @info. */
void acpi_decode_madt(const uint8_t *table, uint32_t length, struct acpi_info *info);
void acpi_decode_fadt(const uint8_t *table, uint32_t length, struct acpi_info *info);
void acpi_decode_hpet(const uint8_t *table, uint32_t length, struct acpi_info *info);
void acpi_decode_mcfg(const uint8_t *table, uint32_t length, struct acpi_info *info);
void acpi_decode_srat(const uint8_t *table, uint32_t length, struct acpi_info *info);
void acpi_decode_slit(const uint8_t *table, uint32_t length, struct acpi_info *info);

#endif
