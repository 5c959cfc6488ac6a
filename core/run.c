/* SPDX-License-Identifier: MIT */
/* Running a vCPU: requests, deadlines, exits and their answers. */
#include <inttypes.h>
#include <string.h>

#include "internal.h"

/* --- Requests ------------------------------------------------------------------------ */

void hy__vcpu_request(struct hy_vcpu *vcpu, uint32_t request)
{
	__atomic_fetch_or(&vcpu->be.requests, request, __ATOMIC_SEQ_CST);
	vcpu->ops->vcpu_poke(&vcpu->be);
}

int hy_vcpu_kick(struct hy_vcpu *vcpu)
{
	/* No hy__fail here: a signal handler may have interrupted it. */
	if (!vcpu)
		return HY_E_INVALID;
	if (vcpu->generation != hy__fork_generation())
		return HY_E_FORKED;
	atomic_fetch_add(&vcpu->kickers, 1);
	if (atomic_load(&vcpu->alive))
		hy__vcpu_request(vcpu, HY_REQUEST_KICK);
	atomic_fetch_sub(&vcpu->kickers, 1);
	return 0;
}

/*
 * The vCPU is between two instructions: gives the exit that a request asks
 * for, the kick first, or leaves the kind at NONE to run again.
 */
static void answer_requests(struct hy_vcpu *vcpu)
{
	uint32_t requests = __atomic_load_n(&vcpu->be.requests, __ATOMIC_SEQ_CST);

	memset(&vcpu->exit, 0, sizeof(vcpu->exit));
	if (requests & HY_REQUEST_KICK) {
		__atomic_fetch_and(&vcpu->be.requests, ~HY_REQUEST_KICK, __ATOMIC_SEQ_CST);
		vcpu->exit.kind = HY_EXIT_CANCELED;
	} else if (requests & HY_REQUEST_DEADLINE) {
		vcpu->exit.kind = HY_EXIT_DEADLINE;
	}
}

/* --- What backends return ---------------------------------------------------------------- */

static bool io_ok(const struct hy_exit *exit)
{
	uint8_t size = exit->io.size;

	return (size == 1 || size == 2 || size == 4) && exit->io.count > 0 && exit->io.write <= 1 && exit->data &&
	       exit->data_size == (uint64_t)size * exit->io.count;
}

static bool mmio_ok(const struct hy_exit *exit)
{
	uint8_t size = exit->mmio.size;

	return size >= 1 && size <= 8 && exit->mmio.write <= 1 && exit->data && exit->data_size == size;
}

static bool msr_ok(const struct hy_exit *exit)
{
	return exit->msr.write <= 1 && exit->data && exit->data_size == sizeof(uint64_t);
}

static bool fault_ok(const struct hy_exit *exit)
{
	uint8_t access = exit->fault.access;

	return exit->fault.reason >= HY_FAULT_EMULATION && exit->fault.reason <= HY_FAULT_MEMORY &&
	       (access == 0 || access == HY_PROT_READ || access == HY_PROT_WRITE || access == HY_PROT_EXEC) &&
	       exit->fault.insn_size <= sizeof(exit->fault.insn) &&
	       memchr(exit->fault.text, '\0', sizeof(exit->fault.text));
}

static bool exit_ok(const struct hy_exit *exit)
{
	bool pending = exit->flags == HY_EXIT_PENDING;
	bool plain = exit->flags == 0 && !exit->data && exit->data_size == 0;

	switch (exit->kind) {
	case HY_EXIT_IO:
		return pending && io_ok(exit);
	case HY_EXIT_MMIO:
		return pending && mmio_ok(exit);
	case HY_EXIT_MSR:
		return pending && msr_ok(exit);
	case HY_EXIT_FAULT:
		return plain && fault_ok(exit);
	case HY_EXIT_UNKNOWN:
		return plain && exit->unknown.raw_size <= sizeof(exit->unknown.raw);
	case HY_EXIT_SYSTEM:
		return plain && (exit->system.event == HY_SYSTEM_RESET || exit->system.event == HY_SYSTEM_POWER_OFF);
	case HY_EXIT_HALT:
	case HY_EXIT_SHUTDOWN:
		return plain;
	default: /* what only the core makes, and what is none */
		return false;
	}
}

/* Nothing that a backend made up reaches the program. */
static int check_exit(struct hy_vcpu *vcpu)
{
	uint32_t kind = vcpu->exit.kind;

	if (exit_ok(&vcpu->exit))
		return 0;
	memset(&vcpu->exit, 0, sizeof(vcpu->exit));
	return hy__fail(HY_E_ABI, "report it to the backend's author", "backend %s made a malformed exit of kind %u",
	                vcpu->ops->name, kind);
}

static int run_failed(struct hy_vcpu *vcpu, int status)
{
	memset(&vcpu->exit, 0, sizeof(vcpu->exit));
	return hy__backend_failed(vcpu->ops, status);
}

/* --- Running ---------------------------------------------------------------------------------- */

/* One stay in the guest.  Leaves exit.kind at NONE when it led to nothing. */
static int run_once(struct hy_vcpu *vcpu)
{
	int status;

	/* Ordered before the backend's look at the requests, see pause.c. */
	__atomic_store_n(&vcpu->be.running, 1, __ATOMIC_SEQ_CST);
	status = vcpu->ops->vcpu_run(&vcpu->be);
	__atomic_store_n(&vcpu->be.running, 0, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&vcpu->be.requests, __ATOMIC_SEQ_CST) & HY_REQUEST_PAUSE)
		hy__vcpu_wait_pause(vcpu);
	vcpu->be.refused = 0;
	if (status == HY_RUN_INTERRUPTED) {
		answer_requests(vcpu);
		return 0;
	}
	return status == 0 ? check_exit(vcpu) : run_failed(vcpu, status);
}

/* Runs until there is an exit; the caller has entered the vCPU. */
static int run_job(struct hy_vcpu *vcpu, void *arg)
{
	uint64_t deadline = *(uint64_t *)arg;
	int status = 0;

	if (deadline != UINT64_MAX) {
		status = hy__timer_arm(vcpu, deadline);
		if (status != 0)
			return status;
	}
	do {
		status = run_once(vcpu);
	} while (status == 0 && vcpu->exit.kind == HY_EXIT_NONE);
	if (deadline != UINT64_MAX)
		hy__timer_disarm(vcpu);
	return status;
}

int hy_vcpu_run_until(struct hy_vcpu *vcpu, uint64_t deadline, const struct hy_exit **exit)
{
	int status;

	if (!exit)
		return hy__fail(HY_E_INVALID, NULL, "running a vCPU: exit is NULL");
	*exit = NULL;
	status = hy__vcpu_enter(vcpu);
	if (status != 0)
		return status;
	status = hy__vcpu_do(vcpu, run_job, &deadline);
	if (status == 0)
		*exit = &vcpu->exit;
	hy__vcpu_leave(vcpu);
	return status;
}

int hy_vcpu_run(struct hy_vcpu *vcpu, const struct hy_exit **exit)
{
	return hy_vcpu_run_until(vcpu, UINT64_MAX, exit);
}

static int complete_job(struct hy_vcpu *vcpu, void *unused)
{
	int status = vcpu->ops->vcpu_complete(&vcpu->be);

	(void)unused;
	vcpu->be.refused = 0;
	if (status == 0)
		return check_exit(vcpu);
	memset(&vcpu->exit, 0, sizeof(vcpu->exit));
	return status == HY_RUN_INTERRUPTED ? 0 : hy__backend_failed(vcpu->ops, status);
}

int hy_vcpu_complete(struct hy_vcpu *vcpu, const struct hy_exit **exit)
{
	int status;

	if (!exit)
		return hy__fail(HY_E_INVALID, NULL, "completing an access: exit is NULL");
	*exit = NULL;
	status = hy__vcpu_enter(vcpu);
	if (status != 0)
		return status;
	if (vcpu->exit.flags & HY_EXIT_PENDING) {
		status = hy__vcpu_do(vcpu, complete_job, NULL);
		if (status == 0 && vcpu->exit.kind != HY_EXIT_NONE)
			*exit = &vcpu->exit;
	}
	hy__vcpu_leave(vcpu);
	return status;
}

/* --- Exits and answers ------------------------------------------------------------------------- */

static bool read_pending(const struct hy_exit *exit)
{
	switch (exit->kind) {
	case HY_EXIT_IO:
		return !exit->io.write;
	case HY_EXIT_MMIO:
		return !exit->mmio.write;
	case HY_EXIT_MSR:
		return !exit->msr.write;
	default:
		return false;
	}
}

/* Bytes of one item of the exit's data. */
static size_t item_size(const struct hy_exit *exit)
{
	return exit->kind == HY_EXIT_IO ? exit->io.size : exit->data_size;
}

static char *answer_place(const struct hy_vcpu *vcpu)
{
	return read_pending(&vcpu->exit) ? (char *)(uintptr_t)vcpu->exit.data : NULL;
}

void *hy_vcpu_data(struct hy_vcpu *vcpu, size_t *size)
{
	void *data;

	if (size)
		*size = 0;
	if (hy__vcpu_enter(vcpu) != 0)
		return NULL;
	data = answer_place(vcpu);
	if (data && size)
		*size = vcpu->exit.data_size;
	hy__vcpu_leave(vcpu);
	return data;
}

/* Guests of every architecture that there is are little-endian. */
static void fill_items(char *data, size_t size, size_t each, uint64_t value)
{
	for (size_t at = 0; at < size; at++)
		data[at] = (char)(value >> (8 * (at % each)));
}

int hy_vcpu_answer(struct hy_vcpu *vcpu, uint64_t value)
{
	int status = hy__vcpu_enter(vcpu);
	char *data;

	if (status != 0)
		return status;
	data = answer_place(vcpu);
	if (data)
		fill_items(data, vcpu->exit.data_size, item_size(&vcpu->exit), value);
	else
		status = hy__fail(HY_E_INVALID, NULL, "no read is pending that could be answered");
	hy__vcpu_leave(vcpu);
	return status;
}

int hy_vcpu_refuse(struct hy_vcpu *vcpu)
{
	int status = hy__vcpu_enter(vcpu);

	if (status != 0)
		return status;
	if (vcpu->exit.kind == HY_EXIT_MSR)
		vcpu->be.refused = 1;
	else
		status = hy__fail(HY_E_INVALID, NULL, "no MSR access is pending that could be refused");
	hy__vcpu_leave(vcpu);
	return status;
}

uint64_t hy_exit_value(const struct hy_exit *exit, size_t i)
{
	const uint8_t *data;
	uint64_t value = 0;
	size_t size;

	if (!exit || !(exit->flags & HY_EXIT_PENDING))
		return 0;
	size = item_size(exit);
	if (i >= exit->data_size / size)
		return 0;
	data = (const uint8_t *)exit->data + i * size;
	for (size_t byte = size; byte > 0; byte--)
		value = value << 8 | data[byte - 1];
	return value;
}

const char *hy_exit_name(uint32_t kind)
{
	static const char *const name[] = {
		[HY_EXIT_NONE] = "NONE",         [HY_EXIT_IO] = "IO",
		[HY_EXIT_MMIO] = "MMIO",         [HY_EXIT_HALT] = "HALT",
		[HY_EXIT_SHUTDOWN] = "SHUTDOWN", [HY_EXIT_SYSTEM] = "SYSTEM",
		[HY_EXIT_CANCELED] = "CANCELED", [HY_EXIT_DEADLINE] = "DEADLINE",
		[HY_EXIT_MSR] = "MSR",           [HY_EXIT_FAULT] = "FAULT",
		[HY_EXIT_UNKNOWN] = "UNKNOWN",
	};

	return kind < sizeof(name) / sizeof(name[0]) ? name[kind] : "?";
}
