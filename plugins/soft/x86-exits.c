/* SPDX-License-Identifier: MIT */
/* From what the executor has come to, to libhy's exits. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "soft.h"

static struct hy_exit *begin_exit(struct hy_backend_vcpu *be, uint32_t kind)
{
	memset(be->exit, 0, sizeof(*be->exit));
	be->exit->kind = kind;
	return be->exit;
}

/* --- Accesses --------------------------------------------------------------------------- */

static int access_exit(struct hy_backend_vcpu *be)
{
	static const uint32_t kinds[] = {
		[XE_ACCESS_IO] = HY_EXIT_IO,
		[XE_ACCESS_MMIO] = HY_EXIT_MMIO,
		[XE_ACCESS_MSR] = HY_EXIT_MSR,
	};
	struct xe_access *access = &soft_vcpu_of(be)->cpu.access;
	struct hy_exit *exit = begin_exit(be, kinds[access->kind]);

	exit->flags = HY_EXIT_PENDING;
	exit->data = access->data;
	exit->data_size = access->size;
	switch (access->kind) {
	case XE_ACCESS_IO:
		exit->io.port = (uint16_t)access->address;
		exit->io.size = access->size;
		exit->io.write = access->write;
		exit->io.count = 1;
		break;
	case XE_ACCESS_MMIO:
		exit->mmio.gpa = access->address;
		exit->mmio.size = access->size;
		exit->mmio.write = access->write;
		break;
	default:
		exit->msr.index = (uint32_t)access->address;
		exit->msr.write = access->write;
	}
	return 0;
}

/* --- What can't be executed ------------------------------------------------------------------ */

/* Copies what can be had of the code at the instruction pointer. */
static uint8_t read_code(struct soft_vcpu *vcpu, uint8_t *code)
{
	struct xe_cpu *cpu = &vcpu->cpu;
	struct xe_translation translation;
	uint8_t size = 0;
	uint32_t prot;

	while (size < XE_INSN_MAX) {
		uint64_t linear = xe_linear(cpu, XE_CS, cpu->rip + size);
		const uint8_t *page;

		if (xe_translate(cpu, linear, HY_PROT_EXEC, cpu->cpl == 3, false, &translation) != XE_OK)
			break;
		page = soft_page(vcpu, translation.gpa & ~XE_PAGE_MASK, &prot);
		if (!page || !(prot & HY_PROT_EXEC))
			break;
		code[size++] = page[translation.gpa & XE_PAGE_MASK];
	}
	return size;
}

static const char *mode_name(const struct xe_cpu *cpu)
{
	if (cpu->mode == 8)
		return "64-bit";
	if (!(cpu->cr0 & HY_X86_CR0_PE))
		return "real mode";
	if (cpu->rflags & HY_X86_RFLAGS_VM)
		return "virtual-8086 mode";
	return cpu->mode == 4 ? "32-bit" : "16-bit";
}

static void print_bytes(char *text, size_t size, const uint8_t *bytes, size_t count)
{
	size_t length = 0;

	text[0] = '\0';
	for (size_t i = 0; i < count && length + 4 <= size; i++)
		length += (size_t)snprintf(text + length, size - length, i ? " %02x" : "%02x", bytes[i]);
}

static void describe(const struct xe_cpu *cpu, struct hy_exit *exit)
{
	char bytes[3 * XE_INSN_MAX + 1];
	int at = snprintf(exit->fault.text, sizeof(exit->fault.text), "%s, CPL %u, rip 0x%" PRIx64 ": ", mode_name(cpu),
	                  cpu->cpl, cpu->rip);
	char *text = exit->fault.text + at;
	size_t room = sizeof(exit->fault.text) - (size_t)at;

	print_bytes(bytes, sizeof(bytes), exit->fault.insn, exit->fault.insn_size);
	switch (exit->fault.reason) {
	case HY_FAULT_FETCH:
		snprintf(text, room, "no memory at 0x%" PRIx64 " to fetch from", exit->fault.gpa);
		break;
	case HY_FAULT_MEMORY:
		snprintf(text, room, "%s at 0x%" PRIx64 ": no memory", cpu->refusal.what, exit->fault.gpa);
		break;
	default:
		snprintf(text, room, "%s: %s", bytes, cpu->refusal.what);
	}
}

static int fault_exit(struct hy_backend_vcpu *be)
{
	static const uint32_t reasons[] = {
		[XE_REFUSED_INSN] = HY_FAULT_EMULATION,
		[XE_REFUSED_FETCH] = HY_FAULT_FETCH,
		[XE_REFUSED_MEMORY] = HY_FAULT_MEMORY,
	};
	struct soft_vcpu *vcpu = be->priv;
	const struct xe_refusal *refusal = &vcpu->cpu.refusal;
	struct hy_exit *exit = begin_exit(be, HY_EXIT_FAULT);

	exit->fault.reason = reasons[refusal->reason];
	exit->fault.access = refusal->access;
	exit->fault.gpa = refusal->gpa;
	exit->fault.ip = vcpu->cpu.rip;
	soft_enter(vcpu);
	exit->fault.insn_size = read_code(vcpu, exit->fault.insn);
	soft_leave(vcpu);
	describe(&vcpu->cpu, exit);
	return 0;
}

int soft_exit(struct hy_backend_vcpu *be, enum xe_result result)
{
	switch (result) {
	case XE_ACCESS:
		return access_exit(be);
	case XE_HALT:
		begin_exit(be, HY_EXIT_HALT);
		return 0;
	case XE_SHUTDOWN:
		begin_exit(be, HY_EXIT_SHUTDOWN);
		return 0;
	case XE_REFUSED:
		return fault_exit(be);
	default:
		return HY_RUN_INTERRUPTED;
	}
}
