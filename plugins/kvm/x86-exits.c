/* SPDX-License-Identifier: MIT */
/* The exits that only x86 has, and what happens around KVM_RUN. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "assist.h"
#include "kvm.h"

/* SDM vol. 3, section 21.2.1: CPL is the DPL of SS. */
#define VIRTUAL_8086_CPL 3

void kvm_arch_before_run(struct hy_backend_vcpu *be)
{
	struct kvm_cpu *cpu = kvm_cpu_of(be);
	struct kvm_run *run = cpu->run;

	if (cpu->pending == KVM_PENDING_MSR)
		run->msr.error = be->refused != 0;
	else if (cpu->pending == KVM_PENDING_IO && run->io.direction == KVM_EXIT_IO_IN &&
	         (run->kvm_dirty_regs & KVM_SYNC_X86_REGS))
		kvm_x86_io_merge_in(be);
}

/* KVM fills the shared page when it comes out, but not for every error. */
void kvm_arch_after_run(struct hy_backend_vcpu *be, int err)
{
	struct kvm_cpu *cpu = kvm_cpu_of(be);
	bool filled = err == 0 || err == -EINTR || err == -EAGAIN;
	bool waiting = cpu->run->kvm_dirty_regs & KVM_SYNC_X86_REGS;

	cpu->arch.io_form = X86_IO_UNKNOWN;
	cpu->arch.regs_valid = filled || waiting;
	cpu->arch.sregs_valid = filled && (cpu->run->kvm_valid_regs & KVM_SYNC_X86_SREGS);
}

uint64_t kvm_arch_ip(const struct hy_backend_vcpu *be)
{
	const struct kvm_cpu *cpu = kvm_cpu_of(be);

	return cpu->arch.regs_valid ? cpu->run->s.regs.regs.rip : HY_ADDR_UNKNOWN;
}

/* --- Accesses ----------------------------------------------------------------------------- */

static int decode_io(struct hy_backend_vcpu *be)
{
	struct kvm_cpu *cpu = kvm_cpu_of(be);
	struct kvm_run *run = cpu->run;
	bool write = run->io.direction == KVM_EXIT_IO_OUT;
	void *data = (uint8_t *)run + run->io.data_offset;

	kvm_exit_access(be, HY_EXIT_IO, data, run->io.size * run->io.count, write);
	be->exit->io.port = run->io.port;
	be->exit->io.size = run->io.size;
	be->exit->io.write = write;
	be->exit->io.count = run->io.count;
	cpu->pending = KVM_PENDING_IO;
	return 0;
}

static int decode_msr(struct hy_backend_vcpu *be, bool write)
{
	struct kvm_cpu *cpu = kvm_cpu_of(be);
	struct kvm_run *run = cpu->run;

	kvm_exit_access(be, HY_EXIT_MSR, &run->msr.data, sizeof(run->msr.data), write);
	be->exit->msr.index = run->msr.index;
	be->exit->msr.write = write;
	cpu->pending = KVM_PENDING_MSR;
	return 0;
}

int kvm_arch_exit(struct hy_backend_vcpu *be)
{
	switch (kvm_cpu_of(be)->run->exit_reason) {
	case KVM_EXIT_IO:
		return decode_io(be);
	case KVM_EXIT_X86_RDMSR:
		return decode_msr(be, false);
	case KVM_EXIT_X86_WRMSR:
		return decode_msr(be, true);
	case KVM_EXIT_HLT:
		memset(be->exit, 0, sizeof(*be->exit));
		be->exit->kind = HY_EXIT_HALT;
		return 0;
	case KVM_EXIT_SET_TPR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		return KVM_RUN_AGAIN;
	default:
		return KVM_EXIT_NOT_MINE;
	}
}

/* --- What can't be emulated ------------------------------------------------------------------ */

/* The bytes that KVM has fetched; none where it couldn't. */
static void take_bytes(const struct kvm_run *run, struct hy_exit *exit)
{
	const __u64 flag = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	uint8_t size;

	/* The flags are the first word of the data, size and bytes the next two. */
	if (run->emulation_failure.ndata < 3 || !(run->emulation_failure.flags & flag))
		return;
	size = run->emulation_failure.insn_size;
	if (size > X86_INSN_MAX)
		size = X86_INSN_MAX;
	memcpy(exit->fault.insn, run->emulation_failure.insn_bytes, size);
	exit->fault.insn_size = size;
}

static const char *mode_name(const struct kvm_sregs *sregs)
{
	if (kvm_x86_is_long(sregs))
		return "64-bit";
	if (!(sregs->cr0 & HY_X86_CR0_PE))
		return "real mode";
	return sregs->cs.db ? "32-bit" : "16-bit";
}

static unsigned cpl(const struct kvm_sregs *sregs, uint64_t rflags)
{
	if (!(sregs->cr0 & HY_X86_CR0_PE))
		return 0;
	return rflags & HY_X86_RFLAGS_VM ? VIRTUAL_8086_CPL : sregs->ss.dpl;
}

static size_t print_bytes(char *text, size_t size, const uint8_t *bytes, size_t count)
{
	size_t length = 0;

	text[0] = '\0';
	for (size_t i = 0; i < count && length + 4 <= size; i++)
		length += (size_t)snprintf(text + length, size - length, i ? " %02x" : "%02x", bytes[i]);
	return length;
}

static void describe_refusal(const struct kvm_sregs *sregs, uint64_t rflags, const struct xe_refusal *refusal,
                             struct hy_exit *exit)
{
	char bytes[3 * X86_INSN_MAX + 1], place[64];

	snprintf(place, sizeof(place), "%s, CPL %u, rip 0x%" PRIx64, mode_name(sregs), cpl(sregs, rflags),
	         exit->fault.ip);
	if (exit->fault.reason == HY_FAULT_FETCH)
		snprintf(exit->fault.text, sizeof(exit->fault.text), "%s: no memory at 0x%" PRIx64 " to fetch from",
		         place, exit->fault.gpa);
	else if (print_bytes(bytes, sizeof(bytes), exit->fault.insn, exit->fault.insn_size))
		snprintf(exit->fault.text, sizeof(exit->fault.text), "%s: %s: %s", place, bytes, refusal->what);
	else
		snprintf(exit->fault.text, sizeof(exit->fault.text), "%s: the instruction can't be fetched", place);
}

int kvm_x86_refused(struct hy_backend_vcpu *be, const struct xe_refusal *refusal)
{
	const struct kvm_run *run = kvm_cpu_of(be)->run;
	const struct kvm_sregs *sregs = &run->s.regs.sregs;
	bool fetch = refusal->reason == XE_REFUSED_FETCH;
	struct hy_exit *exit = kvm_exit_fault(be, fetch ? HY_FAULT_FETCH : HY_FAULT_EMULATION,
	                                      KVM_INTERNAL_ERROR_EMULATION);
	int r;

	exit->fault.access = refusal->access;
	exit->fault.gpa = refusal->gpa;
	take_bytes(run, exit);
	r = kvm_x86_load_sregs(be);
	if (r)
		return r;
	if (!exit->fault.insn_size) {
		/* The guest may have changed its page tables behind our back. */
		kvm_x86_forget_pages(be);
		exit->fault.insn_size = (uint8_t)kvm_x86_read(be, kvm_x86_linear(sregs, &sregs->cs, exit->fault.ip),
		                                              exit->fault.insn, X86_INSN_MAX);
	}
	describe_refusal(sregs, run->s.regs.regs.rflags, refusal, exit);
	return 0;
}
