/* SPDX-License-Identifier: MIT */
/* From KVM's exits to libhy's, as far as they are the same on every architecture. */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "kvm.h"

/* Linux 6.8; see KVM_CAP_MEMORY_FAULT_INFO. */
#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT 39
#endif

/* run->memory_fault, for headers that lack it. */
struct memory_fault {
	uint64_t flags;
	uint64_t gpa;
	uint64_t size;
};

/* Where the union of the exits' data begins. */
static const uint8_t *exit_data(const struct kvm_run *run)
{
	return (const uint8_t *)&run->hw;
}

static struct hy_exit *begin_exit(struct hy_backend_vcpu *be, uint32_t kind)
{
	memset(be->exit, 0, sizeof(*be->exit));
	be->exit->kind = kind;
	return be->exit;
}

void kvm_exit_access(struct hy_backend_vcpu *be, uint32_t kind, void *data, uint32_t size, bool write)
{
	struct hy_exit *exit = begin_exit(be, kind);

	exit->flags = HY_EXIT_PENDING;
	exit->data = data;
	exit->data_size = size;
	if (!write)
		memset(data, 0xff, size);
}

static int decode_mmio(struct hy_backend_vcpu *be)
{
	struct kvm_cpu *cpu = kvm_cpu_of(be);
	struct kvm_run *run = cpu->run;
	bool write = run->mmio.is_write != 0;

	kvm_exit_access(be, HY_EXIT_MMIO, run->mmio.data, run->mmio.len, write);
	be->exit->mmio.gpa = run->mmio.phys_addr;
	be->exit->mmio.size = (uint8_t)run->mmio.len;
	be->exit->mmio.write = write;
	cpu->pending = KVM_PENDING_MMIO;
	return 0;
}

static int decode_unknown(struct hy_backend_vcpu *be)
{
	const struct kvm_run *run = kvm_cpu_of(be)->run;
	struct hy_exit *exit = begin_exit(be, HY_EXIT_UNKNOWN);

	exit->unknown.host_code = run->exit_reason;
	exit->unknown.raw_size = sizeof(exit->unknown.raw);
	memcpy(exit->unknown.raw, exit_data(run), sizeof(exit->unknown.raw));
	return 0;
}

static int decode_system(struct hy_backend_vcpu *be)
{
	uint32_t type = kvm_cpu_of(be)->run->system_event.type;

	if (type != KVM_SYSTEM_EVENT_SHUTDOWN && type != KVM_SYSTEM_EVENT_RESET)
		return decode_unknown(be);
	begin_exit(be, HY_EXIT_SYSTEM);
	be->exit->system.event =
		type == KVM_SYSTEM_EVENT_RESET ? HY_SYSTEM_RESET : HY_SYSTEM_POWER_OFF;
	return 0;
}

struct hy_exit *kvm_exit_fault(struct hy_backend_vcpu *be, uint32_t reason, uint64_t host_code)
{
	struct hy_exit *exit = begin_exit(be, HY_EXIT_FAULT);

	exit->fault.reason = reason;
	exit->fault.gpa = HY_ADDR_UNKNOWN;
	exit->fault.ip = kvm_arch_ip(be);
	exit->fault.host_code = host_code;
	return exit;
}

static int decode_fail_entry(struct hy_backend_vcpu *be)
{
	uint64_t reason = kvm_cpu_of(be)->run->fail_entry.hardware_entry_failure_reason;
	struct hy_exit *exit = kvm_exit_fault(be, HY_FAULT_STATE, reason);

	snprintf(exit->fault.text, sizeof(exit->fault.text),
	         "the processor refuses this register state (KVM_EXIT_FAIL_ENTRY 0x%" PRIx64 ")",
	         reason);
	return 0;
}

static int decode_internal_error(struct hy_backend_vcpu *be)
{
	uint32_t suberror = kvm_cpu_of(be)->run->internal.suberror;

	if (suberror != KVM_INTERNAL_ERROR_EMULATION)
		return decode_unknown(be);
	return kvm_arch_emulation_failure(be);
}

static int decode_memory_fault(struct hy_backend_vcpu *be, bool gpa_known, uint64_t host_code)
{
	struct memory_fault info;
	struct hy_exit *exit = kvm_exit_fault(be, HY_FAULT_MEMORY, host_code);

	if (!gpa_known) {
		snprintf(exit->fault.text, sizeof(exit->fault.text),
		         "the host can't reach the pages behind guest memory");
		return 0;
	}
	memcpy(&info, exit_data(kvm_cpu_of(be)->run), sizeof(info));
	exit->fault.gpa = info.gpa;
	snprintf(exit->fault.text, sizeof(exit->fault.text),
	         "the host can't reach the pages behind guest memory at 0x%" PRIx64, info.gpa);
	return 0;
}

int kvm_exit_decode(struct hy_backend_vcpu *be)
{
	int r;

	switch (kvm_cpu_of(be)->run->exit_reason) {
	case KVM_EXIT_MMIO:
		return decode_mmio(be);
	case KVM_EXIT_SHUTDOWN:
		begin_exit(be, HY_EXIT_SHUTDOWN);
		return 0;
	case KVM_EXIT_SYSTEM_EVENT:
		return decode_system(be);
	case KVM_EXIT_FAIL_ENTRY:
		return decode_fail_entry(be);
	case KVM_EXIT_INTERNAL_ERROR:
		return decode_internal_error(be);
	case KVM_EXIT_MEMORY_FAULT:
		return decode_memory_fault(be, true, KVM_EXIT_MEMORY_FAULT);
	case KVM_EXIT_INTR:
		return KVM_RUN_AGAIN;
	}
	r = kvm_arch_exit(be);
	return r == KVM_EXIT_NOT_MINE ? decode_unknown(be) : r;
}

int kvm_exit_failed(struct hy_backend_vcpu *be, int err)
{
	bool described = kvm_cpu_of(be)->run->exit_reason == KVM_EXIT_MEMORY_FAULT;

	if (err == EFAULT || err == EHWPOISON)
		return decode_memory_fault(be, described, (uint64_t)err);
	return kvm_services_of(be)->fail(kvm_status(err) == HY_E_NOMEM ? HY_E_NOMEM : HY_E_HOST, err,
	                                 NULL, NULL, "KVM_RUN of vCPU %u", be->id);
}
