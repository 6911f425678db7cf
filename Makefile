# Zendo's one makefile. Every folder with a LAYER file is a module; its sources are found, never listed.
#   make            the hypervisor image, its gzipped form and its symbols
#   make help       every target with a line on what it does
# Variables: DEBUG=y (checked build), CONFIG_PV=n / CONFIG_PVH=n (leave a guest type out), CC, HOSTCC.

ARCH      := x86_64
DEBUG     ?= n
CONFIG_PV ?= y
CONFIG_PVH ?= y
B         := build/$(ARCH)$(if $(filter y,$(DEBUG)),-debug)$(if $(filter n,$(CONFIG_PV)),-nopv)$(if $(filter n,$(CONFIG_PVH)),-nopvh)
H         := build/host
CC        := gcc
HOSTCC    := clang
PYTHON    := /usr/bin/python3

.DEFAULT_GOAL := image
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

# --- what is built -----------------------------------------------------------------------------
srcs       = $(sort $(shell find $(1) -name '*.[cS]' -not -path '*/port-test/*' 2>/dev/null))
PURE_DIRS  := lib hypervisor/base hypervisor/core hypervisor/model/x86 hypervisor/guest/x86
HW_DIRS    := hypervisor/hw/x86 hypervisor/hw/drivers hypervisor/init
LEFT_OUT   := $(if $(filter n,$(CONFIG_PV)),hypervisor/guest/x86/pv/% hypervisor/model/x86/pgtype/%) \
              $(if $(filter n,$(CONFIG_PVH)),hypervisor/guest/x86/pvh/% hypervisor/hw/x86/svm/%) \
              $(if $(filter y,$(CONFIG_PV)),hypervisor/guest/x86/nopv/%) $(if $(filter y,$(CONFIG_PVH)),hypervisor/guest/x86/nopvh/%)
HV_SRCS    := $(filter-out $(LEFT_OUT) $(EXTRA_OUT),$(call srcs,$(PURE_DIRS) $(HW_DIRS)))
HOST_SRCS  := $(filter-out $(LEFT_OUT) %.S lib/freestanding/% hypervisor/core/memory/zalloc.c,$(call srcs,$(PURE_DIRS) hypervisor/host))
HV_OBJS    := $(patsubst %,$(B)/obj/%.o,$(basename $(HV_SRCS)))
HOST_OBJS  := $(patsubst %,$(H)/obj/%.o,$(basename $(HOST_SRCS)))

# --- flags -------------------------------------------------------------------------------------
INC        := -I. -Ihypervisor
WARN       := -std=gnu11 -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla \
              -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers
CONFIG     := $(if $(filter y,$(DEBUG)),-DZENDO_DEBUG) $(if $(filter y,$(CONFIG_PV)),-DCONFIG_PV) $(if $(filter y,$(CONFIG_PVH)),-DCONFIG_PVH)
HV_CFLAGS  := $(WARN) $(INC) -Ihypervisor/hw/x86/port -include hypervisor/hw/x86/port/hidden.h $(CONFIG) -O2 -g -ffreestanding -fpie -fvisibility=hidden -mcmodel=small \
              -mno-red-zone -mgeneral-regs-only -fno-stack-protector -fno-asynchronous-unwind-tables -fno-strict-aliasing \
              -fno-omit-frame-pointer -fcf-protection=none -fno-common -fwrapv -ffunction-sections -fdata-sections -MMD -MP
HV_LIBS    := -l:liblzma.a -l:libz.a -l:libzstd.a -l:liblz4.a
HOST_CFLAGS:= $(WARN) $(INC) -Ihypervisor/host/port -DZENDO_DEBUG -DZENDO_HOST -DCONFIG_PV -DCONFIG_PVH -O1 -g -fno-omit-frame-pointer \
              -fno-strict-aliasing -fwrapv -fsanitize=address,undefined -fno-sanitize-recover=all -MMD -MP
HOST_LIBS  := -lcmocka -llzma -lz -lzstd -llz4

# --- the image ---------------------------------------------------------------------------------
.PHONY: image
image: $(B)/zendo $(B)/zendo.gz $(B)/zendo.elf

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(HV_CFLAGS) -c $< -o $@
$(B)/obj/%.o: %.S
	@mkdir -p $(@D)
	@echo "  AS      $<"
	@$(CC) $(HV_CFLAGS) -D__ASSEMBLY__ -c $< -o $@

# Linked twice: the first pass has an empty symbol table, the second the one made from the first.
LD_SCRIPT := hypervisor/hw/x86/boot/zendo.lds
LINK       = ld -nostdlib --no-relax --build-id=sha1 -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments --gc-sections -T $(LD_SCRIPT) -o $(1) $(HV_OBJS) $(2) --start-group $(patsubst -l:%,$$($(CC) -print-file-name=%),$(HV_LIBS)) $$($(CC) -print-libgcc-file-name) --end-group
$(B)/zendo.elf: $(HV_OBJS) $(LD_SCRIPT) tools/symtab.py
	@echo "  LD      $@"
	@$(PYTHON) tools/symtab.py > $(B)/sym0.S && $(CC) $(HV_CFLAGS) -D__ASSEMBLY__ -c $(B)/sym0.S -o $(B)/sym0.o
	@$(call LINK,$(B)/pass1.elf,$(B)/sym0.o)
	@$(PYTHON) tools/symtab.py $(B)/pass1.elf > $(B)/sym1.S && $(CC) $(HV_CFLAGS) -D__ASSEMBLY__ -c $(B)/sym1.S -o $(B)/sym1.o
	@$(call LINK,$@,$(B)/sym1.o)
$(B)/zendo: $(B)/zendo.elf
	@objcopy -O binary $< $@
$(B)/zendo.gz: $(B)/zendo
	@gzip -9 -n -c $< > $@
	@echo "  IMAGE   $@ $$(stat -c %s $@) bytes"

# --- simulation: the core with trace points at every branch, where tests/sim takes the pCPU away; what it never calls may be missing ---------
SIM_OBJS   := $(patsubst %.c,$(H)/obj/%.o,$(sort $(wildcard tests/sim/*.c)))
SEEDS      ?= --seconds 600
$(H)/simobj/%.o: %.c
	@mkdir -p $(@D)
	@$(HOSTCC) $(HOST_CFLAGS) -fsanitize-coverage=trace-pc -c $< -o $@
$(H)/libzendo-sim.a: $(patsubst %,$(H)/simobj/%.o,$(basename $(HOST_SRCS)))
	@rm -f $@; ar rcs $@ $^
$(H)/sim: $(SIM_OBJS) $(H)/libzendo-sim.a
	@$(HOSTCC) $(HOST_CFLAGS) -no-pie -Wl,--unresolved-symbols=ignore-all $^ $(HOST_LIBS) -o $@
.PHONY: sim
sim: $(H)/sim ## simulations of the whole core on several pCPUs: SEEDS='--seed 7 --seeds 1' repeats one, '--seconds 600' runs as long
	@$(H)/sim $(SEEDS)

# --- the scheduler's simulator: core/sched alone, for speed with up to 512 pCPUs, and once more with every check -----------------------------------
SCHEDSIM_HV   := $(patsubst %.c,%.o,$(wildcard hypervisor/core/sched/*.c hypervisor/core/timer/*.c) hypervisor/core/trace/trace.c hypervisor/base/counters.c hypervisor/base/lock.c hypervisor/base/softirq.c lib/heap.c)
SCHEDSIM_OWN  := $(patsubst %.c,%.o,$(sort $(wildcard tests/schedsim/*.c)))
SCHEDSIM_BASE := $(WARN) $(INC) -Itests/unit -Ihypervisor/host/port -DZENDO_HOST -O2 -g -fno-strict-aliasing -fwrapv -MMD -MP
$(H)/schedsim-fast/%.o: SCHEDSIM_CFLAGS := $(SCHEDSIM_BASE) -DMAX_PCPUS=512u
$(H)/schedsim-checked/%.o: SCHEDSIM_CFLAGS := $(SCHEDSIM_BASE) -DMAX_PCPUS=128u -DZENDO_DEBUG -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
$(foreach kind,fast checked,$(addprefix $(H)/schedsim-$(kind)/,$(SCHEDSIM_HV))): SCHEDSIM_CFLAGS += -fsanitize-coverage=trace-pc
SCHEDSIM_CC    = mkdir -p $(@D); $(HOSTCC) $(SCHEDSIM_CFLAGS) -c $< -o $@
$(H)/schedsim-fast/%.o: %.c
	@$(SCHEDSIM_CC)
$(H)/schedsim-checked/%.o: %.c
	@$(SCHEDSIM_CC)
SCHEDSIM_LINK  = $(HOSTCC) $(1) -Wl,--wrap=softirq_set_handler $^ -lm -o $@
$(H)/schedsim: $(addprefix $(H)/schedsim-fast/,$(SCHEDSIM_HV) $(SCHEDSIM_OWN))
	@$(call SCHEDSIM_LINK)
$(H)/schedsim-checked/schedsim: $(addprefix $(H)/schedsim-checked/,$(SCHEDSIM_HV) $(SCHEDSIM_OWN))
	@$(call SCHEDSIM_LINK,-fsanitize=address,undefined)
.PHONY: sched-check sched-pictures
sched-check: $(H)/schedsim-checked/schedsim ## property tests of the scheduler: SCHED='--seed 7 --seeds 1' repeats one, '--seconds 600' runs as long
	@$< check $(or $(SCHED),--seconds 60)
sched-pictures: $(H)/schedsim ## measure the scheduler on simulated machines, and draw docs/pictures/sched-*.svg anew
	@$< report --full --json $(H)/sched.json || true
	@$(PYTHON) tools/sched-pictures.py $(H)/sched.json docs/pictures

# --- unit tests: one program per tests/unit/**/*_test.c, linked with the whole core under ASan and UBSan ---
UNIT_SRCS  := $(sort $(shell find tests/unit -name '*_test.c' 2>/dev/null))
UNIT_BINS  := $(patsubst tests/%.c,$(H)/%,$(UNIT_SRCS))
$(H)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  HOSTCC  $<"
	@$(HOSTCC) $(HOST_CFLAGS) -c $< -o $@
$(H)/libzendo.a: $(HOST_OBJS)
	@rm -f $@; ar rcs $@ $^
$(H)/unit/%: tests/unit/%.c $(H)/libzendo.a
	@mkdir -p $(@D)
	@echo "  UNIT    $<"
	@$(HOSTCC) $(HOST_CFLAGS) -Itests/unit $< $(H)/libzendo.a $(HOST_LIBS) -o $@
.PHONY: unit
unit: $(UNIT_BINS) $(SIM_OBJS) ## the unit tests on this machine, under the sanitizers
	@$(PYTHON) tools/run-unit.py $(RUN_ARGS) $(UNIT_BINS)

# --- coverage: the unit tests once more, counted instead of sanitized -----
COV_FLAGS   = $(filter-out -fsanitize% -fno-sanitize%,$(HOST_CFLAGS)) -fprofile-instr-generate -fcoverage-mapping
COV_BINS   := $(patsubst tests/%.c,$(H)/cov/%,$(UNIT_SRCS))
$(H)/cov/obj/%.o: %.c
	@mkdir -p $(@D)
	@$(HOSTCC) $(COV_FLAGS) -c $< -o $@
$(H)/libzendo-cov.a: $(patsubst %,$(H)/cov/obj/%.o,$(basename $(HOST_SRCS)))
	@rm -f $@; ar rcs $@ $^
$(H)/cov/unit/%: tests/unit/%.c $(H)/libzendo-cov.a
	@mkdir -p $(@D)
	@$(HOSTCC) $(COV_FLAGS) -Itests/unit $< $(H)/libzendo-cov.a $(HOST_LIBS) -o $@
# No program: what tells llvm-cov of the files that no test links.
$(H)/cov/everything: $(H)/libzendo-cov.a
	@$(HOSTCC) $(COV_FLAGS) -no-pie -Wl,--unresolved-symbols=ignore-all -Wl,--whole-archive $< -Wl,--no-whole-archive $(HOST_LIBS) -o $@
.PHONY: coverage
coverage: $(COV_BINS) $(H)/cov/everything ## which lines the unit tests reach, by folder (COVERAGE=--files: by file)
	@$(PYTHON) tools/coverage.py $(COVERAGE) --all $(H)/cov/everything $(COV_BINS)

# --- fuzzing: one program per tests/fuzz/*_fuzz.c; corpora in tests/fuzz/corpus/<name> -------------
FUZZ_SRCS  := $(sort $(wildcard tests/fuzz/*_fuzz.c))
FUZZ_BINS  := $(patsubst tests/%.c,$(H)/%,$(FUZZ_SRCS))
FUZZ_SECONDS ?= 10
$(H)/fobj/%.o: %.c
	@mkdir -p $(@D)
	@$(HOSTCC) $(HOST_CFLAGS) -fsanitize=fuzzer-no-link -c $< -o $@
$(H)/libzendo-fuzz.a: $(patsubst %,$(H)/fobj/%.o,$(basename $(HOST_SRCS)))
	@rm -f $@; ar rcs $@ $^
$(H)/fuzz/%: tests/fuzz/%.c $(H)/libzendo-fuzz.a
	@mkdir -p $(@D)
	@$(HOSTCC) $(HOST_CFLAGS) -fsanitize=fuzzer $< $(H)/libzendo-fuzz.a $(HOST_LIBS) -o $@
.PHONY: fuzz fuzz-programs
fuzz-programs: $(FUZZ_BINS)
fuzz: $(FUZZ_BINS) ## each fuzz target for FUZZ_SECONDS
	@$(PYTHON) tools/run-fuzz.py $(RUN_ARGS) --seconds $(FUZZ_SECONDS) $(FUZZ_BINS)

-include $(shell find $(B) $(H) -name '*.d' -type f 2>/dev/null)
-include Makefile.targets
