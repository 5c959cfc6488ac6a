/* SPDX-License-Identifier: MIT */
/* plugins/assist: decoding, and where it has its traps. */
#include <check.h>

#include "assist-machine.h"
#include "handlers.h"
#include "suite.h"

static struct machine m;

static void open_machine(void)
{
	ck_assert(machine_open(&m, false));
	machine_enter_long(&m, 64, 0);
}

static void close_machine(void)
{
	machine_close(&m);
}

static uint32_t cpuid_word;

static void cpuid_same(struct machine *machine, uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	(void)machine;
	(void)leaf;
	(void)subleaf;
	for (unsigned i = 0; i < 4; i++)
		answer[i] = cpuid_word;
}

/* What tests write as a string of bytes. */
#define BYTES(text) text, sizeof(text) - 1
#define TRY(text) machine_try(&m, BYTES(text))

static struct xe_insn decoded(uint8_t mode, const char *bytes, size_t size)
{
	struct xe_insn insn;

	m.cpu.mode = mode;
	ck_assert_int_eq(xe_decode(&m.cpu, (const uint8_t *)bytes, size, &insn), XE_OK);
	ck_assert_uint_eq(insn.length, size);
	return insn;
}

static void expect_decode_fault(uint8_t mode, const char *bytes, size_t size, uint8_t vector)
{
	struct xe_insn insn;

	m.cpu.mode = mode;
	ck_assert_int_eq(xe_decode(&m.cpu, (const uint8_t *)bytes, size, &insn), XE_EXCEPTION);
	ck_assert_uint_eq(m.cpu.event.vector, vector);
}

/* --- Decoding ------------------------------------------------------------------------------ */

static const struct {
	uint8_t mode;
	const char *bytes;
	size_t size;
	uint8_t operand_size, address_size;
} sizes[] = {
	{ 8, BYTES("\x50"), 8, 8 },                         /* push rax */
	{ 8, BYTES("\x66\x50"), 2, 8 },                     /* push ax */
	{ 8, BYTES("\xff\x30"), 8, 8 },                     /* push qword [rax] */
	{ 8, BYTES("\xe8\0\0\0\0"), 8, 8 },                 /* call */
	{ 8, BYTES("\x66\xe8\0\0\0\0"), 8, 8 },             /* 66 is ignored, the immediate is of 32 bits */
	{ 8, BYTES("\x66\x0f\x84\0\0\0\0"), 8, 8 },         /* jz */
	{ 8, BYTES("\x66\xeb\0"), 8, 8 },                   /* jmp */
	{ 8, BYTES("\x66\xc3"), 8, 8 },                     /* ret */
	{ 8, BYTES("\x66\xff\x10"), 8, 8 },                 /* call [rax] */
	{ 8, BYTES("\xcb"), 4, 8 },                         /* far returns have no such default */
	{ 8, BYTES("\x48\xcf"), 8, 8 },                     /* iretq */
	{ 8, BYTES("\xc9"), 8, 8 },                         /* leave */
	{ 8, BYTES("\x0f\x22\xc0"), 8, 8 },                 /* mov cr0, rax */
	{ 8, BYTES("\xaa"), 4, 8 },                         /* stosb: what the prefixes say */
	{ 8, BYTES("\x67\x66\xab"), 2, 4 },                 /* stosw [edi] */
	{ 8, BYTES("\x48\xab"), 8, 8 },                     /* stosq */
	{ 8, BYTES("\x66\x48\x01\xc0"), 8, 8 },             /* W goes before 66 */
	{ 8, BYTES("\x48\x66\x01\xc0"), 2, 8 },             /* a REX that isn't last is no REX */
	{ 4, BYTES("\x66\xe8\0\0"), 2, 4 },                 /* call rel16 */
	{ 4, BYTES("\x67\x01\x00"), 4, 2 },                 /* add [bx+si], eax */
	{ 2, BYTES("\x66\xe8\0\0\0\0"), 4, 2 },             /* call rel32 */
	{ 2, BYTES("\x67\x01\x00"), 2, 4 },                 /* add [eax], ax */
};

START_TEST(decode_sizes)
{
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct xe_insn insn = decoded(sizes[i].mode, sizes[i].bytes, sizes[i].size);

		ck_assert_msg(insn.operand_size == sizes[i].operand_size && insn.address_size == sizes[i].address_size,
		              "case %zu: sizes %u and %u", i, insn.operand_size, insn.address_size);
		ck_assert_uint_eq(insn.mode, sizes[i].mode);
	}
}
END_TEST

static const struct {
	uint8_t mode;
	const char *bytes;
	size_t size;
	uint8_t segment, base, index, scale;
	int64_t disp;
} addresses[] = {
	{ 8, BYTES("\x8b\x45\x00"), XE_SS, XE_RBP, XE_NO_REG, 0, 0 },
	{ 8, BYTES("\x8b\x04\x24"), XE_SS, XE_RSP, XE_NO_REG, 0, 0 },
	{ 8, BYTES("\x41\x8b\x45\xff"), XE_DS, 13, XE_NO_REG, 0, -1 }, /* R13 is no RBP */
	{ 8, BYTES("\x8b\x44\x6d\x80"), XE_SS, XE_RBP, XE_RBP, 2, -128 },
	{ 8, BYTES("\x8b\x44\x68\x01"), XE_DS, XE_RAX, XE_RBP, 2, 1 },
	{ 8, BYTES("\x42\x8b\x04\x20"), XE_DS, XE_RAX, 12, 1, 0 }, /* R12 is an index, RSP never */
	{ 8, BYTES("\x8b\x04\x25\0\0\0\x80"), XE_DS, XE_NO_REG, XE_NO_REG, 0, INT32_MIN },
	{ 8, BYTES("\x67\x43\x8b\x04\x2d\0\0\0\x80"), XE_DS, XE_NO_REG, 13, 1, INT32_MIN }, /* 5 is no base, nor 13 */
	{ 8, BYTES("\x67\x43\x8b\x44\x2d\x10"), XE_DS, 13, 13, 1, 16 },
	{ 8, BYTES("\x8b\x05\x44\x33\x22\x11"), XE_DS, XE_BASE_RIP, XE_NO_REG, 0, 0x11223344 },
	{ 8, BYTES("\x67\x8b\x05\x44\x33\x22\x11"), XE_DS, XE_BASE_RIP, XE_NO_REG, 0, 0x11223344 },
	{ 4, BYTES("\x8b\x05\x44\x33\x22\x11"), XE_DS, XE_NO_REG, XE_NO_REG, 0, 0x11223344 },
	{ 8, BYTES("\x26\x8b\x00"), XE_DS, XE_RAX, XE_NO_REG, 0, 0 }, /* no overrides but FS and GS */
	{ 8, BYTES("\x3e\x8b\x45\x00"), XE_SS, XE_RBP, XE_NO_REG, 0, 0 },
	{ 8, BYTES("\x65\x8b\x00"), XE_GS, XE_RAX, XE_NO_REG, 0, 0 },
	{ 8, BYTES("\x64\x65\x8b\x00"), XE_GS, XE_RAX, XE_NO_REG, 0, 0 },
	{ 4, BYTES("\x3e\x8b\x45\x00"), XE_DS, XE_RBP, XE_NO_REG, 0, 0 },
	{ 4, BYTES("\x2e\x26\x8b\x00"), XE_ES, XE_RAX, XE_NO_REG, 0, 0 },
	{ 2, BYTES("\x8b\x02"), XE_SS, XE_RBP, XE_RSI, 1, 0 },
	{ 2, BYTES("\x8b\x00"), XE_DS, XE_RBX, XE_RSI, 1, 0 },
	{ 2, BYTES("\x8b\x06\x34\x12"), XE_DS, XE_NO_REG, XE_NO_REG, 0, 0x1234 },
	{ 8, BYTES("\xa1\x88\x77\x66\x55\x44\x33\x22\x11"), XE_DS, XE_NO_REG, XE_NO_REG, 0, 0x1122334455667788 },
	{ 8, BYTES("\x64\x48\xa3\0\0\0\0\0\0\0\x80"), XE_FS, XE_NO_REG, XE_NO_REG, 0, INT64_MIN },
	{ 8, BYTES("\xa4"), XE_DS, XE_RSI, XE_NO_REG, 0, 0 }, /* movsb: the source */
	{ 8, BYTES("\x65\xa5"), XE_GS, XE_RSI, XE_NO_REG, 0, 0 },
	{ 4, BYTES("\x2e\xa6"), XE_CS, XE_RSI, XE_NO_REG, 0, 0 },
	{ 4, BYTES("\x36\xac"), XE_SS, XE_RSI, XE_NO_REG, 0, 0 },
	{ 4, BYTES("\x2e\x6e"), XE_CS, XE_RSI, XE_NO_REG, 0, 0 },
	{ 4, BYTES("\x2e\xaa"), XE_ES, XE_RDI, XE_NO_REG, 0, 0 }, /* stosb, insb: no override */
	{ 4, BYTES("\x2e\x6c"), XE_ES, XE_RDI, XE_NO_REG, 0, 0 },
	{ 4, BYTES("\x36\xd7"), XE_SS, XE_RBX, XE_NO_REG, 0, 0 }, /* xlat */
};

START_TEST(decode_addresses)
{
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct xe_insn insn = decoded(addresses[i].mode, addresses[i].bytes, addresses[i].size);

		ck_assert_msg(insn.segment == addresses[i].segment && insn.base == addresses[i].base &&
		                      insn.index == addresses[i].index && insn.disp == addresses[i].disp,
		              "case %zu: %u:[%u+%u*%u%+lld]", i, insn.segment, insn.base, insn.index, insn.scale,
		              (long long)insn.disp);
		if (insn.index != XE_NO_REG)
			ck_assert_uint_eq(insn.scale, addresses[i].scale);
	}
}
END_TEST

static void expect_operand(const struct xe_insn *insn, unsigned i, uint8_t kind, uint8_t reg, uint16_t size)
{
	ck_assert_uint_lt(i, insn->operand_count);
	ck_assert_uint_eq(insn->operand[i].kind, kind);
	ck_assert_uint_eq(insn->operand[i].reg, reg);
	ck_assert_uint_eq(insn->operand[i].size, size);
}

START_TEST(decode_registers)
{
	struct xe_insn insn = decoded(8, BYTES("\x88\xe0")); /* mov al, ah */

	expect_operand(&insn, 0, XE_GPR, XE_RAX, 1);
	expect_operand(&insn, 1, XE_GPR_HIGH, XE_RAX, 1);
	insn = decoded(8, BYTES("\x40\x88\xe0")); /* mov al, spl */
	expect_operand(&insn, 1, XE_GPR, XE_RSP, 1);
	insn = decoded(8, BYTES("\x45\x88\xff")); /* mov r15b, r15b */
	expect_operand(&insn, 0, XE_GPR, 15, 1);
	insn = decoded(8, BYTES("\x88\xf8")); /* mov al, bh */
	expect_operand(&insn, 1, XE_GPR_HIGH, XE_RBX, 1);
	insn = decoded(8, BYTES("\x48\x8c\xe8")); /* mov rax, gs */
	expect_operand(&insn, 0, XE_GPR, XE_RAX, 8);
	expect_operand(&insn, 1, XE_SEGREG, XE_GS, 2);
	insn = decoded(8, BYTES("\x48\x8c\x18")); /* mov [rax], ds: 16 bits whatever W says */
	expect_operand(&insn, 0, XE_MEM, 0, 2);
	insn = decoded(8, BYTES("\x44\x0f\x20\xc1")); /* mov rcx, cr8 */
	expect_operand(&insn, 0, XE_GPR, XE_RCX, 8);
	expect_operand(&insn, 1, XE_CONTROL, 8, 8);
	insn = decoded(4, BYTES("\x0f\x23\xf9")); /* mov dr7, ecx */
	expect_operand(&insn, 0, XE_DEBUG, 7, 4);
	insn = decoded(8, BYTES("\x66\x63\x03")); /* movsxd ax, [rbx]: 16 bits */
	expect_operand(&insn, 1, XE_MEM, 0, 2);
	insn = decoded(8, BYTES("\xf7\xe1")); /* mul ecx: what it implies is no operand */
	ck_assert_uint_eq(insn.operand_count, 1);
}
END_TEST

START_TEST(decode_immediates)
{
	struct xe_insn insn = decoded(8, BYTES("\x48\x81\xc0\xff\xff\xff\xff"));

	expect_operand(&insn, 1, XE_IMM, 0, 4);
	ck_assert(insn.imm == UINT64_MAX);
	insn = decoded(8, BYTES("\x6a\x80")); /* push -128 */
	ck_assert(insn.imm == (uint64_t)-128);
	insn = decoded(8, BYTES("\x48\xb8\0\0\0\0\0\0\0\x80"));
	ck_assert(insn.imm == UINT64_C(1) << 63);
	insn = decoded(8, BYTES("\xe4\xff")); /* in al, 0xff */
	ck_assert(insn.imm == 0xff);
	insn = decoded(8, BYTES("\xeb\xfe")); /* jmp, to itself */
	ck_assert(insn.imm == (uint64_t)-2);
	insn = decoded(8, BYTES("\xd1\xe0")); /* shl eax, 1: as if written out */
	expect_operand(&insn, 1, XE_IMM, 0, 1);
	ck_assert(insn.imm == 1);
	insn = decoded(8, BYTES("\xd3\xe0")); /* shl eax, cl */
	expect_operand(&insn, 1, XE_GPR, XE_RCX, 1);
	insn = decoded(8, BYTES("\xc8\x34\x12\xff")); /* enter 0x1234, 0xff */
	ck_assert(insn.imm == 0x1234 && insn.imm2 == 0xff);
	insn = decoded(4, BYTES("\x9a\x44\x33\x22\x11\x66\x55")); /* call 0x5566:0x11223344 */
	expect_operand(&insn, 0, XE_FAR, 0, 6);
	ck_assert(insn.imm == 0x11223344 && insn.imm2 == 0x5566);
	ck_assert_uint_eq(insn.prefixes, XE_FAR_BRANCH);
	insn = decoded(8, BYTES("\x48\xff\x28")); /* jmp far [rax], of 64 and 16 bits */
	expect_operand(&insn, 0, XE_MEM, 0, 10);
	ck_assert_uint_eq(insn.prefixes, XE_FAR_BRANCH);
}
END_TEST

START_TEST(decode_prefixes)
{
	struct xe_insn insn = decoded(8, BYTES("\xf2\xf3\xa4"));

	ck_assert_uint_eq(insn.prefixes, XE_REP);
	insn = decoded(8, BYTES("\xf3\xf2\xa4"));
	ck_assert_uint_eq(insn.prefixes, XE_REPNE);
	insn = decoded(8, BYTES("\xf0\x01\x00"));
	ck_assert_uint_eq(insn.prefixes, XE_LOCK);
	insn = decoded(8, BYTES("\xf3\x90")); /* pause */
	ck_assert_ptr_eq(insn.handler, xe_nop);
	insn = decoded(8, BYTES("\x41\x90")); /* xchg r8d, eax */
	ck_assert_ptr_eq(insn.handler, xe_xchg);
	insn = decoded(8, BYTES("\xf3\x0f\x1e\xfa")); /* endbr64 */
	ck_assert_ptr_eq(insn.handler, xe_nop);
	insn = decoded(8, BYTES("\xc4\xe2\x78\xf2\xc1")); /* andn */
	ck_assert_uint_eq(insn.prefixes, XE_VEX);
	ck_assert_uint_eq(insn.vector_size, 16);
	m.cpuid = cpuid_same;
	cpuid_word = UINT32_MAX;
	insn = decoded(8, BYTES("\xc5\xfc\x10\x00")); /* vmovups ymm0, [rax] */
	ck_assert_uint_eq(insn.vector_size, 32);
	expect_operand(&insn, 0, XE_VECTOR, 0, 32);
}
END_TEST

/* F3 0F BC and BD are older instructions where the newer ones aren't there. */
START_TEST(decode_by_features)
{
	ck_assert_ptr_eq(decoded(8, BYTES("\xf3\x0f\xbc\xc1")).handler, xe_count_zeros);
	ck_assert_ptr_eq(decoded(8, BYTES("\xf3\x0f\xbd\xc1")).handler, xe_count_zeros);
	m.cpu.features = 0;
	ck_assert_ptr_eq(decoded(8, BYTES("\xf3\x0f\xbc\xc1")).handler, xe_bit_scan);
	ck_assert_ptr_eq(decoded(8, BYTES("\xf3\x0f\xbd\xc1")).handler, xe_bit_scan);
	expect_decode_fault(8, BYTES("\xf3\x0f\xb8\xc1"), XE_UD);         /* popcnt */
	expect_decode_fault(8, BYTES("\x0f\x38\xf0\x00"), XE_UD);         /* movbe */
	expect_decode_fault(8, BYTES("\xc4\xe2\x78\xf2\xc1"), XE_UD);     /* andn */
	expect_decode_fault(8, BYTES("\xc4\xe2\xfb\xf6\xc1"), XE_UD);     /* mulx */
	expect_decode_fault(8, BYTES("\x66\x0f\x38\xf6\xc1"), XE_UD);     /* adcx */
	expect_decode_fault(8, BYTES("\x48\x0f\xc7\x08"), XE_UD);         /* cmpxchg16b */
	ck_assert_ptr_eq(decoded(8, BYTES("\x0f\xc7\x08")).handler, xe_cmpxchg8b);
}
END_TEST

static const struct {
	uint8_t mode;
	const char *bytes;
	size_t size;
} undefined[] = {
	{ 8, BYTES("\xf0\x01\xc0") },             /* lock with a register */
	{ 8, BYTES("\xf0\x39\x00") },             /* lock cmp */
	{ 8, BYTES("\xf0\x90") },                 /* lock nop */
	{ 8, BYTES("\xf0\x0f\xa3\x08") },         /* lock bt */
	{ 8, BYTES("\xf0\x8b\x00") },             /* lock mov */
	{ 4, BYTES("\xf0\x0f\x20\xc0") },         /* lock mov eax, cr0: AMD's way to CR8 */
	{ 8, BYTES("\x44\x0f\x22\xc8") },         /* mov cr9, rax */
	{ 8, BYTES("\x0f\x22\xc8") },             /* mov cr1, rax */
	{ 8, BYTES("\x44\x0f\x23\xc0") },         /* mov dr8, rax */
	{ 8, BYTES("\x8e\xc8") },                 /* mov cs, eax */
	{ 8, BYTES("\x8e\xf0") },                 /* mov to segment register 6 */
	{ 8, BYTES("\x8d\xc0") },                 /* lea of a register */
	{ 8, BYTES("\x0f\xc7\xc8") },             /* cmpxchg8b of a register */
	{ 8, BYTES("\x06") },                     /* push es */
	{ 8, BYTES("\x27") },                     /* daa */
	{ 8, BYTES("\x60") },                     /* pusha */
	{ 8, BYTES("\x82\xc0\x01") },             /* the other add */
	{ 8, BYTES("\x9a\0\0\0\0\0\0") },         /* call far */
	{ 8, BYTES("\xce") },                     /* into */
	{ 8, BYTES("\xd4\x0a") },                 /* aam */
	{ 8, BYTES("\xd6") },                     /* salc */
	{ 8, BYTES("\xfe\xd0") },                 /* group 4 has but two */
	{ 8, BYTES("\xff\xff") },                 /* group 5 has seven */
	{ 8, BYTES("\x66\xc4\xe2\x78\xf2\xc1") }, /* 66 before VEX */
	{ 8, BYTES("\x48\xc4\xe2\x78\xf2\xc1") }, /* REX before VEX */
	{ 8, BYTES("\xf0\xc4\xe2\x78\xf2\xc1") }, /* lock before VEX */
	{ 8, BYTES("\x62\xf1\x7c\x48\x10\x00") }, /* vmovups zmm0, [rax]: CPUID has no AVX-512 */
	{ 8, BYTES("\xc4\xc1\xfa\xb8\xda") },         /* popcnt with VEX: Xeon Phi's */
	{ 8, BYTES("\x8f\xea\x78\x10\xc0\0\0\0\0") }, /* XOP's bextr: CPUID has no TBM */
	{ 8, BYTES("\x0f\x01\xc1") },             /* vmcall: CPUID has no VMX */
	{ 8, BYTES("\x0f\x01\xd9") },             /* vmmcall: CPUID has no SVM */
	{ 8, BYTES("\x0f\x04") },                 /* nothing at all */
};

START_TEST(decode_undefined)
{
	for (size_t i = 0; i < sizeof(undefined) / sizeof(undefined[0]); i++) {
		struct xe_insn insn;

		m.cpu.mode = undefined[i].mode;
		m.cpu.event.vector = 0;
		ck_assert_msg(xe_decode(&m.cpu, (const uint8_t *)undefined[i].bytes, undefined[i].size, &insn) ==
		                              XE_EXCEPTION &&
		                      m.cpu.event.vector == XE_UD && !m.cpu.event.has_error,
		              "case %zu", i);
	}
}
END_TEST

START_TEST(undefined_by_name)
{
	ck_assert_int_eq(TRY("\x0f\x0b"), XE_EXCEPTION);
	ck_assert_uint_eq(m.cpu.event.vector, XE_UD);
	ck_assert_int_eq(TRY("\x0f\xb9\xc0"), XE_EXCEPTION);
	ck_assert_uint_eq(m.cpu.event.vector, XE_UD);
	ck_assert_int_eq(TRY("\x0f\xff\xc0"), XE_EXCEPTION);
	ck_assert_uint_eq(m.cpu.event.vector, XE_UD);
}
END_TEST

/* Refused, not #UD, where the guest's processor has what the executor lacks. */
START_TEST(decode_lacking)
{
	struct xe_insn insn;

	cpuid_word = UINT32_MAX;
	m.cpuid = cpuid_same;
	insn = decoded(8, BYTES("\x62\xf1\x7c\x48\x10\x00"));
	ck_assert_int_eq(insn.handler(&m.cpu, &insn), XE_REFUSED);
	ck_assert_uint_eq(m.cpu.refusal.reason, XE_REFUSED_INSN);
	ck_assert_str_eq(m.cpu.refusal.what, "vmovups");
	insn = decoded(8, BYTES("\x0f\x01\xc2")); /* vmlaunch */
	ck_assert_int_eq(insn.handler(&m.cpu, &insn), XE_REFUSED);
}
END_TEST

/* An operating system that gives the FPU to who asks for it is asked first. */
START_TEST(lacking_and_lazy)
{
	static const char sine[] = "\xd9\xfe", add[] = "\xf2\x0f\x58\xc1"; /* fsin; addsd xmm0, xmm1 */
	struct xe_insn insn;

	m.cpu.cr0 |= HY_X86_CR0_TS;
	insn = decoded(8, BYTES(sine));
	ck_assert_int_eq(insn.handler(&m.cpu, &insn), XE_EXCEPTION);
	ck_assert_uint_eq(m.cpu.event.vector, XE_NM);
	insn = decoded(8, BYTES(add));
	ck_assert_int_eq(insn.handler(&m.cpu, &insn), XE_EXCEPTION);
	ck_assert_uint_eq(m.cpu.event.vector, XE_NM);
	m.cpu.cr0 &= ~(uint64_t)HY_X86_CR0_TS;
	ck_assert_int_eq(insn.handler(&m.cpu, &insn), XE_REFUSED);
	m.cpu.cr4 &= ~(uint64_t)HY_X86_CR4_OSFXSR;
	ck_assert_int_eq(insn.handler(&m.cpu, &insn), XE_EXCEPTION);
	ck_assert_uint_eq(m.cpu.event.vector, XE_UD);
}
END_TEST

/* However short: more bytes are asked for.  However long: 15 bytes are one, 16 are #GP. */
START_TEST(decode_length)
{
	static const char longest[] = "\x2e\x2e\x2e\x2e\x67\xf0\x48\x81\x84\x80\x78\x56\x34\x12\x01\x02\x03\x04";
	struct xe_insn insn;
	const uint8_t *bytes = (const uint8_t *)longest + 3;

	m.cpu.mode = 8;
	for (size_t size = 0; size < XE_INSN_MAX; size++)
		ck_assert_int_eq(xe_decode(&m.cpu, bytes, size, &insn), XE_RETRY);
	ck_assert_int_eq(xe_decode(&m.cpu, bytes, XE_INSN_MAX, &insn), XE_OK);
	ck_assert_uint_eq(insn.length, XE_INSN_MAX);
	ck_assert_mem_eq(insn.bytes, bytes, XE_INSN_MAX);
	m.cpu.event.error = 1;
	expect_decode_fault(8, longest + 2, 16, XE_GP);
	ck_assert(m.cpu.event.has_error && m.cpu.event.error == 0);
	expect_decode_fault(8, longest + 2, XE_INSN_MAX, XE_GP);
	expect_decode_fault(8, BYTES("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90"), XE_GP);
}
END_TEST

START_TEST(no_vex_in_real_mode)
{
	machine_enter_real(&m);
	ck_assert_int_eq(TRY("\xc4\xe2\x78\xf2\xc1"), XE_EXCEPTION);
	ck_assert_uint_eq(m.cpu.event.vector, XE_UD);
	machine_enter_v8086(&m);
	ck_assert_int_eq(TRY("\xc4\xe3\x7b\xf0\xc1\x01"), XE_EXCEPTION);
	ck_assert_uint_eq(m.cpu.event.vector, XE_UD);
	machine_enter_protected(&m, 16, 0);
	ck_assert_int_eq(TRY("\xc4\xe2\x78\xf2\xc1"), XE_OK);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("assist-decode");
	TCase *tc = tcase_create("decoding");

	tcase_add_checked_fixture(tc, open_machine, close_machine);
	tcase_add_test(tc, decode_sizes);
	tcase_add_test(tc, decode_addresses);
	tcase_add_test(tc, decode_registers);
	tcase_add_test(tc, decode_immediates);
	tcase_add_test(tc, decode_prefixes);
	tcase_add_test(tc, decode_by_features);
	tcase_add_test(tc, decode_undefined);
	tcase_add_test(tc, undefined_by_name);
	tcase_add_test(tc, decode_lacking);
	tcase_add_test(tc, lacking_and_lazy);
	tcase_add_test(tc, decode_length);
	tcase_add_test(tc, no_vex_in_real_mode);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
