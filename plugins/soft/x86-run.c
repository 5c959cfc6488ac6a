/* SPDX-License-Identifier: MIT */
/* Running: finishing an access, and going on from there. */
#include "soft.h"

/* The bits of a register that an IN of this size brings; of 4 bytes all, since it clears the rest. */
static uint64_t in_mask(uint8_t size)
{
	return size < 4 ? (UINT64_C(1) << 8 * size) - 1 : UINT64_MAX;
}

/*
 * What the program has written meanwhile becomes the guest's, but for what an IN
 * has brought.
 */
static void take_rewritten(struct soft_vcpu *vcpu, uint64_t mask)
{
	uint64_t *gpr = vcpu->cpu.gpr;

	vcpu->gpr[XE_RAX] = (vcpu->gpr[XE_RAX] & ~mask) | (gpr[XE_RAX] & mask);
	for (unsigned i = 0; i < 16; i++)
		gpr[i] = vcpu->gpr[i];
	vcpu->rewritten = false;
}

/* Finishes the pending access: XE_OK, or XE_ACCESS with the instruction's next one. */
static enum xe_result finish(struct soft_vcpu *vcpu)
{
	struct xe_cpu *cpu = &vcpu->cpu;
	uint64_t mask = cpu->access.write ? 0 : in_mask(cpu->access.size);
	enum xe_result result;

	cpu->access.refused = vcpu->be->refused != 0;
	result = xe_execute(cpu);
	if (vcpu->rewritten)
		take_rewritten(vcpu, result == XE_OK ? mask : 0);
	/* An exception is part of the instruction: the guest is in its handler then. */
	return result == XE_EXCEPTION ? xe_deliver(cpu, &cpu->event) : result;
}

static enum xe_result run_inside(struct soft_vcpu *vcpu, bool stop)
{
	enum xe_result result = XE_OK;

	if (xe_is_pending(&vcpu->cpu))
		result = finish(vcpu);
	return result == XE_OK && !stop ? xe_run(&vcpu->cpu) : result;
}

int soft_vcpu_run(struct hy_backend_vcpu *be)
{
	struct soft_vcpu *vcpu = be->priv;
	enum xe_result result;
	bool stop;

	/* In this order: a poke between the two must find its way. */
	__atomic_store_n(&vcpu->attention, 0, __ATOMIC_SEQ_CST);
	stop = hy_backend_requests(be) != 0;
	if (stop && !xe_is_pending(&vcpu->cpu))
		return HY_RUN_INTERRUPTED;
	soft_enter(vcpu);
	result = run_inside(vcpu, stop);
	soft_leave(vcpu);
	return soft_exit(be, result);
}

int soft_vcpu_complete(struct hy_backend_vcpu *be)
{
	struct soft_vcpu *vcpu = be->priv;
	enum xe_result result;

	soft_enter(vcpu);
	result = run_inside(vcpu, true);
	soft_leave(vcpu);
	return soft_exit(be, result);
}
