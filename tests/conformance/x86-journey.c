/* SPDX-License-Identifier: MIT */
/* From the reset vector to the kernel, and to user mode and back: the same on every host. */
#include <string.h>

#include "conform.h"

USE_GUEST(journey);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define ROM UINT64_C(0xffff0000)
#define ROM_SIZE 0x10000u
#define RESET_VECTOR 0xfff0u

/* The guest's ports, see x86-journey-guests.S. */
#define LETTER 0xe9
#define DETAIL 0xea
#define WAY 0xeb
#define ADDRESS 0xec

/* Bits of what the guest asks WAY for. */
#define BY_PAGING32 1u
#define TO_USER 2u

struct step {
	uint16_t port;
	uint8_t size;
	uint32_t value;
};

/* Error codes of page faults (SDM vol. 3, section 4.7). */
#define PRESENT 1u
#define WRITE 2u
#define USER 4u

static const struct step to_protected_mode[] = {
	{ LETTER, 1, 'R' },
	{ LETTER, 1, 'P' },
};

static const struct step in_paging32[] = {
	{ LETTER, 1, 'F' }, { DETAIL, 4, WRITE }, { ADDRESS, 4, 0x4008 },
	{ LETTER, 1, 'F' }, { DETAIL, 4, PRESENT | WRITE }, { ADDRESS, 4, 0x6008 },
	{ DETAIL, 4, 0x4067 }, { DETAIL, 4, 3 },
};

static const struct step in_kernel[] = {
	{ LETTER, 1, 'C' },
	{ LETTER, 1, 'L' },
	{ LETTER, 1, 'B' }, { DETAIL, 4, 0x18 }, { ADDRESS, 4, 0x9000 },
	{ LETTER, 1, 'U' }, { DETAIL, 4, 0x18 }, { ADDRESS, 4, 0x9000 },
	{ LETTER, 1, 'D' },
	{ LETTER, 1, 'I' }, { DETAIL, 4, 0x18 }, { ADDRESS, 4, 0x9000 },
	{ LETTER, 1, 'F' }, { DETAIL, 4, 0 }, { ADDRESS, 4, 0x4008 },
	{ LETTER, 1, 'F' }, { DETAIL, 4, PRESENT | WRITE }, { ADDRESS, 4, 0x6008 },
	{ DETAIL, 4, 2 },
};

static const struct step in_user_mode[] = {
	{ LETTER, 1, 'I' }, { DETAIL, 4, 0x3b }, { ADDRESS, 4, 0x8000 },
	{ LETTER, 1, 'B' }, { DETAIL, 4, 0x3b }, { ADDRESS, 4, 0x8000 },
	{ LETTER, 1, 'S' }, { DETAIL, 4, 0x203 }, { DETAIL, 4, 0x246 }, { ADDRESS, 4, 0 },
	{ LETTER, 1, 'G' }, { DETAIL, 4, 0 },
	{ LETTER, 1, 'U' }, { DETAIL, 4, 0x3b }, { ADDRESS, 4, 0x8000 },
	{ LETTER, 1, 'F' }, { DETAIL, 4, PRESENT | USER }, { ADDRESS, 4, 0x5008 },
	{ LETTER, 1, 'F' }, { DETAIL, 4, WRITE | USER }, { ADDRESS, 4, 0x200000 },
	{ LETTER, 1, 'S' }, { DETAIL, 4, 0x203 }, { DETAIL, 4, 0x246 },
};

struct expected {
	hy_reg id;
	uint64_t value;
};

/* At the end.  What a host is free to choose isn't here. */
static const struct expected everywhere[] = {
	{ HY_X86_RSP, 0x9000 },
	{ HY_X86_RSI, 2 },
	{ HY_X86_R8, 0 },
	{ HY_X86_R13, 0 },
	{ HY_X86_R14, 0x22446688aaccef10 },
	{ HY_X86_R15, 0x1122334455667788 },
	{ HY_X86_RFLAGS, 0x46 },
	{ HY_X86_CR0, 0x80010033 },
	{ HY_X86_CR3, 0x10000 },
	{ HY_X86_CR4, 0x20 },
	{ HY_X86_EFER, 0xd01 },
};

static const struct expected after_kernel[] = {
	{ HY_X86_RAX, 2 },
	{ HY_X86_RCX, 0 },
	{ HY_X86_RDX, 0 },
	{ HY_X86_RBX, 0 },
	{ HY_X86_RBP, 6 },
	{ HY_X86_RDI, 0x14000 },
	{ HY_X86_R11, 0 },
	{ HY_X86_CR2, 0x6008 },
};

static const struct expected after_user_mode[] = {
	{ HY_X86_RAX, 0x246 },
	{ HY_X86_RDX, 0x77 },
	{ HY_X86_RBX, 1 },
	{ HY_X86_RBP, 5 },
	{ HY_X86_RDI, 0x203 },
	{ HY_X86_R11, 0x246 },
	{ HY_X86_CR2, 0x200000 },
	{ HY_X86_MSR(HY_X86_MSR_STAR), UINT64_C(0x0028001800000000) },
	{ HY_X86_MSR(HY_X86_MSR_FMASK), 0x47fd5 },
};

struct expected_segment {
	hy_reg id;
	uint16_t selector;
	uint16_t attributes;
};

static const struct expected_segment segments[] = {
	{ HY_X86_CS, 0x18, HY_X86_ATTR_CODE64 },
	{ HY_X86_SS, 0x20, HY_X86_ATTR_DATA32 },
	{ HY_X86_DS, 0x33, HY_X86_ATTR_DATA32 | HY_X86_SEG_DPL },
	{ HY_X86_GS, 0x33, HY_X86_ATTR_DATA32 | HY_X86_SEG_DPL },
	{ HY_X86_TR, 0x40, HY_X86_SEG_P | HY_X86_TYPE_TSS_BUSY },
};

/* In its reset state, with a near jump at the reset vector to the guest's start. */
static void power_on(struct conform *t)
{
	const uint8_t jump[] = { 0xe9, 0x0d, 0x00 };

	OK(hy_vm_create(t->host, NULL, &t->vm));
	OK(hy_vm_alloc_memory(t->vm, 0, RAM_SIZE, HY_PROT_RWX, 0));
	OK(hy_vm_alloc_memory(t->vm, ROM, ROM_SIZE, HY_PROT_RWX, 0));
	write_ram(t, ROM, journey.start, (size_t)(journey.end - journey.start));
	write_ram(t, ROM + RESET_VECTOR, jump, sizeof(jump));
	OK(hy_vcpu_create(t->vm, NULL, &t->vcpu));
}

static void follow(struct conform *t, const struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++)
		OUT(t, steps[i].port, steps[i].size, steps[i].value);
}
#define FOLLOW(t, steps) follow((t), (steps), COUNT(steps))

static void check_registers(struct conform *t, const struct expected *expected, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = get_reg(t, expected[i].id);

		if (value != expected[i].value)
			FAIL("register %zu of the list is %#llx, should be %#llx", i, (unsigned long long)value,
			     (unsigned long long)expected[i].value);
	}
}
#define CHECK_REGISTERS(t, expected) check_registers((t), (expected), COUNT(expected))

static void check_segments(struct conform *t)
{
	for (size_t i = 0; i < COUNT(segments); i++) {
		union hy_value value;

		OK(hy_vcpu_get_regs(t->vcpu, &segments[i].id, &value, 1));
		CHECK_EQ(value.segment.selector, segments[i].selector);
		CHECK_EQ(value.segment.attributes, segments[i].attributes);
	}
}

static void travel(struct conform *t, uint32_t way)
{
	power_on(t);
	IN(t, WAY, 1, way);
	FOLLOW(t, to_protected_mode);
	if (way & BY_PAGING32)
		FOLLOW(t, in_paging32);
	FOLLOW(t, in_kernel);
	if (way & TO_USER)
		FOLLOW(t, in_user_mode);
	HALT(t);
	CHECK_REGISTERS(t, everywhere);
	if (way & TO_USER)
		CHECK_REGISTERS(t, after_user_mode);
	else
		CHECK_REGISTERS(t, after_kernel);
	check_segments(t);
}

static void reset_to_kernel(struct conform *t)
{
	travel(t, 0);
}

static void reset_to_user(struct conform *t)
{
	travel(t, TO_USER);
}

static void paging_32(struct conform *t)
{
	travel(t, BY_PAGING32);
}

const struct conform_case conform_journey[] = {
	{ "journey/reset-to-kernel", "HY-B70", reset_to_kernel, HY_ARCH_X86_64, { 0 } },
	{ "journey/reset-to-user", "HY-B70", reset_to_user, HY_ARCH_X86_64, { HY_CAP_USER_CALLS } },
	{ "journey/paging-32", "HY-B70", paging_32, HY_ARCH_X86_64, { HY_CAP_PAGING32 } },
	{ 0 },
};
