# Micro guests: one ELF a source file of tests/guests/{common,pv,pvh}, each bootable as PV and as PVH; and of tests/guests/{common,pvh32} as
# 32-bit PVH, under build/guests/32.
# Standalone: make -f tests/guests/guests.mk [guests]
GUESTS_B    := build/guests
GUESTS_CC   := gcc
GUESTS_LIB  := $(patsubst tests/guests/lib/%,$(GUESTS_B)/lib/%.o,$(wildcard tests/guests/lib/*.[cS]))
GUESTS_SRCS := $(sort $(wildcard tests/guests/common/*.c tests/guests/pv/*.c tests/guests/pvh/*.c tests/guests/direct/*.c tests/guests/machine/*.c))
GUESTS_ELFS := $(patsubst tests/guests/%.c,$(GUESTS_B)/%.elf,$(GUESTS_SRCS))
GUESTS_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -Wstrict-prototypes -Wno-unused-parameter -Wno-sign-compare \
    -Wno-missing-field-initializers -ffreestanding -fno-builtin -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
    -fno-stack-protector -fno-asynchronous-unwind-tables -fno-strict-aliasing -fno-toplevel-reorder -fcf-protection=none -fwrapv -Itests/guests/lib -MMD -MP

GUESTS32_B      := $(GUESTS_B)/32
GUESTS32_LIB    := $(GUESTS32_B)/lib/core.c.o $(patsubst tests/guests/lib32/%,$(GUESTS32_B)/lib32/%.o,$(wildcard tests/guests/lib32/*.[cS]))
GUESTS32_ELFS   := $(patsubst tests/guests/%.c,$(GUESTS32_B)/%.elf,$(sort $(filter-out tests/guests/common/corpus.c tests/guests/common/features.c tests/guests/common/xsave.c tests/guests/common/hostile.c,$(wildcard tests/guests/common/*.c tests/guests/pvh32/*.c))))
GUESTS32_CFLAGS := $(filter-out -mcmodel=kernel -mno-red-zone,$(GUESTS_CFLAGS)) -m32

.PHONY: guests
.SECONDARY: $(GUESTS_LIB) $(GUESTS32_LIB)
guests: $(GUESTS_ELFS) $(GUESTS32_ELFS)

$(GUESTS_B)/lib/%.o: tests/guests/lib/%
	@mkdir -p $(@D)
	@$(GUESTS_CC) $(if $(filter %.S,$<),$(filter-out -std=%,$(GUESTS_CFLAGS)) -D__ASSEMBLY__,$(GUESTS_CFLAGS)) -c $< -o $@
$(GUESTS_B)/%.o: tests/guests/%.c
	@mkdir -p $(@D)
	@$(GUESTS_CC) $(GUESTS_CFLAGS) -c $< -o $@
$(GUESTS_B)/%.elf: $(GUESTS_B)/%.o $(GUESTS_LIB) tests/guests/lib/guest.lds
	@echo "  GUEST   $@"
	@ld -nostdlib -static --build-id=none -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments -T tests/guests/lib/guest.lds -o $@ $(filter %.o,$^)
# common/corpus.c replays the fuzzers' kept inputs: a table of {family, bytes, size}, which an entry of zeros ends
GUESTS_CORPUS := $(sort $(wildcard tests/fuzz/corpus/*/*))
$(GUESTS_B)/corpus.S: $(GUESTS_CORPUS) tests/guests/guests.mk
	@mkdir -p $(@D)
	@printf '%s\n' $(GUESTS_CORPUS) | awk -F/ '{ \
	    table = table sprintf(".quad n%d, d%d, e%d - d%d\n", NR, NR, NR, NR); \
	    data = data sprintf("n%d: .asciz \"%s\"\nd%d: .incbin \"%s\"\ne%d:\n", NR, $$4, NR, $$0, NR) \
	} END { print ".section .rodata\n.balign 8\n.globl corpus\ncorpus:\n" table ".quad 0, 0, 0\n" data }' > $@
$(GUESTS_B)/corpus.o: $(GUESTS_B)/corpus.S
	@$(GUESTS_CC) -c $< -o $@
$(GUESTS_B)/common/corpus.elf: $(GUESTS_B)/corpus.o
$(GUESTS32_B)/%.S.o: tests/guests/%.S
	@mkdir -p $(@D)
	@$(GUESTS_CC) $(filter-out -std=%,$(GUESTS32_CFLAGS)) -D__ASSEMBLY__ -c $< -o $@
$(GUESTS32_B)/%.c.o: tests/guests/%.c
	@mkdir -p $(@D)
	@$(GUESTS_CC) $(GUESTS32_CFLAGS) -c $< -o $@
$(GUESTS32_B)/%.elf: $(GUESTS32_B)/%.c.o $(GUESTS32_LIB) tests/guests/lib32/guest.lds
	@echo "  GUEST   $@"
	@ld -m elf_i386 -nostdlib -static --build-id=none -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments -T tests/guests/lib32/guest.lds -o $@ $(filter %.o,$^)
.PRECIOUS: $(GUESTS32_B)/%.c.o $(GUESTS32_B)/%.S.o $(GUESTS_B)/%.o $(GUESTS_B)/lib/%.o
-include $(wildcard $(GUESTS_B)/*/*.d $(GUESTS32_B)/*/*.d)
