# Benchmark guests, built on the micro guest library. Standalone: make -f bench/bench.mk [bench-guests]
.DEFAULT_GOAL := bench-guests
ifndef GUESTS_B
include tests/guests/guests.mk
endif
BENCH_B := build/bench
.PHONY: bench-guests
bench-guests: $(BENCH_B)/pv.elf $(BENCH_B)/pvh.elf $(BENCH_B)/launch.elf $(BENCH_B)/firmware.elf
$(BENCH_B)/%.o: bench/%.c
	@mkdir -p $(@D)
	@$(GUESTS_CC) $(GUESTS_CFLAGS) -c $< -o $@
$(BENCH_B)/pv.elf $(BENCH_B)/pvh.elf $(BENCH_B)/launch.elf: $(BENCH_B)/%.elf: $(BENCH_B)/%.o $(BENCH_B)/measure.o $(BENCH_B)/sched.o $(GUESTS_LIB) tests/guests/lib/guest.lds
	@echo "  BENCH   $@"
	@ld -nostdlib -static --build-id=none -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments -T tests/guests/lib/guest.lds -o $@ $(filter %.o,$^)
$(BENCH_B)/firmware.elf: bench/firmware.S
	@mkdir -p $(@D)
	@$(GUESTS_CC) -m32 -nostdlib -static -Wl,--build-id=none,-Ttext=0x100000,--no-warn-rwx-segments -Wl,-n $< -o $@
-include $(wildcard $(BENCH_B)/*.d)
