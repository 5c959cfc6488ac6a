/* SPDX-License-Identifier: MIT */
#include "hy-run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <hy/x86.h>

#define GO_ON (-1)

/* How long a signal may wait where its handler can't kick the vCPU. */
#define SIGNAL_LOOK_NS UINT64_C(100000000)

/* --- Port accesses -------------------------------------------------------------- */

static void trace_access(const struct run *run, const char *what, uint64_t address, unsigned size,
                         bool write, uint64_t value)
{
	if (run->trace)
		fprintf(stderr, "%s 0x%" PRIx64 " %u %s%0*" PRIx64 "\n", what, address, size,
		        write ? "" : "-> ", (int)size * 2, value);
}

static void write_ports(const struct run *run, const struct hy_exit *exit)
{
	for (uint32_t i = 0; i < exit->io.count; i++) {
		uint64_t value = hy_exit_value(exit, i);

		trace_access(run, "io out", exit->io.port, exit->io.size, true, value);
		bus_write(&run->pc->bus, exit->io.port, exit->io.size, (uint32_t)value);
	}
}

static void read_ports(const struct run *run, const struct hy_exit *exit)
{
	unsigned width = exit->io.size;
	size_t size;
	uint8_t *data = hy_vcpu_data(run->vcpu, &size);

	for (size_t at = 0; at + width <= size; at += width) {
		uint32_t value = bus_read(&run->pc->bus, exit->io.port, width);

		trace_access(run, "io in", exit->io.port, width, false, value);
		for (unsigned i = 0; i < width; i++)
			data[at + i] = (uint8_t)(value >> (8 * i));
	}
}

static int handle_io(const struct run *run, const struct hy_exit *exit)
{
	if (exit->io.write)
		write_ports(run, exit);
	else
		read_ports(run, exit);

	if (run->pc->exit_port.written)
		return exit_port_status(&run->pc->exit_port);
	if (run->console->error) {
		complain("standard output: %s", strerror(run->console->error));
		return STATUS_FAILED;
	}
	return GO_ON;
}

/* Nobody is there: reads keep the all ones that they come with. */
static int handle_mmio(const struct run *run, const struct hy_exit *exit)
{
	trace_access(run, exit->mmio.write ? "mmio write" : "mmio read", exit->mmio.gpa, exit->mmio.size,
	             exit->mmio.write, hy_exit_value(exit, 0));
	return GO_ON;
}

/* --- Ends ------------------------------------------------------------------------- */

static int handle_halt(const struct run *run)
{
	uint64_t flags;

	if (hy_vcpu_get_reg(run->vcpu, HY_X86_RFLAGS, &flags) != 0)
		return complain_hy(STATUS_FAILED);
	if (!(flags & HY_X86_RFLAGS_IF))
		return STATUS_HALTED;
	complain("the guest waits for an interrupt, and there is nothing to send one");
	dump_registers(run->vcpu);
	return STATUS_HALTED_IRQ;
}

static int handle_shutdown(const struct run *run)
{
	complain("the guest shut down: triple fault");
	dump_registers(run->vcpu);
	return STATUS_SHUTDOWN;
}

static int handle_system(const struct hy_exit *exit)
{
	if (exit->system.event == HY_SYSTEM_POWER_OFF)
		return STATUS_HALTED;
	complain("the guest asked for a reset");
	return STATUS_SHUTDOWN;
}

static int handle_deadline(const struct run *run)
{
	if (hy_now() < run->deadline)
		return GO_ON;
	complain("the time of --timeout is over");
	dump_registers(run->vcpu);
	return STATUS_TIMEOUT;
}

static void print_bytes(const char *title, const uint8_t *bytes, size_t count)
{
	if (count == 0)
		return;
	fprintf(stderr, "%6s", title);
	for (size_t i = 0; i < count; i++)
		fprintf(stderr, " %02x", bytes[i]);
	fputc('\n', stderr);
}

static const char *fault_reason(uint32_t reason)
{
	switch (reason) {
	case HY_FAULT_EMULATION:
		return "an instruction that the host can't execute";
	case HY_FAULT_FETCH:
		return "instruction fetch from unmapped memory";
	case HY_FAULT_STATE:
		return "register state that the host refuses";
	case HY_FAULT_MEMORY:
		return "guest memory that can't be reached";
	default:
		return "an unknown reason";
	}
}

static void print_address(const char *title, uint64_t address)
{
	if (address != HY_ADDR_UNKNOWN)
		fprintf(stderr, "%6s %016" PRIx64 "\n", title, address);
}

static int handle_fault(const struct run *run, const struct hy_exit *exit)
{
	complain("the guest can't go on: %s: %s (host code 0x%" PRIx64 ")",
	         fault_reason(exit->fault.reason), exit->fault.text, exit->fault.host_code);
	print_address("gpa", exit->fault.gpa);
	print_address("ip", exit->fault.ip);
	print_bytes("bytes", exit->fault.insn, exit->fault.insn_size);
	dump_registers(run->vcpu);
	return STATUS_FAULT;
}

static int handle_unknown(const struct run *run, const struct hy_exit *exit)
{
	complain("the host reports something unknown: code 0x%" PRIx64, exit->unknown.host_code);
	print_bytes("raw", exit->unknown.raw, exit->unknown.raw_size);
	dump_registers(run->vcpu);
	return STATUS_FAULT;
}

/* hy-run asks for no MSR exits and no other kinds: one that comes is a defect. */
static int handle_unexpected(const struct run *run, const struct hy_exit *exit)
{
	complain("unexpected exit %s", hy_exit_name(exit->kind));
	dump_registers(run->vcpu);
	return STATUS_FAILED;
}

/* --- The loop ----------------------------------------------------------------------- */

static void trace_exit(const struct run *run, const struct hy_exit *exit)
{
	static const char *const names[] = {
		[HY_EXIT_HALT] = "halt",         [HY_EXIT_SHUTDOWN] = "shutdown",
		[HY_EXIT_SYSTEM] = "system",     [HY_EXIT_CANCELED] = "canceled",
		[HY_EXIT_DEADLINE] = "deadline", [HY_EXIT_MSR] = "msr",
		[HY_EXIT_FAULT] = "fault",       [HY_EXIT_UNKNOWN] = "unknown",
	};

	if (run->trace && exit->kind < sizeof(names) / sizeof(names[0]) && names[exit->kind])
		fprintf(stderr, "%s\n", names[exit->kind]);
}

static int handle_exit(const struct run *run, const struct hy_exit *exit)
{
	trace_exit(run, exit);
	switch (exit->kind) {
	case HY_EXIT_IO:
		return handle_io(run, exit);
	case HY_EXIT_MMIO:
		return handle_mmio(run, exit);
	case HY_EXIT_HALT:
		return handle_halt(run);
	case HY_EXIT_SHUTDOWN:
		return handle_shutdown(run);
	case HY_EXIT_SYSTEM:
		return handle_system(exit);
	case HY_EXIT_CANCELED:
		return GO_ON; /* run_guest looks at the signal */
	case HY_EXIT_DEADLINE:
		return handle_deadline(run);
	case HY_EXIT_FAULT:
		return handle_fault(run, exit);
	case HY_EXIT_UNKNOWN:
		return handle_unknown(run, exit);
	default:
		return handle_unexpected(run, exit);
	}
}

static uint64_t next_deadline(const struct run *run)
{
	uint64_t look;

	if (run->kick_by_signal)
		return run->deadline;
	look = hy_now() + SIGNAL_LOOK_NS;
	return look < run->deadline ? look : run->deadline;
}

static int run_once(const struct run *run, const struct hy_exit **exit)
{
	uint64_t deadline = next_deadline(run);

	if (deadline == UINT64_MAX)
		return hy_vcpu_run(run->vcpu, exit);
	return hy_vcpu_run_until(run->vcpu, deadline, exit);
}

int run_guest(const struct run *run)
{
	int status = GO_ON;

	while (status == GO_ON) {
		const struct hy_exit *exit;

		if (run_once(run, &exit) != 0)
			return complain_hy(STATUS_FAILED);
		status = handle_exit(run, exit);
		if (status == GO_ON && *run->signal)
			status = STATUS_SIGNAL + *run->signal;
	}
	return status;
}
