/* SPDX-License-Identifier: MIT */
/* x87 and vector state as an XSAVE image. */
#include <string.h>

#include "soft.h"

/* SDM vol. 1, section 13.4.2: where XSTATE_BV is in the image. */
#define XSAVE_XSTATE_BV 512
#define XSTATE_X87_SSE 3u
#define LEAF_XSAVE 0xdu

int soft_get_xsave(struct hy_backend_vcpu *be, void *image, size_t *size)
{
	size_t room = *size;

	*size = XE_XSAVE_SIZE;
	if (room < *size)
		return soft_services_of(be)->fail(HY_E_LIMIT, 0, NULL, NULL,
		                                  "room for %zu bytes of XSAVE image, needed are %zu", room, *size);
	xe_get_xsave(&soft_vcpu_of(be)->cpu, image);
	return 0;
}

/* The components that the guest's CPUID has. */
static uint64_t allowed_components(const struct hy_vm_options *options)
{
	const struct hy_x86_cpuid *line = soft_cpuid_find(options, LEAF_XSAVE, 0);

	return line ? line->eax | (uint64_t)line->edx << 32 | XSTATE_X87_SSE : XSTATE_X87_SSE;
}

static const char *xsave_complaint(struct hy_backend_vcpu *be, const uint8_t *image, size_t size)
{
	uint64_t present;

	if (size != XE_XSAVE_SIZE)
		return "the size differs from what reading gives";
	memcpy(&present, image + XSAVE_XSTATE_BV, sizeof(present));
	if (present & ~allowed_components(be->vm->options))
		return "XSTATE_BV has bits that the CPUID table doesn't have";
	if (!xe_set_xsave(&soft_vcpu_of(be)->cpu, image))
		return "it is compacted, or has reserved bits in its header or MXCSR";
	return NULL;
}

int soft_set_xsave(struct hy_backend_vcpu *be, const void *image, size_t size)
{
	const char *complaint = xsave_complaint(be, image, size);

	if (!complaint)
		return 0;
	return soft_services_of(be)->fail(HY_E_INVALID, 0, NULL, NULL, "XSAVE image for vCPU %u: %s", be->id,
	                                  complaint);
}
