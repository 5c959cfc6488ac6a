/* SPDX-License-Identifier: MIT */
/* Registers and state: written and read back, seen by the guest, and after reset. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conform.h"

USE_GUEST(registers_halt);
USE_GUEST(registers_store);
USE_GUEST(registers_load);
USE_GUEST(registers_flags);
USE_GUEST(registers_control);
USE_GUEST(registers_new_cr3);
USE_GUEST(registers_tables);
USE_GUEST(registers_selectors);
USE_GUEST(registers_bases);
USE_GUEST(registers_msr);
USE_GUEST(registers_cpuid);
USE_GUEST(registers_fpu);
USE_GUEST(registers_debug);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define LEAF1_ECX_XSAVE (1u << 26)
#define LEAF1_EDX_MSR (1u << 5)
#define LEAF_XSAVE 0xdu
#define LEAF_EXTENDED 0x80000001u
#define EXTENDED_EDX_NX (1u << 20)

static void boot_reset(struct conform *t)
{
	OK(hy_vm_create(t->host, NULL, &t->vm));
	OK(hy_vm_alloc_memory(t->vm, 0, RAM_SIZE, HY_PROT_RWX, 0));
	OK(hy_vcpu_create(t->vm, NULL, &t->vcpu));
}

static const char *name_of(hy_reg id, char text[32])
{
	OK(hy_reg_name(id, text, 32));
	return text;
}

/* Writes, reads back. */
static void round_trip(struct conform *t, hy_reg id, uint64_t value)
{
	char name[32];
	uint64_t got;

	set_reg(t, id, value);
	got = get_reg(t, id);
	if (got != value)
		FAIL("%s is %#" PRIx64 ", should be %#" PRIx64, name_of(id, name), got, value);
}

static void check_segment(hy_reg id, const struct hy_segment *got, const struct hy_segment *wanted)
{
	char name[32];

	if (got->base != wanted->base || got->limit != wanted->limit || got->selector != wanted->selector ||
	    got->attributes != wanted->attributes)
		FAIL("%s is %#x:%#" PRIx64 "+%#x (%#x), should be %#x:%#" PRIx64 "+%#x (%#x)", name_of(id, name),
		     got->selector, got->base, got->limit, got->attributes, wanted->selector, wanted->base,
		     wanted->limit, wanted->attributes);
}

static void round_trip_segment(struct conform *t, hy_reg id, struct hy_segment segment)
{
	union hy_value value = { .segment = segment }, got;

	OK(hy_vcpu_set_regs(t->vcpu, &id, &value, 1));
	OK(hy_vcpu_get_regs(t->vcpu, &id, &got, 1));
	check_segment(id, &got.segment, &segment);
}

/* The host's line for a leaf; zeros where there is none. */
static struct hy_x86_cpuid host_leaf(struct conform *t, uint32_t leaf)
{
	struct hy_x86_cpuid *table, found = { .leaf = leaf };
	size_t count = 0;
	int status = hy_x86_host_cpuid(t->host, NULL, &count);

	if (status != HY_E_LIMIT) {
		OK(status);
		return found;
	}
	table = calloc(count, sizeof(*table));
	CHECK(table);
	OK(hy_x86_host_cpuid(t->host, table, &count));
	for (size_t i = 0; i < count; i++) {
		if (table[i].leaf == leaf && table[i].subleaf == 0)
			found = table[i];
	}
	free(table);
	return found;
}

/* --- Round trips ------------------------------------------------------------------------ */

static void general(struct conform *t)
{
	static const uint64_t values[] = { 0, UINT64_MAX, UINT64_C(0x0123456789abcdef), UINT64_C(1) << 63 };

	boot_reset(t);
	for (uint32_t n = 0; n < 16; n++) {
		for (size_t i = 0; i < COUNT(values); i++)
			round_trip(t, HY_X86_GENERAL(n), values[i]);
	}
}

/* Each keeps its own value while the others are written. */
static void general_apart(struct conform *t)
{
	boot_reset(t);
	for (uint32_t n = 0; n < 16; n++)
		set_reg(t, HY_X86_GENERAL(n), UINT64_C(0x1111111111111111) * n);
	for (uint32_t n = 0; n < 16; n++)
		CHECK_EQ(get_reg(t, HY_X86_GENERAL(n)), UINT64_C(0x1111111111111111) * n);
}

static void ip_and_flags(struct conform *t)
{
	static const uint64_t flags[] = {
		HY_X86_RFLAGS_ONE, HY_X86_RFLAGS_ONE | HY_X86_RFLAGS_CF | HY_X86_RFLAGS_ZF,
		HY_X86_RFLAGS_ONE | HY_X86_RFLAGS_PF | HY_X86_RFLAGS_AF | HY_X86_RFLAGS_SF,
		HY_X86_RFLAGS_ONE | HY_X86_RFLAGS_IF | HY_X86_RFLAGS_DF | HY_X86_RFLAGS_OF,
	};

	conform_boot(t, LONG, registers_halt);
	round_trip(t, HY_X86_RIP, 0);
	round_trip(t, HY_X86_RIP, UINT64_C(0x7fffffffffff));
	round_trip(t, HY_X86_RIP, UINT64_C(0xffff800000000000));
	for (size_t i = 0; i < COUNT(flags); i++)
		round_trip(t, HY_X86_RFLAGS, flags[i]);
}

/* Selector, base, limit and each attribute of data segments. */
static void data_segments(struct conform *t)
{
	static const hy_reg ids[] = { HY_X86_DS, HY_X86_ES, HY_X86_FS, HY_X86_GS };

	conform_boot(t, PROTECTED, registers_halt);
	for (size_t i = 0; i < COUNT(ids); i++) {
		round_trip_segment(t, ids[i], (struct hy_segment){ 0x12340000, 0xffff, 0x10, HY_X86_ATTR_DATA16 });
		round_trip_segment(t, ids[i], (struct hy_segment){ 0, 0xffffffff, 0x28, HY_X86_ATTR_DATA32 });
		round_trip_segment(t, ids[i], (struct hy_segment){ 0, 0xffffffff, 0x23, HY_X86_ATTR_DATA32 | HY_X86_SEG_DPL });
		round_trip_segment(t, ids[i], (struct hy_segment){ 0, 0xffffffff, 0x10, HY_X86_ATTR_DATA32 | HY_X86_SEG_AVL });
		/* read-only, expand-down, readable code */
		round_trip_segment(t, ids[i], (struct hy_segment){ 0, 0xfff, 0x10, 0x91 });
		round_trip_segment(t, ids[i], (struct hy_segment){ 0, 0xfff, 0x10, 0x97 });
		round_trip_segment(t, ids[i], (struct hy_segment){ 0, 0xfff, 0x10, HY_X86_ATTR_CODE16 });
	}
}

static void code_segments(struct conform *t)
{
	conform_boot(t, PROTECTED, registers_halt);
	round_trip_segment(t, HY_X86_CS, (struct hy_segment){ 0x1000, 0xffff, 0x08, HY_X86_ATTR_CODE16 });
	round_trip_segment(t, HY_X86_CS, (struct hy_segment){ 0, 0xffffffff, 0x08, HY_X86_ATTR_CODE32 });
	round_trip_segment(t, HY_X86_CS, (struct hy_segment){ 0, 0xffffffff, 0x08, HY_X86_ATTR_CODE32 | HY_X86_SEG_AVL });
}

static void code_segment_64(struct conform *t)
{
	conform_boot(t, LONG, registers_halt);
	round_trip_segment(t, HY_X86_CS, (struct hy_segment){ 0, 0xffffffff, 0x08, HY_X86_ATTR_CODE64 });
	round_trip_segment(t, HY_X86_CS, (struct hy_segment){ 0, 0xffffffff, 0x08, HY_X86_ATTR_CODE32 });
}

/* All of a base's 64 bits, as swapgs and its like need them. */
static void wide_bases(struct conform *t)
{
	const uint64_t base = UINT64_C(0xffff912345678000);

	conform_boot(t, LONG, registers_halt);
	round_trip_segment(t, HY_X86_FS, (struct hy_segment){ base, 0xffffffff, 0x10, HY_X86_ATTR_DATA32 });
	CHECK_EQ(get_reg(t, HY_X86_MSR(HY_X86_MSR_FS_BASE)), base);
	set_reg(t, HY_X86_MSR(HY_X86_MSR_GS_BASE), base + 1);
	round_trip_segment(t, HY_X86_GS, (struct hy_segment){ base, 0xffffffff, 0x10, HY_X86_ATTR_DATA32 });
	CHECK_EQ(get_reg(t, HY_X86_MSR(HY_X86_MSR_GS_BASE)), base);
}

static void system_segments(struct conform *t)
{
	const uint16_t ldt = HY_X86_SEG_P | HY_X86_TYPE_LDT, tss = HY_X86_SEG_P | HY_X86_TYPE_TSS_BUSY;

	conform_boot(t, LONG, registers_halt);
	round_trip_segment(t, HY_X86_LDTR, (struct hy_segment){ 0x5000, 0xff, 0x30, ldt });
	round_trip_segment(t, HY_X86_TR, (struct hy_segment){ UINT64_C(0xffff800000005000), 0x67, 0x40, tss });
}

/* An LDTR that holds nothing; "unusable" and "not present" are one. */
static void unusable_segment(struct conform *t)
{
	const uint16_t none = HY_X86_SEG_UNUSABLE | HY_X86_SEG_P;
	union hy_value value = { .segment = { 0, 0, 0, HY_X86_SEG_UNUSABLE } };
	hy_reg id = HY_X86_LDTR;

	conform_boot(t, LONG, registers_halt);
	OK(hy_vcpu_set_regs(t->vcpu, &id, &value, 1));
	OK(hy_vcpu_get_regs(t->vcpu, &id, &value, 1));
	CHECK((value.segment.attributes & none) != HY_X86_SEG_P);
	CHECK_EQ(value.segment.selector, 0);
	HALT(t);
}

static void tables(struct conform *t)
{
	boot_reset(t);
	round_trip_segment(t, HY_X86_GDTR, (struct hy_segment){ .base = 0x1234, .limit = 0x7f });
	round_trip_segment(t, HY_X86_GDTR, (struct hy_segment){ .base = UINT64_C(0xffff800000001000), .limit = 0xffff });
	round_trip_segment(t, HY_X86_IDTR, (struct hy_segment){ .base = 0x5678, .limit = 0x3ff });
	round_trip_segment(t, HY_X86_IDTR, (struct hy_segment){ .base = UINT64_C(0xffffffff81000000), .limit = 0 });
}

static void cr0(struct conform *t)
{
	const uint64_t base = HY_X86_CR0_ET | HY_X86_CR0_NE;

	boot_reset(t);
	round_trip(t, HY_X86_CR0, base);
	round_trip(t, HY_X86_CR0, base | HY_X86_CR0_CD | HY_X86_CR0_NW);
	round_trip(t, HY_X86_CR0, base | HY_X86_CR0_PE);
	round_trip(t, HY_X86_CR0, base | HY_X86_CR0_PE | HY_X86_CR0_MP | HY_X86_CR0_TS);
	round_trip(t, HY_X86_CR0, base | HY_X86_CR0_PE | HY_X86_CR0_EM);
	round_trip(t, HY_X86_CR0, base | HY_X86_CR0_PE | HY_X86_CR0_WP | HY_X86_CR0_AM);
	round_trip(t, HY_X86_CR0, base);
}

static void other_control(struct conform *t)
{
	boot_reset(t);
	round_trip(t, HY_X86_CR2, UINT64_C(0x123456789abcdef0));
	round_trip(t, HY_X86_CR3, 0x5000);
	round_trip(t, HY_X86_CR3, 0xfffff000);
	round_trip(t, HY_X86_CR4, HY_X86_CR4_PSE | HY_X86_CR4_PGE);
	round_trip(t, HY_X86_CR4, HY_X86_CR4_PAE | HY_X86_CR4_OSFXSR | HY_X86_CR4_OSXMMEXCPT);
	round_trip(t, HY_X86_CR4, 0);
	for (uint64_t priority = 0; priority < 16; priority++)
		round_trip(t, HY_X86_CR8, priority);
}

static void efer(struct conform *t)
{
	boot_reset(t);
	round_trip(t, HY_X86_EFER, HY_X86_EFER_SCE);
	round_trip(t, HY_X86_EFER, HY_X86_EFER_LME);
	if (host_leaf(t, LEAF_EXTENDED).edx & EXTENDED_EDX_NX)
		round_trip(t, HY_X86_EFER, HY_X86_EFER_NXE | HY_X86_EFER_SCE);
	round_trip(t, HY_X86_EFER, 0);
}

/* One call that turns paging and long mode on at once. */
static void long_mode_at_once(struct conform *t)
{
	boot_reset(t);
	conform_place(t, t->vcpu, LONG, registers_halt);
	CHECK_EQ(get_reg(t, HY_X86_CR0), HY_X86_CR0_PG | HY_X86_CR0_PE | HY_X86_CR0_NE | HY_X86_CR0_ET);
	CHECK_EQ(get_reg(t, HY_X86_EFER), HY_X86_EFER_LME | HY_X86_EFER_LMA);
	CHECK_EQ(get_reg(t, HY_X86_CR4), HY_X86_CR4_PAE);
	CHECK_EQ(get_reg(t, HY_X86_CR3), TABLES);
	HALT(t);
}

static void debug(struct conform *t)
{
	boot_reset(t);
	for (uint32_t n = 0; n < 4; n++)
		round_trip(t, HY_X86_DEBUG(n), 0x1000 * (n + 1));
	round_trip(t, HY_X86_DR7, 0x401);
	round_trip(t, HY_X86_DR7, 0x400);
	round_trip(t, HY_X86_DR6, 0xffff0ff1);
	round_trip(t, HY_X86_DR6, 0xffff0ff0);
	CHECK_EQ(get_reg(t, HY_X86_DR2), 0x3000);
}

static void xcr0(struct conform *t)
{
	const uint64_t allowed = host_leaf(t, LEAF_XSAVE).eax;

	boot_reset(t);
	round_trip(t, HY_X86_XCR0, 1);
	if (!(host_leaf(t, 1).ecx & LEAF1_ECX_XSAVE))
		conform_skip("this host's guests have no XSAVE");
	round_trip(t, HY_X86_XCR0, 3);
	if (allowed & 4)
		round_trip(t, HY_X86_XCR0, 7);
	round_trip(t, HY_X86_XCR0, 1);
}

/* Values that AMD's processors keep too, whose SYSENTER has 32 bits. */
static const struct msr_sample {
	uint32_t index;
	uint64_t values[2];
} msr_samples[] = {
	{ HY_X86_MSR_SYSENTER_CS, { 0x10, 0 } },
	{ HY_X86_MSR_SYSENTER_ESP, { 0x12345678, 0x1000 } },
	{ HY_X86_MSR_SYSENTER_EIP, { 0x7fff0000, 0x2000 } },
	{ HY_X86_MSR_STAR, { UINT64_C(0x0023001000000000), UINT64_C(0x001b000812345678) } },
	{ HY_X86_MSR_LSTAR, { UINT64_C(0xffffffff81234567), UINT64_C(0x7fff12345678) } },
	{ HY_X86_MSR_CSTAR, { UINT64_C(0xffffffff81334567), UINT64_C(0x7fff12345679) } },
	{ HY_X86_MSR_FMASK, { 0x47700, 0x200 } },
	{ HY_X86_MSR_KERNEL_GS_BASE, { UINT64_C(0xffff888000000000), UINT64_C(0x7f0000001000) } },
	{ HY_X86_MSR_PAT, { UINT64_C(0x0407050600070106), UINT64_C(0x0007040600070406) } },
	{ HY_X86_MSR_FS_BASE, { UINT64_C(0xffff888000001000), 0x1000 } },
	{ HY_X86_MSR_GS_BASE, { UINT64_C(0xffff888000002000), 0x2000 } },
};

static void msrs(struct conform *t)
{
	conform_boot(t, LONG, registers_halt);
	for (size_t i = 0; i < COUNT(msr_samples); i++) {
		for (size_t n = 0; n < 2; n++)
			round_trip(t, HY_X86_MSR(msr_samples[i].index), msr_samples[i].values[n]);
	}
}

static void efer_is_an_msr(struct conform *t)
{
	boot_reset(t);
	set_reg(t, HY_X86_EFER, HY_X86_EFER_SCE);
	CHECK_EQ(get_reg(t, HY_X86_MSR(HY_X86_MSR_EFER)), HY_X86_EFER_SCE);
	set_reg(t, HY_X86_MSR(HY_X86_MSR_EFER), HY_X86_EFER_LME);
	CHECK_EQ(get_reg(t, HY_X86_EFER), HY_X86_EFER_LME);
}

/* It can be set, but not every host goes on from what was set. */
static void tsc(struct conform *t)
{
	uint64_t first;

	boot_reset(t);
	set_reg(t, HY_X86_MSR(HY_X86_MSR_TSC), 0x1000);
	first = get_reg(t, HY_X86_MSR(HY_X86_MSR_TSC));
	CHECK(get_reg(t, HY_X86_MSR(HY_X86_MSR_TSC)) >= first);
}

static void mixed_batch(struct conform *t)
{
	const hy_reg ids[] = { HY_X86_R9, HY_X86_MSR(HY_X86_MSR_LSTAR), HY_X86_GS, HY_X86_CR2, HY_X86_RFLAGS,
		               HY_X86_DR3, HY_X86_IDTR, HY_X86_CR8, HY_X86_MSR(HY_X86_MSR_STAR), HY_X86_RAX };
	const union hy_value in[COUNT(ids)] = {
		{ .u64 = 9 }, { .u64 = 0x1234 }, { .segment = { 0x40, 0xffff, 0x4, HY_X86_ATTR_DATA16 } },
		{ .u64 = 0x77 }, { .u64 = HY_X86_RFLAGS_ONE | HY_X86_RFLAGS_CF }, { .u64 = 0x3000 },
		{ .segment = { .base = 0x55, .limit = 0x66 } }, { .u64 = 5 }, { .u64 = 0x8877 }, { .u64 = 1 },
	};
	union hy_value out[COUNT(ids)];

	boot_reset(t);
	OK(hy_vcpu_set_regs(t->vcpu, ids, in, COUNT(ids)));
	memset(out, 0xff, sizeof(out));
	OK(hy_vcpu_get_regs(t->vcpu, ids, out, COUNT(ids)));
	for (size_t i = 0; i < COUNT(ids); i++) {
		char name[32];

		if (memcmp(&in[i], &out[i], sizeof(in[i])) != 0)
			FAIL("%s came back different", name_of(ids[i], name));
	}
}

/* More than any buffer of a backend's holds at once, and one register twice. */
static void big_batch(struct conform *t)
{
	hy_reg ids[300];
	union hy_value values[300];

	boot_reset(t);
	for (size_t i = 0; i < COUNT(ids); i++) {
		ids[i] = i % 2 ? HY_X86_MSR(HY_X86_MSR_LSTAR) : HY_X86_GENERAL(i / 2 % 16);
		values[i] = (union hy_value){ .u64 = i % 2 ? i : i / 2 % 16 };
	}
	OK(hy_vcpu_set_regs(t->vcpu, ids, values, COUNT(ids)));
	OK(hy_vcpu_get_regs(t->vcpu, ids, values, COUNT(ids)));
	for (size_t i = 0; i < COUNT(ids); i++)
		CHECK_EQ(values[i].u64, i % 2 ? COUNT(ids) - 1 : i / 2 % 16);
}

/* --- Reset ----------------------------------------------------------------------------------- */

struct expected {
	hy_reg id;
	uint64_t value;
};

/* SDM vol. 3, table 10-1, the column of reset. */
static const struct expected reset_values[] = {
	{ HY_X86_RFLAGS, 2 }, { HY_X86_RIP, 0xfff0 }, { HY_X86_CR0, 0x60000010 }, { HY_X86_CR2, 0 },
	{ HY_X86_CR3, 0 }, { HY_X86_CR4, 0 }, { HY_X86_CR8, 0 }, { HY_X86_EFER, 0 },
	{ HY_X86_RAX, 0 }, { HY_X86_RBX, 0 }, { HY_X86_RCX, 0 }, { HY_X86_RSI, 0 }, { HY_X86_RDI, 0 },
	{ HY_X86_RSP, 0 }, { HY_X86_RBP, 0 }, { HY_X86_R8, 0 }, { HY_X86_R9, 0 }, { HY_X86_R10, 0 },
	{ HY_X86_R11, 0 }, { HY_X86_R12, 0 }, { HY_X86_R13, 0 }, { HY_X86_R14, 0 }, { HY_X86_R15, 0 },
	{ HY_X86_DR0, 0 }, { HY_X86_DR1, 0 }, { HY_X86_DR2, 0 }, { HY_X86_DR3, 0 },
	{ HY_X86_DR6, 0xffff0ff0 }, { HY_X86_DR7, 0x400 }, { HY_X86_XCR0, 1 },
	{ HY_X86_MSR(HY_X86_MSR_PAT), UINT64_C(0x0007040600070406) },
	{ HY_X86_MSR(HY_X86_MSR_SYSENTER_CS), 0 }, { HY_X86_MSR(HY_X86_MSR_SYSENTER_ESP), 0 },
	{ HY_X86_MSR(HY_X86_MSR_SYSENTER_EIP), 0 }, { HY_X86_MSR(HY_X86_MSR_STAR), 0 },
	{ HY_X86_MSR(HY_X86_MSR_LSTAR), 0 }, { HY_X86_MSR(HY_X86_MSR_CSTAR), 0 },
	{ HY_X86_MSR(HY_X86_MSR_FMASK), 0 }, { HY_X86_MSR(HY_X86_MSR_KERNEL_GS_BASE), 0 },
};

static const struct {
	hy_reg id;
	struct hy_segment segment;
} reset_segments[] = {
	{ HY_X86_CS, { 0xffff0000, 0xffff, 0xf000, HY_X86_ATTR_CODE16 } },
	{ HY_X86_SS, { 0, 0xffff, 0, HY_X86_ATTR_DATA16 } },
	{ HY_X86_DS, { 0, 0xffff, 0, HY_X86_ATTR_DATA16 } },
	{ HY_X86_ES, { 0, 0xffff, 0, HY_X86_ATTR_DATA16 } },
	{ HY_X86_FS, { 0, 0xffff, 0, HY_X86_ATTR_DATA16 } },
	{ HY_X86_GS, { 0, 0xffff, 0, HY_X86_ATTR_DATA16 } },
	{ HY_X86_LDTR, { 0, 0xffff, 0, HY_X86_SEG_P | HY_X86_TYPE_LDT } },
	{ HY_X86_TR, { 0, 0xffff, 0, HY_X86_SEG_P | HY_X86_TYPE_TSS_BUSY } },
	{ HY_X86_GDTR, { .base = 0, .limit = 0xffff } },
	{ HY_X86_IDTR, { .base = 0, .limit = 0xffff } },
};

static void check_reset(struct conform *t)
{
	const uint32_t signature = host_leaf(t, 1).eax;

	for (size_t i = 0; i < COUNT(reset_values); i++) {
		uint64_t got = get_reg(t, reset_values[i].id);
		char name[32];

		if (got != reset_values[i].value)
			FAIL("%s is %#" PRIx64 ", should be %#" PRIx64, name_of(reset_values[i].id, name), got,
			     reset_values[i].value);
	}
	for (size_t i = 0; i < COUNT(reset_segments); i++) {
		union hy_value got;

		OK(hy_vcpu_get_regs(t->vcpu, &reset_segments[i].id, &got, 1));
		check_segment(reset_segments[i].id, &got.segment, &reset_segments[i].segment);
	}
	if (signature != 0)
		CHECK_EQ(get_reg(t, HY_X86_RDX), signature);
}

static void after_create(struct conform *t)
{
	boot_reset(t);
	check_reset(t);
}

static void after_reset(struct conform *t)
{
	conform_boot(t, LONG, registers_halt);
	for (uint32_t n = 0; n < 16; n++)
		set_reg(t, HY_X86_GENERAL(n), UINT64_MAX);
	for (size_t i = 0; i < COUNT(msr_samples); i++)
		set_reg(t, HY_X86_MSR(msr_samples[i].index), msr_samples[i].values[0]);
	set_reg(t, HY_X86_DR0, 0x1234);
	set_reg(t, HY_X86_CR8, 7);
	HALT(t);
	OK(hy_vcpu_reset(t->vcpu));
	check_reset(t);
}

/* The first instruction is fetched from 0xfffffff0. */
static void reset_vector(struct conform *t)
{
	boot_reset(t);
	OK(hy_vm_alloc_memory(t->vm, 0xffff0000, 0x10000, HY_PROT_RWX, 0));
	OK(hy_vm_write(t->vm, 0xfffffff0, "\xe6\x42\xf4", 3));
	OUT(t, 0x42, 1, 0);
	RUN(t, HY_EXIT_HALT);
	CHECK_EQ(get_reg(t, HY_X86_RIP), 0xfff3);
}

/* Memory isn't the vCPU's. */
static void reset_leaves_memory(struct conform *t)
{
	uint32_t value = 0x1234;

	conform_boot(t, LONG, registers_halt);
	write_ram(t, DATA, &value, sizeof(value));
	OK(hy_vcpu_reset(t->vcpu));
	value = 0;
	read_ram(t, DATA, &value, sizeof(value));
	CHECK_EQ(value, 0x1234);
}

/* --- As the guest sees them ------------------------------------------------------------------------- */

static uint64_t data_at(struct conform *t, uint64_t offset)
{
	uint64_t value;

	read_ram(t, DATA + offset, &value, sizeof(value));
	return value;
}

static void put_data(struct conform *t, uint64_t offset, uint64_t value)
{
	write_ram(t, DATA + offset, &value, sizeof(value));
}

static void guest_sees_general(struct conform *t)
{
	conform_boot(t, LONG, registers_store);
	for (uint32_t n = 0; n < 16; n++)
		set_reg(t, HY_X86_GENERAL(n), UINT64_C(0x0101010101010101) * (n + 1));
	HALT(t);
	for (uint32_t n = 0; n < 16; n++)
		CHECK_EQ(data_at(t, n * 8), UINT64_C(0x0101010101010101) * (n + 1));
}

static void guest_sets_general(struct conform *t)
{
	conform_boot(t, LONG, registers_load);
	for (uint32_t n = 0; n < 16; n++)
		put_data(t, n * 8, UINT64_C(0x0202020202020202) * (n + 1));
	HALT(t);
	for (uint32_t n = 0; n < 16; n++)
		CHECK_EQ(get_reg(t, HY_X86_GENERAL(n)), UINT64_C(0x0202020202020202) * (n + 1));
}

static void guest_and_flags(struct conform *t)
{
	const uint64_t ours = HY_X86_RFLAGS_ONE | HY_X86_RFLAGS_CF | HY_X86_RFLAGS_OF | HY_X86_RFLAGS_DF;
	const uint64_t theirs = HY_X86_RFLAGS_ONE | HY_X86_RFLAGS_ZF | HY_X86_RFLAGS_SF | HY_X86_RFLAGS_PF;

	conform_boot(t, LONG, registers_flags);
	set_reg(t, HY_X86_RFLAGS, ours);
	put_data(t, 8, theirs);
	HALT(t);
	CHECK_EQ(data_at(t, 0), ours);
	CHECK_EQ(get_reg(t, HY_X86_RFLAGS), theirs);
}

static void guest_and_control(struct conform *t)
{
	uint64_t cr0;

	conform_boot(t, LONG, registers_control);
	set_reg(t, HY_X86_CR2, 0x87654321);
	cr0 = get_reg(t, HY_X86_CR0);
	HALT(t);
	CHECK_EQ(data_at(t, 0), cr0);
	CHECK_EQ(data_at(t, 8), 0x87654321);
	CHECK_EQ(data_at(t, 16), TABLES);
	CHECK_EQ(data_at(t, 24), HY_X86_CR4_PAE);
	CHECK_EQ(get_reg(t, HY_X86_CR2), 0x12345678);
	CHECK_EQ(get_reg(t, HY_X86_CR4), HY_X86_CR4_PAE | HY_X86_CR4_PSE);
}

/* A copy of the top-level table does as well as the first. */
static void guest_sets_cr3(struct conform *t)
{
	const uint64_t other = 0x20000;
	uint8_t table[PAGE];

	conform_boot(t, LONG, registers_new_cr3);
	read_ram(t, TABLES, table, sizeof(table));
	write_ram(t, other, table, sizeof(table));
	put_data(t, 0, other);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_CR3), other);
}

/* Ten bytes, as SGDT and LGDT have them. */
static void put_table(struct conform *t, uint64_t offset, uint16_t limit, uint64_t base)
{
	write_ram(t, DATA + offset, &limit, sizeof(limit));
	write_ram(t, DATA + offset + 2, &base, sizeof(base));
}

static void guest_and_tables(struct conform *t)
{
	const hy_reg ids[] = { HY_X86_GDTR, HY_X86_IDTR };
	const union hy_value ours[] = { { .segment = { .base = GDT, .limit = 0x27 } },
		                        { .segment = { .base = 0x123456789, .limit = 0xabc } } };
	const struct hy_segment gdtr = { .base = GDT, .limit = 0xff }, idtr = { .base = 0x6000, .limit = 0xfff };
	union hy_value got[2];

	conform_boot(t, LONG, registers_tables);
	OK(hy_vcpu_set_regs(t->vcpu, ids, ours, 2));
	put_table(t, 32, (uint16_t)gdtr.limit, gdtr.base);
	put_table(t, 48, (uint16_t)idtr.limit, idtr.base);
	HALT(t);
	CHECK_EQ(data_at(t, 0) & 0xffff, 0x27);
	CHECK_EQ(data_at(t, 2), GDT);
	CHECK_EQ(data_at(t, 16) & 0xffff, 0xabc);
	CHECK_EQ(data_at(t, 18), 0x123456789);
	OK(hy_vcpu_get_regs(t->vcpu, ids, got, 2));
	check_segment(ids[0], &got[0].segment, &gdtr);
	check_segment(ids[1], &got[1].segment, &idtr);
}

static void guest_and_segments(struct conform *t)
{
	const hy_reg id = HY_X86_DS;
	union hy_value value;
	uint64_t first, rest;

	conform_boot(t, LONG, registers_selectors);
	HALT(t);
	first = data_at(t, 0);
	rest = data_at(t, 8);
	CHECK_EQ(first, UINT64_C(0x0010001000080010));
	CHECK_EQ(rest & 0xffffffff, 0x00100010);
	OK(hy_vcpu_get_regs(t->vcpu, &id, &value, 1));
	check_segment(id, &value.segment,
	              &(struct hy_segment){ 0, 0xffffffff, 0x20, HY_X86_ATTR_DATA32 | HY_X86_SEG_DPL });
}

static void guest_uses_bases(struct conform *t)
{
	conform_boot(t, LONG, registers_bases);
	put_data(t, 0x10, 0x1111);
	put_data(t, 0x110, 0x2222);
	set_reg(t, HY_X86_MSR(HY_X86_MSR_FS_BASE), DATA);
	set_reg(t, HY_X86_MSR(HY_X86_MSR_GS_BASE), DATA + 0x100);
	OUT(t, 0x42, 4, 0x1111);
	OUT(t, 0x42, 4, 0x2222);
	HALT(t);
}

static void guest_and_msrs(struct conform *t)
{
	conform_boot(t, LONG, registers_msr);
	for (size_t i = 0; i < COUNT(msr_samples); i++) {
		hy_reg id = HY_X86_MSR(msr_samples[i].index);

		set_reg(t, HY_X86_RIP, CODE);
		set_reg(t, HY_X86_RCX, msr_samples[i].index);
		set_reg(t, id, msr_samples[i].values[0]);
		put_data(t, 8, msr_samples[i].values[1]);
		HALT(t);
		if (data_at(t, 0) != msr_samples[i].values[0] || get_reg(t, id) != msr_samples[i].values[1])
			FAIL("msr %#x: the guest read %#" PRIx64 ", and left %#" PRIx64, msr_samples[i].index,
			     data_at(t, 0), get_reg(t, id));
	}
}

static void guest_and_debug(struct conform *t)
{
	conform_boot(t, LONG, registers_debug);
	for (uint32_t n = 0; n < 4; n++)
		set_reg(t, HY_X86_DEBUG(n), 0x5000 + n);
	HALT(t);
	for (uint32_t n = 0; n < 4; n++)
		CHECK_EQ(data_at(t, n * 8), 0x5000 + n);
	CHECK_EQ(get_reg(t, HY_X86_DR1), 0x1234);
	CHECK_EQ(get_reg(t, HY_X86_DR2), 0x5002);
}

/* --- What is refused -------------------------------------------------------------------------------------- */

static void bad_ids(struct conform *t)
{
	static const hy_reg ids[] = {
		0, UINT64_MAX, HY_REG(HY_ARCH_ARM64, 8, HY_X86_CLASS_GENERAL, 0), HY_X86_GENERAL(16),
		HY_X86_REG(4, HY_X86_CLASS_GENERAL, 0), HY_X86_REG(8, 0, 0), HY_X86_REG(8, 99, 0),
		HY_X86_CONTROL(1), HY_X86_CONTROL(5), HY_X86_DEBUG(4), HY_X86_DEBUG(8), HY_X86_SEGMENT(8),
		HY_X86_REG(8, HY_X86_CLASS_IP, 1), HY_X86_RAX | UINT64_C(1) << 32,
		HY_X86_REG(8, HY_X86_CLASS_SEGMENT, 1), HY_X86_REG(4, HY_X86_CLASS_MSR, HY_X86_MSR_LSTAR),
	};
	char name[32];

	boot_reset(t);
	for (size_t i = 0; i < COUNT(ids); i++) {
		union hy_value value = { .u64 = 0 };

		FAILS(hy_vcpu_get_regs(t->vcpu, &ids[i], &value, 1), HY_E_INVALID, "register");
		FAILS(hy_vcpu_set_regs(t->vcpu, &ids[i], &value, 1), HY_E_INVALID, "register");
		FAILS(hy_reg_name(ids[i], name, sizeof(name)), HY_E_INVALID, "register");
	}
}

/* One bad id among good ones: nothing is written. */
static void bad_id_in_batch(struct conform *t)
{
	const hy_reg ids[] = { HY_X86_RAX, HY_X86_GENERAL(16) };
	const union hy_value values[] = { { .u64 = 0x1234 }, { .u64 = 0 } };

	boot_reset(t);
	FAILS(hy_vcpu_set_regs(t->vcpu, ids, values, 2), HY_E_INVALID, "register");
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0);
}

static void wide_as_one(struct conform *t)
{
	uint64_t value;

	boot_reset(t);
	FAILS(hy_vcpu_get_reg(t->vcpu, HY_X86_CS, &value), HY_E_INVALID, "64 bits");
	FAILS(hy_vcpu_set_reg(t->vcpu, HY_X86_GDTR, 0), HY_E_INVALID, "64 bits");
}

static void refused(struct conform *t, hy_reg id, uint64_t value)
{
	const uint64_t before = get_reg(t, id);
	char name[32];
	int status = hy_vcpu_set_reg(t->vcpu, id, value);

	if (status != HY_E_INVALID)
		FAIL("%s = %#" PRIx64 " is %s, should be HY_E_INVALID", name_of(id, name), value, hy_status_name(status));
	CHECK(hy_error()->text[0]);
	CHECK_EQ(get_reg(t, id), before);
}

static void bad_control(struct conform *t)
{
	boot_reset(t);
	refused(t, HY_X86_CR0, HY_X86_CR0_PG | HY_X86_CR0_ET);
	refused(t, HY_X86_CR0, HY_X86_CR0_NW | HY_X86_CR0_ET);
	refused(t, HY_X86_CR4, UINT64_C(1) << 40);
	refused(t, HY_X86_CR8, 16);
	refused(t, HY_X86_EFER, HY_X86_EFER_LMA);
	refused(t, HY_X86_XCR0, 0);
	conform_place(t, t->vcpu, LONG, registers_halt);
	HALT(t);
}

/* Long mode wants PAE. */
static void bad_combination(struct conform *t)
{
	const hy_reg ids[] = { HY_X86_CR0, HY_X86_CR4, HY_X86_EFER };
	const union hy_value values[] = {
		{ .u64 = HY_X86_CR0_PE | HY_X86_CR0_PG | HY_X86_CR0_ET | HY_X86_CR0_NE },
		{ .u64 = 0 },
		{ .u64 = HY_X86_EFER_LME | HY_X86_EFER_LMA },
	};

	boot_reset(t);
	FAILS(hy_vcpu_set_regs(t->vcpu, ids, values, COUNT(ids)), HY_E_INVALID, "");
	CHECK_EQ(get_reg(t, HY_X86_CR0), 0x60000010);
	CHECK_EQ(get_reg(t, HY_X86_EFER), 0);
}

static void bad_table_limit(struct conform *t)
{
	const hy_reg ids[] = { HY_X86_GDTR, HY_X86_IDTR };
	const union hy_value value = { .segment = { .base = 0, .limit = 0x10000 } };

	boot_reset(t);
	for (size_t i = 0; i < 2; i++)
		FAILS(hy_vcpu_set_regs(t->vcpu, &ids[i], &value, 1), HY_E_INVALID, i == 0 ? "gdtr" : "idtr");
}

static void no_such_msr(struct conform *t)
{
	uint64_t value;
	int status;

	boot_reset(t);
	status = hy_vcpu_get_reg(t->vcpu, HY_X86_MSR(0x4b564dff), &value);
	CHECK(status == HY_E_UNSUPPORTED || status == HY_E_INVALID);
	CHECK(strstr(hy_error()->text, "4b564dff"));
}

static void reg_names(struct conform *t)
{
	char text[32], cut[4];

	(void)t;
	CHECK(strcmp(name_of(HY_X86_RIP, text), "rip") == 0);
	CHECK(strcmp(name_of(HY_X86_R15, text), "r15") == 0);
	CHECK(strcmp(name_of(HY_X86_MSR(0xc0000080), text), "msr 0xc0000080") == 0);
	OK(hy_reg_name(HY_X86_RFLAGS, cut, sizeof(cut)));
	CHECK(strcmp(cut, "rfl") == 0);
}

/* --- XSAVE -------------------------------------------------------------------------------------------------- */

#define FXSAVE_SIZE 512
#define XSAVE_FCW 0
#define XSAVE_MXCSR 24
#define XSAVE_XMM0 160
#define XSAVE_BV 512

struct image {
	uint8_t *bytes;
	size_t size;
};

static struct image get_image(struct conform *t)
{
	struct image image = { 0 };

	FAILS(hy_x86_get_xsave(t->vcpu, NULL, &image.size), HY_E_LIMIT, "");
	CHECK(image.size >= FXSAVE_SIZE + 64);
	image.bytes = calloc(1, image.size);
	CHECK(image.bytes);
	OK(hy_x86_get_xsave(t->vcpu, image.bytes, &image.size));
	return image;
}

static uint32_t word_at(const uint8_t *bytes, size_t size)
{
	uint32_t value = 0;

	for (size_t i = size; i > 0; i--)
		value = value << 8 | bytes[i - 1];
	return value;
}

static void check_fpu_reset(struct conform *t)
{
	struct image image = get_image(t);

	CHECK_EQ(word_at(image.bytes + XSAVE_FCW, 2), 0x40);
	CHECK_EQ(word_at(image.bytes + XSAVE_MXCSR, 4), 0x1f80);
	for (size_t i = XSAVE_XMM0; i < XSAVE_XMM0 + 256; i++)
		CHECK_EQ(image.bytes[i], 0);
	free(image.bytes);
}

static void xsave_after_create(struct conform *t)
{
	boot_reset(t);
	check_fpu_reset(t);
}

/* Values in every SSE register, other control words, and the rest as it was. */
static void fill_image(struct image *image)
{
	const uint16_t fcw = 0x27f;
	const uint32_t mxcsr = 0x1fa0;

	memcpy(image->bytes + XSAVE_FCW, &fcw, sizeof(fcw));
	memcpy(image->bytes + XSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
	for (size_t i = 0; i < 256; i++)
		image->bytes[XSAVE_XMM0 + i] = (uint8_t)(i + 1);
	image->bytes[XSAVE_BV] |= 3;
}

static void xsave_round_trip(struct conform *t)
{
	struct image image, back;

	boot_reset(t);
	image = get_image(t);
	fill_image(&image);
	OK(hy_x86_set_xsave(t->vcpu, image.bytes, image.size));
	back = get_image(t);
	CHECK_EQ(back.size, image.size);
	CHECK(memcmp(back.bytes + XSAVE_XMM0, image.bytes + XSAVE_XMM0, 256) == 0);
	CHECK_EQ(word_at(back.bytes + XSAVE_FCW, 2), 0x27f);
	CHECK_EQ(word_at(back.bytes + XSAVE_MXCSR, 4), 0x1fa0);
	free(image.bytes);
	free(back.bytes);
}

static void xsave_after_reset(struct conform *t)
{
	struct image image;

	boot_reset(t);
	image = get_image(t);
	fill_image(&image);
	OK(hy_x86_set_xsave(t->vcpu, image.bytes, image.size));
	free(image.bytes);
	OK(hy_vcpu_reset(t->vcpu));
	check_fpu_reset(t);
}

static void xsave_refused(struct conform *t)
{
	const uint32_t bad_mxcsr = 0xffff0000;
	struct image image;
	size_t little = 16;

	boot_reset(t);
	image = get_image(t);
	FAILS(hy_x86_get_xsave(t->vcpu, image.bytes, &little), HY_E_LIMIT, "");
	CHECK_EQ(little, image.size);
	FAILS(hy_x86_set_xsave(t->vcpu, image.bytes, image.size - 1), HY_E_INVALID, "size");
	image.bytes[XSAVE_BV + 7] |= 0x40;
	FAILS(hy_x86_set_xsave(t->vcpu, image.bytes, image.size), HY_E_INVALID, "");
	image.bytes[XSAVE_BV + 7] &= 0xbf;
	image.bytes[XSAVE_BV + 15] |= 0x80; /* compacted */
	FAILS(hy_x86_set_xsave(t->vcpu, image.bytes, image.size), HY_E_INVALID, "");
	image.bytes[XSAVE_BV + 15] &= 0x7f;
	image.bytes[XSAVE_BV] |= 3;
	memcpy(image.bytes + XSAVE_MXCSR, &bad_mxcsr, sizeof(bad_mxcsr));
	FAILS(hy_x86_set_xsave(t->vcpu, image.bytes, image.size), HY_E_INVALID, "");
	free(image.bytes);
	check_fpu_reset(t);
}

/* FXSAVE and FXRSTOR in the guest, the same state outside. */
static void guest_and_fpu(struct conform *t)
{
	uint8_t seen[FXSAVE_SIZE], theirs[FXSAVE_SIZE] = { 0 };
	struct image image;

	conform_boot(t, LONG, registers_fpu);
	set_reg(t, HY_X86_CR4, HY_X86_CR4_PAE | HY_X86_CR4_OSFXSR);
	image = get_image(t);
	fill_image(&image);
	OK(hy_x86_set_xsave(t->vcpu, image.bytes, image.size));
	theirs[0] = 0x7f; /* FCW 0x37f */
	theirs[1] = 0x03;
	theirs[XSAVE_MXCSR] = 0x80;
	theirs[XSAVE_MXCSR + 1] = 0x1f;
	memset(theirs + XSAVE_XMM0, 0x3c, 256);
	write_ram(t, DATA + 0x400, theirs, sizeof(theirs));
	HALT(t);
	read_ram(t, DATA, seen, sizeof(seen));
	CHECK_EQ(word_at(seen + XSAVE_FCW, 2), 0x27f);
	CHECK(memcmp(seen + XSAVE_XMM0, image.bytes + XSAVE_XMM0, 256) == 0);
	free(image.bytes);
	image = get_image(t);
	CHECK_EQ(word_at(image.bytes + XSAVE_FCW, 2), 0x37f);
	CHECK(memcmp(theirs + XSAVE_XMM0, image.bytes + XSAVE_XMM0, 256) == 0);
	free(image.bytes);
}

/* --- CPUID ----------------------------------------------------------------------------------------------------- */

static void host_cpuid(struct conform *t)
{
	struct hy_x86_cpuid *table;
	size_t count = 0, room;
	bool has_0 = false, has_1 = false;

	FAILS(hy_x86_host_cpuid(t->host, NULL, &count), HY_E_LIMIT, "");
	CHECK(count >= 2 && count < 1024);
	room = count - 1;
	table = calloc(count, sizeof(*table));
	CHECK(table);
	FAILS(hy_x86_host_cpuid(t->host, table, &room), HY_E_LIMIT, "");
	CHECK_EQ(room, count);
	OK(hy_x86_host_cpuid(t->host, table, &room));
	for (size_t i = 0; i < room; i++) {
		has_0 |= table[i].leaf == 0 && table[i].eax >= 1 && table[i].ebx != 0;
		has_1 |= table[i].leaf == 1 && table[i].eax != 0 && (table[i].edx & LEAF1_EDX_MSR);
		if (table[i].leaf >= 0x40000000 && table[i].leaf <= 0x4fffffff)
			FAIL("the table has the paravirtual leaf %#x", table[i].leaf);
	}
	CHECK(has_0 && has_1);
	free(table);
}

static void ask_cpuid(struct conform *t, uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	set_reg(t, HY_X86_RIP, CODE);
	set_reg(t, HY_X86_RAX, leaf);
	set_reg(t, HY_X86_RCX, subleaf);
	HALT(t);
	read_ram(t, DATA, answer, 16);
}

static void boot_cpuid(struct conform *t, const struct hy_x86_cpuid *table, size_t count, uint32_t id)
{
	struct hy_vcpu_options of_vcpu = HY_VCPU_OPTIONS_INIT;
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;

	options.vcpus = 4;
	options.x86_cpuid = table;
	options.x86_cpuid_count = count;
	of_vcpu.id = id;
	OK(hy_vm_create(t->host, &options, &t->vm));
	OK(hy_vm_alloc_memory(t->vm, 0, RAM_SIZE, HY_PROT_RWX, 0));
	OK(hy_vcpu_create(t->vm, &of_vcpu, &t->vcpu));
	conform_place(t, t->vcpu, LONG, registers_cpuid);
}

/* What the program says is what the guest reads, subleaves too. */
static void own_cpuid(struct conform *t)
{
	struct hy_x86_cpuid table[] = {
		{ 0, 0, 0, 4, 0x6c626968, 0x20797568, 0x2079662d }, host_leaf(t, 1),
		{ 4, 0, HY_X86_CPUID_SUBLEAF, 0x11, 0x12, 0x13, 0x14 },
		{ 4, 1, HY_X86_CPUID_SUBLEAF, 0x21, 0x22, 0x23, 0x24 },
		{ 0x80000000, 0, 0, 0x80000001, 0, 0, 0 }, host_leaf(t, LEAF_EXTENDED),
	};
	uint32_t answer[4];

	boot_cpuid(t, table, COUNT(table), 0);
	memset(&table[2], 0, sizeof(table[2])); /* it was copied */
	ask_cpuid(t, 0, 0, answer);
	CHECK_EQ(answer[0], 4);
	CHECK_EQ(answer[1], 0x6c626968);
	CHECK_EQ(answer[2], 0x20797568);
	CHECK_EQ(answer[3], 0x2079662d);
	ask_cpuid(t, 4, 0, answer);
	CHECK_EQ(answer[0], 0x11);
	CHECK_EQ(answer[3], 0x14);
	ask_cpuid(t, 4, 1, answer);
	CHECK_EQ(answer[1], 0x22);
	CHECK_EQ(answer[2], 0x23);
}

static void default_cpuid(struct conform *t)
{
	const struct hy_x86_cpuid first = host_leaf(t, 0), version = host_leaf(t, 1);
	uint32_t answer[4];

	boot_cpuid(t, NULL, 0, 0);
	ask_cpuid(t, 0, 0, answer);
	CHECK_EQ(answer[1], first.ebx);
	CHECK_EQ(answer[2], first.ecx);
	CHECK_EQ(answer[3], first.edx);
	ask_cpuid(t, 1, 0, answer);
	CHECK_EQ(answer[0], version.eax);
}

static void apic_id(struct conform *t)
{
	uint32_t answer[4];

	boot_cpuid(t, NULL, 0, 3);
	ask_cpuid(t, 1, 0, answer);
	CHECK_EQ(answer[1] >> 24, 3);
}

static void own_signature(struct conform *t)
{
	struct hy_x86_cpuid table[] = { { .leaf = 0, .eax = 1, .ebx = 1 }, host_leaf(t, 1),
		                        { .leaf = 0x80000000, .eax = 0x80000001 }, host_leaf(t, LEAF_EXTENDED) };

	table[1].eax = 0x000506e3;
	boot_cpuid(t, table, COUNT(table), 0);
	OK(hy_vcpu_reset(t->vcpu));
	CHECK_EQ(get_reg(t, HY_X86_RDX), 0x000506e3);
}

#define X86 HY_ARCH_X86_64
#define XSAVE HY_CAP_XSAVE
#define CPUID HY_CAP_CPUID

const struct conform_case conform_registers[] = {
	{ "registers/general", "HY-B52", general, X86, { 0 } },
	{ "registers/general-apart", "HY-B52", general_apart, X86, { 0 } },
	{ "registers/ip-and-flags", "HY-B52", ip_and_flags, X86, { 0 } },
	{ "registers/data-segments", "HY-B53", data_segments, X86, { 0 } },
	{ "registers/code-segments", "HY-B53", code_segments, X86, { 0 } },
	{ "registers/code-segment-64", "HY-B53", code_segment_64, X86, { 0 } },
	{ "registers/wide-bases", "HY-B53 HY-B55", wide_bases, X86, { 0 } },
	{ "registers/system-segments", "HY-B53", system_segments, X86, { 0 } },
	{ "registers/unusable-segment", "HY-B53", unusable_segment, X86, { 0 } },
	{ "registers/tables", "HY-B53", tables, X86, { 0 } },
	{ "registers/cr0", "HY-B54", cr0, X86, { 0 } },
	{ "registers/other-control", "HY-B54", other_control, X86, { 0 } },
	{ "registers/efer", "HY-B54", efer, X86, { 0 } },
	{ "registers/long-mode-at-once", "HY-B52 HY-B54", long_mode_at_once, X86, { 0 } },
	{ "registers/debug", "HY-B54", debug, X86, { 0 } },
	{ "registers/xcr0", "HY-B54", xcr0, X86, { 0 } },
	{ "registers/msrs", "HY-B55", msrs, X86, { 0 } },
	{ "registers/efer-is-an-msr", "HY-B54 HY-B55", efer_is_an_msr, X86, { 0 } },
	{ "registers/tsc", "HY-B55", tsc, X86, { 0 } },
	{ "registers/mixed-batch", "HY-B52", mixed_batch, X86, { 0 } },
	{ "registers/big-batch", "HY-B52", big_batch, X86, { 0 } },
	{ "registers/after-create", "HY-C36", after_create, X86, { 0 } },
	{ "registers/after-reset", "HY-C36", after_reset, X86, { 0 } },
	{ "registers/reset-vector", "HY-C36", reset_vector, X86, { 0 } },
	{ "registers/reset-leaves-memory", "HY-C36", reset_leaves_memory, X86, { 0 } },
	{ "registers/guest-sees-general", "HY-B52", guest_sees_general, X86, { 0 } },
	{ "registers/guest-sets-general", "HY-B52", guest_sets_general, X86, { 0 } },
	{ "registers/guest-and-flags", "HY-B52", guest_and_flags, X86, { 0 } },
	{ "registers/guest-and-control", "HY-B54", guest_and_control, X86, { 0 } },
	{ "registers/guest-sets-cr3", "HY-B54", guest_sets_cr3, X86, { 0 } },
	{ "registers/guest-and-tables", "HY-B53", guest_and_tables, X86, { 0 } },
	{ "registers/guest-and-segments", "HY-B53", guest_and_segments, X86, { 0 } },
	{ "registers/guest-uses-bases", "HY-B53 HY-B55", guest_uses_bases, X86, { 0 } },
	{ "registers/guest-and-msrs", "HY-B55", guest_and_msrs, X86, { 0 } },
	{ "registers/guest-and-debug", "HY-B54", guest_and_debug, X86, { 0 } },
	{ "registers/bad-ids", "HY-C35", bad_ids, X86, { 0 } },
	{ "registers/bad-id-in-batch", "HY-C35", bad_id_in_batch, X86, { 0 } },
	{ "registers/wide-as-one", "HY-C35", wide_as_one, X86, { 0 } },
	{ "registers/bad-control", "HY-B56", bad_control, X86, { 0 } },
	{ "registers/bad-combination", "HY-B56", bad_combination, X86, { 0 } },
	{ "registers/bad-table-limit", "HY-B56", bad_table_limit, X86, { 0 } },
	{ "registers/no-such-msr", "HY-B55", no_such_msr, X86, { 0 } },
	{ "registers/names", "HY-C35", reg_names, X86, { 0 } },
	{ "registers/xsave-after-create", "HY-B59", xsave_after_create, X86, { XSAVE } },
	{ "registers/xsave-round-trip", "HY-B57", xsave_round_trip, X86, { XSAVE } },
	{ "registers/xsave-after-reset", "HY-B59", xsave_after_reset, X86, { XSAVE } },
	{ "registers/xsave-refused", "HY-B57", xsave_refused, X86, { XSAVE } },
	{ "registers/guest-and-fpu", "HY-B57", guest_and_fpu, X86, { XSAVE } },
	{ "registers/host-cpuid", "HY-B58", host_cpuid, X86, { CPUID } },
	{ "registers/own-cpuid", "HY-B58 HY-B13", own_cpuid, X86, { CPUID } },
	{ "registers/default-cpuid", "HY-B58", default_cpuid, X86, { CPUID } },
	{ "registers/apic-id", "HY-B58", apic_id, X86, { CPUID } },
	{ "registers/own-signature", "HY-C36", own_signature, X86, { CPUID } },
	{ 0 },
};
