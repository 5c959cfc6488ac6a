/* SPDX-License-Identifier: MIT */
/* What x86-assist.c and x86-assist-state.c share: an instruction that is executed here. */
#ifndef HY_KVM_X86_ASSIST_H
#define HY_KVM_X86_ASSIST_H

#include "assist.h"
#include "kvm.h"

struct x86_assist {
	struct xe_cpu cpu;
	struct hy_backend_vcpu *be;
	int error; /* of a call that xe_bus.load has made */

	/* What has been loaded, to see what is new. */
	struct xe_msrs msrs;
	uint64_t xcr0;
	uint32_t pkru;
	uint64_t tsc;

	uint32_t pkru_offset; /* in the image; 0: this host has no PKRU */
	size_t image_size;
	uint8_t image[]; /* XSAVE, as KVM gave it */
};

/* Makes the xe_cpu what the vCPU is, but for the parts that it asks for. */
int kvm_x86_assist_load(struct x86_assist *assist);
/* Loads XE_PART_*. */
int kvm_x86_assist_load_parts(struct x86_assist *assist, unsigned parts);
/* Makes the vCPU what the xe_cpu is. */
int kvm_x86_assist_store(struct x86_assist *assist);

#endif /* HY_KVM_X86_ASSIST_H */
