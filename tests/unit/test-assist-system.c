/* SPDX-License-Identifier: MIT */
/* plugins/assist: control and debug registers, MSRs, and what else is the system's. */
#include "assist-machine.h"
#include "suite.h"

#define PG HY_X86_CR0_PG
#define PE HY_X86_CR0_PE
#define PAE HY_X86_CR4_PAE
#define NON_CANONICAL UINT64_C(0x0100000000000000) /* with 57 bits too */
#define DATA MACHINE_DATA
#define MSR_TSC_AUX 0xc0000103u

static struct machine m;
static uint64_t *const gpr = m.cpu.gpr;

/* Puts an instruction at RIP and executes it. */
#define TRY(...) machine_try(&m, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void setup(void)
{
	ck_assert(machine_open(&m, true));
	machine_enter_long(&m, 64, 0);
}

static void teardown(void)
{
	machine_close(&m);
}

static void expect_fault(enum xe_result r, unsigned vector)
{
	ck_assert_int_eq(r, XE_EXCEPTION);
	ck_assert_uint_eq(m.cpu.event.vector, vector);
	ck_assert_uint_eq(m.cpu.event.error, 0);
	ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE);
}

/* --- Control registers ---------------------------------------------------------------- */

/* mov %rax, %crN; mov %crN, %rax. */
static enum xe_result write_cr(unsigned number, uint64_t value)
{
	gpr[XE_RAX] = value;
	if (number == 8)
		return TRY(0x44, 0x0f, 0x22, 0xc0);
	return TRY(0x0f, 0x22, (uint8_t)(0xc0 | number << 3));
}

static void expect_cr(unsigned number, uint64_t value)
{
	gpr[XE_RAX] = ~value;
	if (number == 8)
		ck_assert_int_eq(TRY(0x44, 0x0f, 0x20, 0xc0), XE_OK);
	else
		ck_assert_int_eq(TRY(0x0f, 0x20, (uint8_t)(0xc0 | number << 3)), XE_OK);
	ck_assert_uint_eq(gpr[XE_RAX], value);
}

static void expect_cr_fault(unsigned number, uint64_t value)
{
	struct xe_cpu before = m.cpu;

	expect_fault(write_cr(number, value), XE_GP);
	ck_assert_uint_eq(m.cpu.cr0, before.cr0);
	ck_assert_uint_eq(m.cpu.cr3, before.cr3);
	ck_assert_uint_eq(m.cpu.cr4, before.cr4);
	ck_assert_uint_eq(m.cpu.efer, before.efer);
	ck_assert_mem_eq(m.cpu.pdpte, before.pdpte, sizeof(before.pdpte));
}

START_TEST(cr0_values)
{
	uint64_t cr0;

	machine_enter_protected(&m, 32, 0);
	m.cpu.efer &= ~(uint64_t)(HY_X86_EFER_LME | HY_X86_EFER_LMA);
	cr0 = m.cpu.cr0;
	expect_cr_fault(0, (cr0 | PG) & ~(uint64_t)PE);
	expect_cr_fault(0, cr0 | HY_X86_CR0_NW);
	ck_assert_int_eq(write_cr(0, cr0 | HY_X86_CR0_NW | HY_X86_CR0_CD), XE_OK);
	/* ET is fixed, what is reserved is ignored. */
	ck_assert_int_eq(write_cr(0, (cr0 | 0x1000) & ~(uint64_t)HY_X86_CR0_ET), XE_OK);
	expect_cr(0, cr0);
	machine_enter_long(&m, 64, 0);
	expect_cr_fault(0, m.cpu.cr0 | UINT64_C(1) << 32);
	expect_cr_fault(0, m.cpu.cr0 & ~(uint64_t)PG); /* in 64-bit mode */
}
END_TEST

START_TEST(entering_long_mode)
{
	uint64_t cr3 = m.cpu.cr3;

	machine_enter_protected(&m, 32, 0);
	m.cpu.cr0 &= ~(uint64_t)PG;
	m.cpu.cr4 &= ~(uint64_t)PAE;
	m.cpu.cr3 = cr3;
	m.cpu.efer = HY_X86_EFER_LME;
	xe_state_changed(&m.cpu);
	expect_cr_fault(0, m.cpu.cr0 | PG); /* without PAE */
	ck_assert_int_eq(write_cr(4, m.cpu.cr4 | PAE), XE_OK);
	m.cpu.seg[XE_CS].attributes |= HY_X86_SEG_L;
	expect_cr_fault(0, m.cpu.cr0 | PG);
	m.cpu.seg[XE_CS].attributes &= ~(unsigned)HY_X86_SEG_L;
	m.cpu.seg[XE_TR].attributes = HY_X86_SEG_P | 3;
	expect_cr_fault(0, m.cpu.cr0 | PG);
	m.cpu.seg[XE_TR].attributes = HY_X86_SEG_P | HY_X86_TYPE_TSS_BUSY;
	ck_assert_int_eq(write_cr(0, m.cpu.cr0 | PG), XE_OK);
	ck_assert_uint_eq(m.cpu.efer, HY_X86_EFER_LME | HY_X86_EFER_LMA);
	ck_assert(m.cpu.is_long && m.cpu.mode == 4);
	expect_cr_fault(4, m.cpu.cr4 & ~(uint64_t)PAE);
	expect_cr_fault(4, m.cpu.cr4 | HY_X86_CR4_LA57);
	ck_assert_int_eq(write_cr(0, m.cpu.cr0 & ~(uint64_t)PG), XE_OK); /* from compatibility mode */
	ck_assert_uint_eq(m.cpu.efer, HY_X86_EFER_LME);
	ck_assert(!m.cpu.is_long);
}
END_TEST

START_TEST(cr3_values)
{
	uint64_t cr3 = m.cpu.cr3;

	expect_cr_fault(3, cr3 | UINT64_C(1) << 40);
	expect_cr_fault(3, cr3 | UINT64_C(1) << 63);
	ck_assert_int_eq(write_cr(3, cr3 | 0x18), XE_OK);
	expect_cr(3, cr3 | 0x18);
	expect_cr_fault(4, m.cpu.cr4 | XE_CR4_PCIDE); /* the low bits aren't clear */
	ck_assert_int_eq(write_cr(3, cr3), XE_OK);
	ck_assert_int_eq(write_cr(4, m.cpu.cr4 | XE_CR4_PCIDE), XE_OK);
	ck_assert_int_eq(write_cr(3, cr3 | UINT64_C(1) << 63 | 5), XE_OK);
	expect_cr(3, cr3 | 5);
	machine_enter_long(&m, 32, 0);
	expect_cr_fault(0, m.cpu.cr0 & ~(uint64_t)PG);
}
END_TEST

/* PDPTEs come with CR3, and with CR0 and CR4 where these turn something. */
START_TEST(pdptes)
{
	machine_enter_protected(&m, 32, 0);
	machine_set_paging(&m, MACHINE_PAGING_PAE);
	machine_write_value(&m, DATA, 8, 0x5001);
	machine_write_value(&m, DATA + 8, 8, UINT64_C(0xfffffffffffffffe)); /* not present: anything */
	memcpy(m.ram + DATA + 16, m.ram + m.cpu.cr3, 16);
	machine_write_value(&m, DATA, 8, m.cpu.pdpte[0]);
	ck_assert_int_eq(write_cr(3, DATA | 0x18), XE_OK);
	ck_assert_uint_eq(m.cpu.pdpte[1], UINT64_C(0xfffffffffffffffe));
	machine_write_value(&m, DATA + 8, 8, 0x5003); /* W is reserved here */
	expect_cr_fault(3, DATA);
	expect_cr_fault(4, m.cpu.cr4 ^ HY_X86_CR4_PGE);
	expect_cr_fault(0, m.cpu.cr0 | HY_X86_CR0_CD);
	ck_assert_int_eq(write_cr(4, m.cpu.cr4 ^ XE_CR4_TSD), XE_OK);
	ck_assert_int_eq(write_cr(0, m.cpu.cr0 ^ HY_X86_CR0_TS), XE_OK);
	machine_write_value(&m, DATA + 8, 8, 0x5001);
	ck_assert_int_eq(write_cr(4, m.cpu.cr4 ^ HY_X86_CR4_PGE), XE_OK);
	ck_assert_uint_eq(m.cpu.pdpte[1], 0x5001);
	ck_assert_int_eq(write_cr(3, UINT32_MAX & ~31u), XE_REFUSED);
	ck_assert_uint_eq(m.cpu.refusal.reason, XE_REFUSED_MEMORY);
}
END_TEST

START_TEST(cr4_follows_features)
{
	static const struct {
		uint32_t feature, bit;
	} known[] = {
		{ XE_HAS_PGE, HY_X86_CR4_PGE },       { XE_HAS_UMIP, XE_CR4_UMIP },
		{ XE_HAS_FSGSBASE, XE_CR4_FSGSBASE }, { XE_HAS_SMEP, XE_CR4_SMEP },
		{ XE_HAS_SMAP, XE_CR4_SMAP },         { XE_HAS_PKU, XE_CR4_PKE },
		{ XE_HAS_XSAVE, HY_X86_CR4_OSXSAVE }, { XE_HAS_PCID, XE_CR4_PCIDE },
		{ XE_HAS_VME, XE_CR4_VME },           { XE_HAS_VME, XE_CR4_PVI },
	};

	machine_map(&m, MACHINE_CODE, MACHINE_CODE, MACHINE_P, 1); /* not a user's, for SMEP */
	m.cpu.cr4 = PAE | HY_X86_CR4_OSFXSR;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		m.cpu.features = UINT32_MAX & ~known[i].feature;
		expect_cr_fault(4, m.cpu.cr4 | known[i].bit);
		m.cpu.features = UINT32_MAX;
		ck_assert_int_eq(write_cr(4, m.cpu.cr4 | known[i].bit), XE_OK);
		ck_assert_int_eq(write_cr(4, m.cpu.cr4 & ~(uint64_t)known[i].bit), XE_OK);
	}
	expect_cr_fault(4, m.cpu.cr4 | 0x2000);   /* VMXE */
	expect_cr_fault(4, m.cpu.cr4 | 0x800000); /* CET */
	expect_cr_fault(4, m.cpu.cr4 | UINT64_C(1) << 40);
}
END_TEST

/* What was translated before WP, SMEP... is asked again. */
START_TEST(changes_reach_translations)
{
	machine_map(&m, DATA, DATA, MACHINE_P, 1);
	ck_assert_int_eq(write_cr(0, m.cpu.cr0 & ~(uint64_t)HY_X86_CR0_WP), XE_OK);
	gpr[XE_RBX] = DATA;
	ck_assert_int_eq(TRY(0x88, 0x03), XE_OK); /* mov %al, (%rbx) */
	ck_assert_int_eq(write_cr(0, m.cpu.cr0 | HY_X86_CR0_WP), XE_OK);
	ck_assert_int_eq(TRY(0x88, 0x03), XE_EXCEPTION);
	ck_assert_uint_eq(m.cpu.event.vector, XE_PF);
	machine_map(&m, DATA, DATA, MACHINE_P | MACHINE_W, 1);
	ck_assert_int_eq(TRY(0x0f, 0x01, 0x3b), XE_OK); /* invlpg (%rbx) */
	ck_assert_int_eq(TRY(0x88, 0x03), XE_OK);
}
END_TEST

START_TEST(other_control)
{
	expect_cr_fault(8, 0x10);
	ck_assert_int_eq(write_cr(8, 0xf), XE_OK);
	expect_cr(8, 0xf);
	ck_assert_int_eq(write_cr(2, NON_CANONICAL), XE_OK);
	expect_cr(2, NON_CANONICAL);
	m.cpu.cr0 |= HY_X86_CR0_TS;
	ck_assert_int_eq(TRY(0x0f, 0x06), XE_OK); /* clts */
	ck_assert(!(m.cpu.cr0 & HY_X86_CR0_TS));
	gpr[XE_RAX] = 0xfff8; /* lmsw %ax: TS, and PE can't go */
	ck_assert_int_eq(TRY(0x0f, 0x01, 0xf0), XE_OK);
	ck_assert_uint_eq(m.cpu.cr0 & 0xf, PE | HY_X86_CR0_TS);
	ck_assert_int_eq(TRY(0x48, 0x0f, 0x01, 0xe3), XE_OK); /* smsw %rbx */
	ck_assert_uint_eq(gpr[XE_RBX], m.cpu.cr0);
	gpr[XE_RBX] = DATA;
	machine_write_value(&m, DATA, 8, UINT64_MAX);
	ck_assert_int_eq(TRY(0x0f, 0x01, 0x23), XE_OK); /* smsw (%rbx) */
	ck_assert_uint_eq(machine_read_value(&m, DATA, 4), 0xffff0000 | (m.cpu.cr0 & 0xffff));
}
END_TEST

/* All of these are for CPL 0. */
START_TEST(privileged)
{
	static const char *const code[] = {
		"\x0f\x20\xc0", "\x0f\x22\xc0", "\x0f\x21\xc0", "\x0f\x23\xc0", "\x0f\x06",
		"\x0f\x01\xf0", "\x0f\x01\x10", "\x0f\x01\x18", "\x0f\x01\x38", "\x0f\x08",
		"\x0f\x09",     "\x0f\x32",     "\x0f\x30",     "\xf4",         "\x0f\x01\xf8",
		"\xfa",         "\xfb",         "\x0f\x01\xd1", "\xe4\x10",     "\x66\x0f\x38\x82\x03",
	};

	machine_enter_long(&m, 64, 3);
	expect_fault(machine_try(&m, code[_i], strlen(code[_i])), XE_GP);
}
END_TEST

/* --- Tables, translations -------------------------------------------------------------------- */

START_TEST(descriptor_tables)
{
	gpr[XE_RBX] = DATA;
	machine_write_value(&m, DATA, 2, 0x1ff);
	machine_write_value(&m, DATA + 2, 8, UINT64_C(0xffff800012345678));
	ck_assert_int_eq(TRY(0x0f, 0x01, 0x1b), XE_OK); /* lidt (%rbx) */
	ck_assert_uint_eq(m.cpu.idtr.limit, 0x1ff);
	ck_assert_uint_eq(m.cpu.idtr.base, UINT64_C(0xffff800012345678));
	memset(m.ram + DATA, 0, 16);
	ck_assert_int_eq(TRY(0x0f, 0x01, 0x0b), XE_OK); /* sidt (%rbx) */
	ck_assert_uint_eq(machine_read_value(&m, DATA, 2), 0x1ff);
	ck_assert_uint_eq(machine_read_value(&m, DATA + 2, 8), m.cpu.idtr.base);
	ck_assert_uint_eq(machine_read_value(&m, DATA + 10, 2), 0);
	machine_write_value(&m, DATA + 2, 8, NON_CANONICAL);
	expect_fault(TRY(0x0f, 0x01, 0x1b), XE_GP);
	machine_enter_protected(&m, 32, 0);
	machine_write_value(&m, DATA + 2, 8, 0x12345678);
	ck_assert_int_eq(TRY(0x66, 0x0f, 0x01, 0x13), XE_OK); /* lgdtw (%ebx) */
	ck_assert_uint_eq(m.cpu.gdtr.base, 0x345678);
	ck_assert_int_eq(TRY(0x0f, 0x01, 0x13), XE_OK);
	ck_assert_uint_eq(m.cpu.gdtr.base, 0x12345678);
	machine_enter_long(&m, 64, 3);
	ck_assert_int_eq(TRY(0x0f, 0x01, 0x03), XE_OK); /* sgdt at CPL 3 */
	m.cpu.cr4 |= XE_CR4_UMIP;
	expect_fault(TRY(0x0f, 0x01, 0x03), XE_GP);
	expect_fault(TRY(0x0f, 0x01, 0xe3), XE_GP); /* smsw %ebx */
}
END_TEST

static enum xe_result invpcid(uint64_t type, uint64_t low, uint64_t high)
{
	gpr[XE_RAX] = type;
	gpr[XE_RBX] = DATA;
	machine_write_value(&m, DATA, 8, low);
	machine_write_value(&m, DATA + 8, 8, high);
	return TRY(0x66, 0x0f, 0x38, 0x82, 0x03);
}

START_TEST(invalidations)
{
	ck_assert_int_eq(invpcid(0, 0, 0x5000), XE_OK);
	ck_assert_int_eq(invpcid(2, 0, NON_CANONICAL), XE_OK);
	expect_fault(invpcid(0, 0, NON_CANONICAL), XE_GP);
	expect_fault(invpcid(4, 0, 0), XE_GP);
	expect_fault(invpcid(3, 0x1000, 0), XE_GP);
	expect_fault(invpcid(1, 5, 0), XE_GP);
	m.cpu.cr4 |= XE_CR4_PCIDE;
	ck_assert_int_eq(invpcid(1, 5, 0), XE_OK);
	gpr[XE_RBX] = NON_CANONICAL;
	ck_assert_int_eq(TRY(0x0f, 0x01, 0x3b), XE_OK); /* invlpg */
	ck_assert_int_eq(TRY(0x0f, 0x09), XE_OK);       /* wbinvd */
}
END_TEST

/* --- MSRs ----------------------------------------------------------------------------------------- */

static enum xe_result wrmsr(uint32_t index, uint64_t value)
{
	gpr[XE_RCX] = UINT64_C(0xffffffff00000000) | index;
	gpr[XE_RAX] = value | UINT64_C(0xabcd) << 48;
	gpr[XE_RDX] = value >> 32 | UINT64_C(0xabcd) << 48;
	return TRY(0x0f, 0x30);
}

static void expect_msr(uint32_t index, uint64_t value)
{
	gpr[XE_RCX] = index;
	ck_assert_int_eq(TRY(0x0f, 0x32), XE_OK);
	ck_assert_uint_eq(gpr[XE_RAX], (uint32_t)value);
	ck_assert_uint_eq(gpr[XE_RDX], value >> 32);
}

START_TEST(stored_msrs)
{
	static const uint32_t addresses[] = { HY_X86_MSR_SYSENTER_ESP,  HY_X86_MSR_SYSENTER_EIP, HY_X86_MSR_LSTAR,
		                              HY_X86_MSR_CSTAR,         HY_X86_MSR_FS_BASE,      HY_X86_MSR_GS_BASE,
		                              HY_X86_MSR_KERNEL_GS_BASE };

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		ck_assert_int_eq(wrmsr(addresses[i], UINT64_C(0xffff800000001000) + i), XE_OK);
		expect_fault(wrmsr(addresses[i], NON_CANONICAL), XE_GP);
		expect_msr(addresses[i], UINT64_C(0xffff800000001000) + i);
	}
	ck_assert_uint_eq(m.cpu.seg[XE_FS].base, UINT64_C(0xffff800000001004));
	ck_assert_int_eq(wrmsr(HY_X86_MSR_STAR, UINT64_C(0x1122334455667788)), XE_OK);
	expect_msr(HY_X86_MSR_STAR, UINT64_C(0x1122334455667788));
	expect_fault(wrmsr(HY_X86_MSR_FMASK, UINT64_C(1) << 32), XE_GP);
	expect_fault(wrmsr(MSR_TSC_AUX, UINT64_C(1) << 32), XE_GP);
	m.cpu.features &= ~XE_HAS_RDTSCP;
	expect_fault(wrmsr(MSR_TSC_AUX, 0), XE_GP);
}
END_TEST

START_TEST(memory_types)
{
	static const uint32_t fixed[] = { 0x250, 0x258, 0x259, 0x268, 0x26f };

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		expect_fault(wrmsr(fixed[i], UINT64_C(0x0605040100060502)), XE_GP);
		ck_assert_int_eq(wrmsr(fixed[i], UINT64_C(0x0605040100060500)), XE_OK);
		expect_msr(fixed[i], UINT64_C(0x0605040100060500));
	}
	ck_assert_int_eq(wrmsr(0x200, UINT64_C(0x8012345006)), XE_OK);
	ck_assert_int_eq(wrmsr(0x20f, UINT64_C(0xfff0000800)), XE_OK);
	expect_msr(0x200, UINT64_C(0x8012345006));
	expect_msr(0x20f, UINT64_C(0xfff0000800));
	expect_fault(wrmsr(0x200, 3), XE_GP);
	expect_fault(wrmsr(0x200, 0x106), XE_GP);
	expect_fault(wrmsr(0x200, UINT64_C(1) << 40), XE_GP);
	expect_fault(wrmsr(0x201, 0x400), XE_GP);
	expect_fault(wrmsr(0x210, 0), XE_GP);
	expect_fault(wrmsr(0x25a, 0), XE_GP);
	expect_fault(wrmsr(0x270, 0), XE_GP);
}
END_TEST

START_TEST(checked_msrs)
{
	expect_fault(wrmsr(0x12345, 0), XE_GP);
	expect_fault(wrmsr(HY_X86_MSR_PAT, 2), XE_GP);
	expect_fault(wrmsr(HY_X86_MSR_PAT, UINT64_C(8) << 56), XE_GP);
	ck_assert_int_eq(wrmsr(HY_X86_MSR_PAT, UINT64_C(0x0706050401000706)), XE_OK);
	expect_msr(HY_X86_MSR_PAT, UINT64_C(0x0706050401000706));
	expect_fault(wrmsr(0x1b, UINT64_C(1) << 45), XE_GP); /* APIC base */
	expect_fault(wrmsr(0x1b, 0xfee00c00), XE_GP);
	ck_assert_int_eq(wrmsr(0x1b, 0xfed00900), XE_OK);
	expect_msr(0x1b, 0xfed00900);
	expect_fault(wrmsr(0x2ff, 2), XE_GP); /* MTRRs' default type */
	ck_assert_int_eq(wrmsr(0x2ff, 0x806), XE_OK);
	expect_msr(0x2ff, 0x806);
	expect_fault(wrmsr(0xfe, 0), XE_GP);
	expect_msr(0xfe, 0x508);
	ck_assert_int_eq(wrmsr(0x8b, 5), XE_OK); /* microcode revision */
	expect_msr(0x8b, 0);
}
END_TEST

START_TEST(efer)
{
	uint64_t value = m.cpu.efer;

	ck_assert(value & HY_X86_EFER_LMA);
	expect_fault(wrmsr(HY_X86_MSR_EFER, value & ~(uint64_t)HY_X86_EFER_LME), XE_GP); /* under paging */
	expect_fault(wrmsr(HY_X86_MSR_EFER, value | 2), XE_GP);
	ck_assert_int_eq(wrmsr(HY_X86_MSR_EFER, value & ~(uint64_t)HY_X86_EFER_LMA), XE_OK);
	expect_msr(HY_X86_MSR_EFER, value);
	ck_assert_int_eq(wrmsr(HY_X86_MSR_EFER, value & ~(uint64_t)HY_X86_EFER_NXE), XE_OK);
	m.cpu.features &= ~XE_HAS_NX;
	expect_fault(wrmsr(HY_X86_MSR_EFER, value | HY_X86_EFER_NXE), XE_GP);
	machine_enter_real(&m);
	m.cpu.efer = 0;
	m.cpu.features &= ~XE_HAS_LONG;
	expect_fault(wrmsr(HY_X86_MSR_EFER, HY_X86_EFER_LME), XE_GP);
}
END_TEST

static bool exits(struct machine *machine, uint32_t index, bool write)
{
	(void)machine;
	return index == 0x12345 || (index == HY_X86_MSR_STAR && write);
}

START_TEST(msr_exits)
{
	m.msr_exits = exits;
	expect_msr(0x12345, machine_pattern(0x12345, 8));
	ck_assert_uint_eq(m.access[0].kind, XE_ACCESS_MSR);
	ck_assert_uint_eq(m.access[0].size, 8);
	ck_assert_int_eq(wrmsr(HY_X86_MSR_STAR, 0x77), XE_OK);
	ck_assert_uint_eq(m.access[1].data, 0x77);
	ck_assert_uint_eq(m.access[1].write, 1);
	expect_msr(HY_X86_MSR_STAR, 0); /* not written here; reading is ours */
	ck_assert_uint_eq(m.accesses, 2);

	gpr[XE_RCX] = 0x12345;
	gpr[XE_RAX] = gpr[XE_RDX] = 7;
	machine_code(&m, "\x0f\x32", 2);
	ck_assert_int_eq(xe_execute(&m.cpu), XE_ACCESS);
	m.cpu.access.refused = 1;
	expect_fault(xe_execute(&m.cpu), XE_GP);
	ck_assert_uint_eq(gpr[XE_RAX], 7);
	machine_enter_long(&m, 64, 3);
	expect_fault(TRY(0x0f, 0x32), XE_GP); /* privileges first */
}
END_TEST

/* --- Debug registers --------------------------------------------------------------------------------- */

/* mov %rax, %drN; mov %drN, %rax. */
static enum xe_result write_dr(unsigned number, uint64_t value)
{
	gpr[XE_RAX] = value;
	return TRY(0x0f, 0x23, (uint8_t)(0xc0 | number << 3));
}

static enum xe_result read_dr(unsigned number)
{
	return TRY(0x0f, 0x21, (uint8_t)(0xc0 | number << 3));
}

START_TEST(debug_registers)
{
	ck_assert_int_eq(write_dr(0, NON_CANONICAL), XE_OK);
	ck_assert_uint_eq(m.cpu.dr[0], NON_CANONICAL);
	ck_assert_int_eq(write_dr(4, UINT32_MAX), XE_OK); /* DR6 */
	ck_assert_uint_eq(m.cpu.dr[6], 0xffffefff);
	ck_assert_int_eq(write_dr(6, 0), XE_OK);
	ck_assert_uint_eq(m.cpu.dr[6], 0xffff0ff0);
	ck_assert_int_eq(write_dr(5, 0xffffdfff), XE_OK); /* DR7 but GD */
	ck_assert_uint_eq(m.cpu.dr[7], 0xffff07ff);
	expect_fault(write_dr(6, UINT64_C(1) << 32), XE_GP);
	expect_fault(write_dr(7, UINT64_C(1) << 63), XE_GP);
	ck_assert_int_eq(read_dr(5), XE_OK);
	ck_assert_uint_eq(gpr[XE_RAX], 0xffff07ff);
	m.cpu.cr4 |= XE_CR4_DE;
	expect_fault(read_dr(4), XE_UD);
	ck_assert_int_eq(write_dr(7, 0x2400), XE_OK);
	expect_fault(read_dr(0), XE_DB); /* general detect */
	ck_assert_uint_eq(m.cpu.event.dr6, 0x2000);
}
END_TEST

/* Kinds and lengths: one breakpoint at DATA + 8 against reads and writes around it. */
START_TEST(data_breakpoints)
{
	static const unsigned lengths[] = { 1, 2, 8, 4 };
	unsigned length = lengths[_i & 3], kind = _i & 4 ? 3 : 1;

	m.cpu.dr[2] = DATA + 8;
	m.cpu.dr[7] = 0x400 | 2u << 4 | kind << 24 | (_i & 3u) << 26; /* G2 */
	xe_update_mode(&m.cpu);
	for (uint64_t at = DATA; at < DATA + 24; at++) {
		bool hit = at + 4 > DATA + 8 && at < DATA + 8 + length;

		gpr[XE_RBX] = at;
		ck_assert_int_eq(TRY(0x89, 0x03), XE_OK); /* mov %eax, (%rbx) */
		ck_assert_uint_eq(m.cpu.trap, hit ? 4 : 0);
		m.cpu.trap = 0;
		ck_assert_int_eq(TRY(0x8b, 0x03), XE_OK); /* mov (%rbx), %eax */
		ck_assert_uint_eq(m.cpu.trap, hit && kind == 3 ? 4 : 0);
		m.cpu.trap = 0;
	}
}
END_TEST

START_TEST(fetch_breakpoints)
{
	m.cpu.dr[3] = 0x1234;
	m.cpu.dr[7] = 0x400 | 1u << 6;
	ck_assert_uint_eq(xe_watch_fetch(&m.cpu, 0x1234), 8);
	ck_assert_uint_eq(xe_watch_fetch(&m.cpu, 0x1235), 0);
	m.cpu.dr[7] |= 1u << 28;
	ck_assert_uint_eq(xe_watch_fetch(&m.cpu, 0x1234), 0);
}
END_TEST

/* --- The rest ------------------------------------------------------------------------------------------- */

static void all_ones(struct machine *machine, uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	(void)machine;
	for (unsigned i = 0; i < 4; i++)
		answer[i] = leaf < 0x10 ? UINT32_MAX : leaf + subleaf + i;
}

START_TEST(cpuid)
{
	m.cpuid = all_ones;
	gpr[XE_RAX] = UINT64_C(0xffffffff00000100);
	gpr[XE_RCX] = UINT64_C(0xffffffff00000020);
	ck_assert_int_eq(TRY(0x0f, 0xa2), XE_OK);
	ck_assert_uint_eq(gpr[XE_RAX], 0x120);
	ck_assert_uint_eq(gpr[XE_RBX], 0x121);
	ck_assert_uint_eq(gpr[XE_RCX], 0x122);
	ck_assert_uint_eq(gpr[XE_RDX], 0x123);
	/* What follows from CR4 and XCR0. */
	m.cpu.cr4 &= ~(uint64_t)HY_X86_CR4_OSXSAVE;
	gpr[XE_RAX] = 1;
	ck_assert_int_eq(TRY(0x0f, 0xa2), XE_OK);
	ck_assert_uint_eq(gpr[XE_RCX], 0xf7ffffff);
	gpr[XE_RAX] = 0xd;
	gpr[XE_RCX] = 0;
	m.cpu.xcr0 = 3;
	ck_assert_int_eq(TRY(0x0f, 0xa2), XE_OK);
	ck_assert_uint_eq(gpr[XE_RBX], 576);
}
END_TEST

START_TEST(tsc)
{
	m.clock = 1000;
	ck_assert_int_eq(wrmsr(HY_X86_MSR_TSC, UINT64_C(0x500000000)), XE_OK);
	m.cpu.msr.tsc_aux = 0x77;
	m.clock = 1500;
	ck_assert_int_eq(TRY(0x0f, 0x01, 0xf9), XE_OK); /* rdtscp */
	ck_assert_uint_eq(gpr[XE_RAX], 500);
	ck_assert_uint_eq(gpr[XE_RDX], 5);
	ck_assert_uint_eq(gpr[XE_RCX], 0x77);
	machine_enter_long(&m, 64, 3);
	ck_assert_int_eq(TRY(0x0f, 0x31), XE_OK);
	m.cpu.cr4 |= XE_CR4_TSD;
	expect_fault(TRY(0x0f, 0x31), XE_GP);
	expect_fault(TRY(0x0f, 0x33), XE_GP); /* rdpmc */
}
END_TEST

START_TEST(xcr0_and_pkru)
{
	gpr[XE_RCX] = gpr[XE_RDX] = 0;
	gpr[XE_RAX] = 7;
	ck_assert_int_eq(TRY(0x0f, 0x01, 0xd1), XE_OK); /* xsetbv */
	for (uint64_t value = 0; value < 16; value++) {
		gpr[XE_RAX] = value;
		if (value != 1 && value != 3 && value != 7)
			expect_fault(TRY(0x0f, 0x01, 0xd1), XE_GP);
	}
	ck_assert_int_eq(TRY(0x0f, 0x01, 0xd0), XE_OK); /* xgetbv */
	ck_assert_uint_eq(gpr[XE_RAX], 7);
	m.cpu.cr4 &= ~(uint64_t)HY_X86_CR4_OSXSAVE;
	expect_fault(TRY(0x0f, 0x01, 0xd0), XE_UD);
	expect_fault(TRY(0x0f, 0x01, 0xd1), XE_UD);
	expect_fault(TRY(0x0f, 0x01, 0xee), XE_UD); /* rdpkru without CR4.PKE */
	m.cpu.cr4 |= XE_CR4_PKE;
	gpr[XE_RAX] = 0x5555;
	gpr[XE_RDX] = 0;
	ck_assert_int_eq(TRY(0x0f, 0x01, 0xef), XE_OK); /* wrpkru */
	ck_assert_uint_eq(m.cpu.pkru, 0x5555);
	gpr[XE_RDX] = 1;
	expect_fault(TRY(0x0f, 0x01, 0xef), XE_GP);
	ck_assert_int_eq(TRY(0x0f, 0x01, 0xee), XE_OK);
	ck_assert_uint_eq(gpr[XE_RAX], 0x5555);
	ck_assert_uint_eq(gpr[XE_RDX], 0);
}
END_TEST

START_TEST(interrupt_flag)
{
	ck_assert_int_eq(TRY(0xfb), XE_OK); /* sti */
	ck_assert(m.cpu.shadow && (m.cpu.rflags & HY_X86_RFLAGS_IF));
	ck_assert_int_eq(TRY(0xfb), XE_OK);
	ck_assert(!m.cpu.shadow);
	ck_assert_int_eq(TRY(0xfa), XE_OK);
	ck_assert(!(m.cpu.rflags & HY_X86_RFLAGS_IF));
	ck_assert_int_eq(TRY(0xf4), XE_HALT);
	ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE + 1);
	machine_enter_protected(&m, 32, 3);
	expect_fault(TRY(0xfb), XE_GP);
	m.cpu.cr4 |= XE_CR4_PVI;
	ck_assert_int_eq(TRY(0xfb), XE_OK);
	ck_assert_uint_eq(m.cpu.rflags & (HY_X86_RFLAGS_IF | XE_RFLAGS_VIF), XE_RFLAGS_VIF);
	m.cpu.rflags |= XE_RFLAGS_VIP;
	expect_fault(TRY(0xfb), XE_GP);
	ck_assert_int_eq(TRY(0xfa), XE_OK);
	m.cpu.rflags |= XE_RFLAGS_IOPL;
	ck_assert_int_eq(TRY(0xfb), XE_OK);
	ck_assert(m.cpu.rflags & HY_X86_RFLAGS_IF);
}
END_TEST

START_TEST(smap_override)
{
	ck_assert_int_eq(TRY(0x0f, 0x01, 0xcb), XE_OK); /* stac */
	ck_assert(m.cpu.rflags & XE_RFLAGS_AC);
	ck_assert_int_eq(TRY(0x0f, 0x01, 0xca), XE_OK);
	ck_assert(!(m.cpu.rflags & XE_RFLAGS_AC));
	machine_enter_long(&m, 64, 3);
	expect_fault(TRY(0x0f, 0x01, 0xcb), XE_UD);
}
END_TEST

START_TEST(bases)
{
	gpr[XE_RAX] = UINT64_C(0xffff8000abcd1234);
	expect_fault(TRY(0xf3, 0x48, 0x0f, 0xae, 0xd0), XE_UD); /* wrfsbase %rax without CR4.FSGSBASE */
	m.cpu.cr4 |= XE_CR4_FSGSBASE;
	ck_assert_int_eq(TRY(0xf3, 0x48, 0x0f, 0xae, 0xd0), XE_OK);
	ck_assert_int_eq(TRY(0xf3, 0x0f, 0xae, 0xd8), XE_OK); /* wrgsbase %eax */
	ck_assert_uint_eq(m.cpu.seg[XE_FS].base, UINT64_C(0xffff8000abcd1234));
	ck_assert_uint_eq(m.cpu.seg[XE_GS].base, 0xabcd1234);
	ck_assert_int_eq(TRY(0xf3, 0x0f, 0xae, 0xc3), XE_OK); /* rdfsbase %ebx */
	ck_assert_uint_eq(gpr[XE_RBX], 0xabcd1234);
	gpr[XE_RAX] = NON_CANONICAL;
	expect_fault(TRY(0xf3, 0x48, 0x0f, 0xae, 0xd0), XE_GP);
	m.cpu.msr.kernel_gs_base = 0x9999;
	ck_assert_int_eq(TRY(0x0f, 0x01, 0xf8), XE_OK); /* swapgs */
	ck_assert_uint_eq(m.cpu.seg[XE_GS].base, 0x9999);
	ck_assert_uint_eq(m.cpu.msr.kernel_gs_base, 0xabcd1234);
	machine_enter_long(&m, 32, 0);
	expect_fault(TRY(0x0f, 0x01, 0xf8), XE_UD);
}
END_TEST

/* VMCALL, VMMCALL, MONITOR, MWAIT, RSM, GETSEC: the guest's CPUID has nothing of it. */
START_TEST(undefined)
{
	static const uint8_t code[][3] = { { 0x0f, 0x01, 0xc1 }, { 0x0f, 0x01, 0xd9 }, { 0x0f, 0x01, 0xc8 },
		                           { 0x0f, 0x01, 0xc9 }, { 0x0f, 0xaa },       { 0x0f, 0x37 } };

	expect_fault(machine_try(&m, code[_i], 3), XE_UD);
}
END_TEST

static TCase *make_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, setup, teardown);
	suite_add_tcase(suite, tcase);
	return tcase;
}

static Suite *make_suite(void)
{
	Suite *suite = suite_create("assist-system");
	TCase *tcase = make_case(suite, "control");

	tcase_add_test(tcase, cr0_values);
	tcase_add_test(tcase, entering_long_mode);
	tcase_add_test(tcase, cr3_values);
	tcase_add_test(tcase, pdptes);
	tcase_add_test(tcase, cr4_follows_features);
	tcase_add_test(tcase, changes_reach_translations);
	tcase_add_test(tcase, other_control);
	tcase_add_loop_test(tcase, privileged, 0, 20);
	tcase_add_test(tcase, descriptor_tables);
	tcase_add_test(tcase, invalidations);
	tcase = make_case(suite, "msr");
	tcase_add_test(tcase, stored_msrs);
	tcase_add_test(tcase, memory_types);
	tcase_add_test(tcase, checked_msrs);
	tcase_add_test(tcase, efer);
	tcase_add_test(tcase, msr_exits);
	tcase = make_case(suite, "debug");
	tcase_add_test(tcase, debug_registers);
	tcase_add_loop_test(tcase, data_breakpoints, 0, 8);
	tcase_add_test(tcase, fetch_breakpoints);
	tcase = make_case(suite, "system");
	tcase_add_test(tcase, cpuid);
	tcase_add_test(tcase, tsc);
	tcase_add_test(tcase, xcr0_and_pkru);
	tcase_add_test(tcase, interrupt_flag);
	tcase_add_test(tcase, smap_override);
	tcase_add_test(tcase, bases);
	tcase_add_loop_test(tcase, undefined, 0, 6);
	return suite;
}

int main(void)
{
	return suite_run(make_suite());
}
