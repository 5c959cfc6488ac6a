/* SPDX-License-Identifier: MIT */
/* State without register ids: x87 and vectors, pending events. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kvm.h"

/* The XSAVE image (SDM vol. 1, sections 10.5.1 and 13.4). */
#define XSAVE_FCW 0
#define XSAVE_ABRIDGED_FTW 4
#define XSAVE_MXCSR 24
#define XSAVE_HEADER 512
#define XSAVE_XSTATE_BV XSAVE_HEADER
#define XSAVE_XCOMP_BV (XSAVE_HEADER + 8)
#define XSAVE_RESERVED (XSAVE_HEADER + 16)
#define XSAVE_RESERVED_SIZE 48
#define XSTATE_X87_SSE 3u

/* Leaf 0xd, subleaf 0: the bits that XCR0 can have (SDM vol. 1, section 13.2). */
#define LEAF_XSAVE 0xdu

/* After reset (SDM vol. 3, table 10-1); the full tag word 5555H says "zero" eight times. */
#define RESET_FCW 0x0040
#define RESET_ABRIDGED_FTW 0xff
#define RESET_MXCSR 0x1f80

size_t kvm_x86_xsave_size(const struct hy_backend_vcpu *be)
{
	return ((const struct kvm_vm *)be->vm->priv)->arch.xsave_size;
}

int kvm_x86_get_xsave(struct hy_backend_vcpu *be, void *image, size_t *size)
{
	const struct hy_services *services = kvm_services_of(be);
	size_t room = *size;
	bool big = kvm_x86_xsave_size(be) > X86_XSAVE_SIZE;
	int r;

	*size = kvm_x86_xsave_size(be);
	if (room < *size)
		return services->fail(HY_E_LIMIT, 0, NULL, NULL,
		                      "room for %zu bytes of XSAVE image, needed are %zu", room, *size);
	r = kvm_vcpu_ioctl(be, big ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, image);
	if (r < 0)
		return services->fail(kvm_status(-r), -r, NULL, NULL, "%s of vCPU %u",
		                      big ? "KVM_GET_XSAVE2" : "KVM_GET_XSAVE", be->id);
	return 0;
}

uint64_t kvm_x86_xstate(const struct hy_vm_options *options)
{
	const struct hy_x86_cpuid *line = kvm_x86_cpuid_find(
		options->x86_cpuid, options->x86_cpuid_count, LEAF_XSAVE, 0);

	return line ? line->eax | (uint64_t)line->edx << 32 | XSTATE_X87_SSE : XSTATE_X87_SSE;
}

static const char *xsave_complaint(const struct hy_backend_vcpu *be, const uint8_t *image, size_t size)
{
	static const uint8_t zeros[XSAVE_RESERVED_SIZE];
	uint64_t present, compacted;

	if (size != kvm_x86_xsave_size(be))
		return "the size differs from what reading gives";
	memcpy(&present, image + XSAVE_XSTATE_BV, sizeof(present));
	memcpy(&compacted, image + XSAVE_XCOMP_BV, sizeof(compacted));
	if (present & ~kvm_x86_xstate(be->vm->options))
		return "XSTATE_BV has bits that the CPUID table doesn't have";
	if (compacted)
		return "it is compacted (XCOMP_BV isn't 0)";
	if (memcmp(image + XSAVE_RESERVED, zeros, sizeof(zeros)) != 0)
		return "reserved bytes of its header aren't 0";
	return NULL;
}

int kvm_x86_set_xsave(struct hy_backend_vcpu *be, const void *image, size_t size)
{
	const struct hy_services *services = kvm_services_of(be);
	const char *complaint = xsave_complaint(be, image, size);
	int r;

	if (complaint)
		return services->fail(HY_E_INVALID, 0, NULL, NULL, "XSAVE image for vCPU %u: %s",
		                      be->id, complaint);
	r = kvm_vcpu_ioctl(be, KVM_SET_XSAVE, (void *)(uintptr_t)image);
	if (r == -EINVAL)
		return services->fail(HY_E_INVALID, EINVAL, NULL, NULL,
		                      "KVM_SET_XSAVE of vCPU %u: reserved bits in XSTATE_BV or MXCSR",
		                      be->id);
	if (r < 0)
		return services->fail(kvm_status(-r), -r, NULL, NULL, "KVM_SET_XSAVE of vCPU %u",
		                      be->id);
	return 0;
}

/* --- Reset ------------------------------------------------------------------------------ */

static int reset_xsave(struct hy_backend_vcpu *be)
{
	const uint16_t fcw = RESET_FCW;
	const uint32_t mxcsr = RESET_MXCSR;
	const uint64_t present = XSTATE_X87_SSE;
	uint8_t *image = calloc(1, kvm_x86_xsave_size(be));
	int r;

	if (!image)
		return kvm_services_of(be)->fail(HY_E_NOMEM, 0, NULL, NULL,
		                                 "memory for vCPU %u's XSAVE image", be->id);
	memcpy(image + XSAVE_FCW, &fcw, sizeof(fcw));
	image[XSAVE_ABRIDGED_FTW] = RESET_ABRIDGED_FTW;
	memcpy(image + XSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
	/* The components that aren't present get their initial state: zeros. */
	memcpy(image + XSAVE_XSTATE_BV, &present, sizeof(present));
	r = kvm_x86_set_xsave(be, image, kvm_x86_xsave_size(be));
	free(image);
	return r;
}

static int reset_events(struct hy_backend_vcpu *be)
{
	struct kvm_run *run = kvm_cpu_of(be)->run;
	struct kvm_vcpu_events none = {
		.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW,
	};
	int r = kvm_vcpu_ioctl(be, KVM_SET_VCPU_EVENTS, &none);

	if (r < 0)
		return kvm_services_of(be)->fail(kvm_status(-r), -r, NULL, NULL,
		                                 "KVM_SET_VCPU_EVENTS of vCPU %u", be->id);
	run->s.regs.events = none;
	run->kvm_dirty_regs &= ~(__u64)KVM_SYNC_X86_EVENTS;
	return 0;
}

int kvm_arch_vcpu_reset(struct hy_backend_vcpu *be)
{
	int r = reset_events(be);

	return r ? r : reset_xsave(be);
}
