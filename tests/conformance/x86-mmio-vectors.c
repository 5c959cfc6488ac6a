/* SPDX-License-Identifier: MIT */
/* MMX, SSE and AVX where there is no memory. */
#include <string.h>

#include "conform.h"

USE_GUEST(vectors_movups);
USE_GUEST(vectors_loads);
USE_GUEST(vectors_stores);
USE_GUEST(vectors_scalar_loads);
USE_GUEST(vectors_scalar_stores);
USE_GUEST(vectors_halves);
USE_GUEST(vectors_sse3);
USE_GUEST(vectors_movntdqa);
USE_GUEST(vectors_mmx);
USE_GUEST(vectors_user);
USE_GUEST(vectors_avx_loads);
USE_GUEST(vectors_avx_stores);
USE_GUEST(vectors_avx_scalars);
USE_GUEST(vectors_avx_load);
USE_GUEST(vectors_scalar);
USE_GUEST(vectors_misaligned);
USE_GUEST(vectors_fault);
USE_GUEST(vectors_step);
USE_GUEST(vectors_try_sse3);
USE_GUEST(vectors_try_sse41);
USE_GUEST(vectors_try_avx);

/* Of leaf 1, in ECX (SDM vol. 2, CPUID). */
#define CPUID_SSE3 (1u << 0)
#define CPUID_SSE41 (1u << 19)
#define CPUID_XSAVE (1u << 26)
#define CPUID_AVX (1u << 28)
#define XCR0_AVX 7 /* with x87 and SSE */

#define PATTERN UINT64_C(0x1122334455667788)

/* What is stored, in words of eight bytes. */
static const uint64_t source[4] = {
	UINT64_C(0x2122232411121314),
	UINT64_C(0x4142434431323334),
	UINT64_C(0x6162636451525354),
	UINT64_C(0x8182838471727374),
};
#define LOW source[0]
#define HIGH source[1]

/* The words that follow each other in memory, as the guest has loaded them. */
static uint64_t answer(unsigned i)
{
	return PATTERN + i;
}

static void boot_mode(struct conform *t, enum mode mode, struct guest guest, uint64_t gpa)
{
	conform_boot(t, mode, guest);
	set_reg(t, HY_X86_CR4, HY_X86_CR4_PAE | HY_X86_CR4_OSFXSR);
	set_reg(t, HY_X86_RBX, gpa);
	set_reg(t, HY_X86_RSI, DATA);
	set_reg(t, HY_X86_RDI, DATA + 0x100);
	write_ram(t, DATA + 0x100, source, sizeof(source));
}

static void boot(struct conform *t, struct guest guest, uint64_t gpa)
{
	boot_mode(t, LONG, guest, gpa);
}

static void boot_avx(struct conform *t, struct guest guest, uint64_t gpa)
{
	need_feature(t, CPUID_AVX | CPUID_XSAVE, "AVX", vectors_try_avx);
	boot(t, guest, gpa);
	set_reg(t, HY_X86_CR4, HY_X86_CR4_PAE | HY_X86_CR4_OSFXSR | HY_X86_CR4_OSXSAVE);
	set_reg(t, HY_X86_XCR0, XCR0_AVX);
}

/* One access after the other, from HOLE on. */
static void answer_words(struct conform *t, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		MMIO_READ(t, HOLE + 8 * i, 8, answer(i));
}

static void take_words(struct conform *t, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		MMIO_WRITE(t, HOLE + 8 * i, 8, source[i]);
}

/* The words that the guest has put to RAM. */
static void check_words(struct conform *t, const uint64_t *words, unsigned count)
{
	uint64_t got[20];

	read_ram(t, DATA, got, count * sizeof(got[0]));
	for (unsigned i = 0; i < count; i++) {
		if (got[i] != words[i])
			FAIL("word %u is %#llx, should be %#llx", i, (unsigned long long)got[i],
			     (unsigned long long)words[i]);
	}
}

/* --- SSE and MMX ------------------------------------------------------------------ */

static void movups(struct conform *t)
{
	const uint64_t words[] = { answer(0), answer(1) };

	boot(t, vectors_movups, HOLE);
	answer_words(t, 2);
	take_words(t, 2);
	HALT(t);
	check_words(t, words, 2);
}

static void over_page(struct conform *t)
{
	const uint64_t gpa = HOLE + PAGE - 11;
	const uint64_t words[] = { UINT64_C(0x8877665544332211), UINT64_C(0x1122334455998877) };

	boot(t, vectors_movups, gpa);
	MMIO_READ(t, gpa, 8, words[0]);
	MMIO_READ(t, gpa + 8, 3, words[1] & 0xffffff);
	MMIO_READ(t, gpa + 11, 5, words[1] >> 24);
	MMIO_WRITE(t, gpa, 8, LOW);
	MMIO_WRITE(t, gpa + 8, 3, HIGH & 0xffffff);
	MMIO_WRITE(t, gpa + 11, 5, HIGH >> 24);
	HALT(t);
	check_words(t, words, 2);
}

/* The first bytes are in RAM, and make no exits. */
static void from_ram_on(struct conform *t)
{
	const uint64_t gpa = RAM_SIZE - 5;
	const uint64_t words[] = { UINT64_C(0x3322115544332211), UINT64_C(0x8877665544332211) };
	uint64_t low = words[0] & UINT64_C(0xffffffffff);

	boot(t, vectors_movups, gpa);
	write_ram(t, gpa, &low, 5);
	MMIO_READ(t, RAM_SIZE, 8, words[0] >> 40 | words[1] << 24);
	MMIO_READ(t, RAM_SIZE + 8, 3, words[1] >> 40);
	MMIO_WRITE(t, RAM_SIZE, 8, LOW >> 40 | HIGH << 24);
	MMIO_WRITE(t, RAM_SIZE + 8, 3, HIGH >> 40);
	HALT(t);
	check_words(t, words, 2);
	low = 0;
	read_ram(t, gpa, &low, 5);
	CHECK_EQ(low, LOW & UINT64_C(0xffffffffff));
}

static void loads(struct conform *t)
{
	uint64_t words[10];

	boot(t, vectors_loads, HOLE);
	for (unsigned i = 0; i < 10; i++) {
		words[i] = answer(i);
		MMIO_READ(t, HOLE + i % 2 * 8, 8, words[i]);
	}
	HALT(t);
	check_words(t, words, 10);
}

static void stores(struct conform *t)
{
	boot(t, vectors_stores, HOLE);
	for (unsigned i = 0; i < 8; i++)
		take_words(t, 2);
	HALT(t);
}

static void scalar_loads(struct conform *t)
{
	const uint64_t words[] = { 0xa1a2a3a4, 0, answer(1), 0, 0xb1b2b3b4, 0, answer(2), 0 };

	boot(t, vectors_scalar_loads, HOLE);
	MMIO_READ(t, HOLE, 4, words[0]);
	MMIO_READ(t, HOLE, 8, words[2]);
	MMIO_READ(t, HOLE, 4, words[4]);
	MMIO_READ(t, HOLE, 8, words[6]);
	HALT(t);
	check_words(t, words, 8);
}

static void scalar_stores(struct conform *t)
{
	boot(t, vectors_scalar_stores, HOLE);
	MMIO_WRITE(t, HOLE, 4, (uint32_t)LOW);
	MMIO_WRITE(t, HOLE, 8, LOW);
	MMIO_WRITE(t, HOLE, 4, (uint32_t)LOW);
	MMIO_WRITE(t, HOLE, 8, LOW);
	HALT(t);
}

static void halves(struct conform *t)
{
	const uint64_t words[] = { answer(0), HIGH, LOW, answer(1), answer(0), answer(3), answer(2), answer(1) };

	boot(t, vectors_halves, HOLE);
	for (unsigned i = 0; i < 4; i++)
		MMIO_READ(t, HOLE, 8, answer(i));
	MMIO_WRITE(t, HOLE, 8, LOW);
	MMIO_WRITE(t, HOLE, 8, HIGH);
	MMIO_WRITE(t, HOLE, 8, LOW);
	MMIO_WRITE(t, HOLE, 8, HIGH);
	HALT(t);
	check_words(t, words, 8);
}

static void sse3(struct conform *t)
{
	const uint64_t words[] = { answer(0), answer(1), answer(2), answer(2) };

	need_feature(t, CPUID_SSE3, "SSE3", vectors_try_sse3);
	boot(t, vectors_sse3, HOLE);
	answer_words(t, 2);
	MMIO_READ(t, HOLE, 8, answer(2));
	HALT(t);
	check_words(t, words, 4);
}

static void movntdqa(struct conform *t)
{
	const uint64_t words[] = { answer(0), answer(1) };

	need_feature(t, CPUID_SSE41, "SSE4.1", vectors_try_sse41);
	boot(t, vectors_movntdqa, HOLE);
	answer_words(t, 2);
	HALT(t);
	check_words(t, words, 2);
}

static void mmx(struct conform *t)
{
	boot(t, vectors_mmx, HOLE);
	MMIO_READ(t, HOLE, 8, PATTERN);
	MMIO_WRITE(t, HOLE + 8, 8, PATTERN);
	MMIO_READ(t, HOLE, 4, 0x55667788);
	MMIO_WRITE(t, HOLE, 4, 0x55667788);
	MMIO_WRITE(t, HOLE, 8, PATTERN);
	HALT(t);
}

static void at_cpl_3(struct conform *t)
{
	boot_mode(t, LONG_USER, vectors_user, HOLE);
	answer_words(t, 2);
	MMIO_READ(t, HOLE, 4, 0x77);
	MMIO_WRITE(t, HOLE, 8, answer(0));
	MMIO_WRITE(t, HOLE + 8, 8, answer(1));
	MMIO_WRITE(t, HOLE, 4, 0x77);
	COMPLETE(t);
}

/* --- AVX -------------------------------------------------------------------------- */

/* Those of 16 bytes clear the upper half. */
static void avx_loads(struct conform *t)
{
	static const unsigned count[] = { 2, 4, 4, 4, 2 };
	uint64_t words[20] = { 0 };

	boot_avx(t, vectors_avx_loads, HOLE);
	for (unsigned i = 0; i < 5; i++) {
		for (unsigned n = 0; n < count[i]; n++) {
			words[i * 4 + n] = answer(i * 4 + n);
			MMIO_READ(t, HOLE + n * 8, 8, words[i * 4 + n]);
		}
	}
	HALT(t);
	check_words(t, words, 20);
}

static void avx_stores(struct conform *t)
{
	boot_avx(t, vectors_avx_stores, HOLE);
	take_words(t, 2);
	for (unsigned i = 0; i < 4; i++)
		take_words(t, 4);
	take_words(t, 2);
	HALT(t);
}

static void avx_scalars(struct conform *t)
{
	const uint64_t words[] = { 0xa1a2a3a4, 0, 0, 0, answer(0), 0, 0, 0 };

	boot_avx(t, vectors_avx_scalars, HOLE);
	MMIO_READ(t, HOLE, 4, words[0]);
	MMIO_READ(t, HOLE, 8, words[4]);
	MMIO_WRITE(t, HOLE, 4, (uint32_t)LOW);
	MMIO_WRITE(t, HOLE, 8, LOW);
	MMIO_WRITE(t, HOLE, 8, HIGH);
	HALT(t);
	check_words(t, words, 8);
}

static void avx_over_page(struct conform *t)
{
	const uint64_t gpa = HOLE + PAGE - 19;
	const uint64_t words[] = { answer(0), answer(1), answer(2), answer(3) };

	boot_avx(t, vectors_avx_load, gpa);
	MMIO_READ(t, gpa, 8, words[0]);
	MMIO_READ(t, gpa + 8, 8, words[1]);
	MMIO_READ(t, gpa + 16, 3, words[2] & 0xffffff);
	MMIO_READ(t, gpa + 19, 8, words[2] >> 24 | words[3] << 40);
	MMIO_READ(t, gpa + 27, 5, words[3] >> 24);
	HALT(t);
	check_words(t, words, 4);
}

/* --- Amid an instruction ---------------------------------------------------------- */

#define BORDER (HOLE + PAGE - 3) /* of four bytes: three and one */
#define SECOND (CODE + 4)        /* the second instruction */

static void boot_scalar(struct conform *t)
{
	boot(t, vectors_scalar, BORDER);
	MMIO_READ(t, BORDER, 3, 0x332211);
}

static void end_scalar(struct conform *t)
{
	uint32_t got;

	HALT(t);
	read_ram(t, DATA, &got, sizeof(got));
	CHECK_EQ(got, 0x44332211);
}

static void registers_are_refused(struct conform *t)
{
	static const hy_reg ids[] = { HY_X86_RAX, HY_X86_RIP, HY_X86_RFLAGS, HY_X86_CS, HY_X86_CR3, HY_X86_DR7 };
	union hy_value value;

	boot_scalar(t);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		memset(&value, 0, sizeof(value));
		FAILS(hy_vcpu_get_regs(t->vcpu, &ids[i], &value, 1), HY_E_PENDING, "");
		FAILS(hy_vcpu_set_regs(t->vcpu, &ids[i], &value, 1), HY_E_PENDING, "");
	}
	MMIO_READ(t, HOLE + PAGE, 1, 0x44);
	end_scalar(t);
}

static void completed(struct conform *t)
{
	boot_scalar(t);
	OK(hy_vcpu_complete(t->vcpu, &t->exit));
	CHECK(t->exit && t->exit->kind == HY_EXIT_MMIO);
	CHECK_EQ(t->exit->mmio.gpa, HOLE + PAGE);
	CHECK_EQ(t->exit->mmio.size, 1);
	OK(hy_vcpu_answer(t->vcpu, 0x44));
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RIP), SECOND);
	end_scalar(t);
}

static void kicked(struct conform *t)
{
	boot_scalar(t);
	OK(hy_vcpu_kick(t->vcpu));
	MMIO_READ(t, HOLE + PAGE, 1, 0x44);
	RUN(t, HY_EXIT_CANCELED);
	CHECK_EQ(get_reg(t, HY_X86_RIP), SECOND);
	end_scalar(t);
}

/* The registers are those of a new vCPU, and nothing of the instruction is left. */
static void reset(struct conform *t)
{
	boot_scalar(t);
	OK(hy_vcpu_reset(t->vcpu));
	CHECK_EQ(get_reg(t, HY_X86_RIP), 0xfff0);
	conform_place(t, t->vcpu, LONG, vectors_scalar);
	set_reg(t, HY_X86_CR4, HY_X86_CR4_PAE | HY_X86_CR4_OSFXSR);
	set_reg(t, HY_X86_RBX, HOLE);
	set_reg(t, HY_X86_RSI, DATA);
	MMIO_READ(t, HOLE, 4, 0x44332211);
	end_scalar(t);
}

/* --- What isn't there ------------------------------------------------------------- */

/* #GP, which has nowhere to go: the IDT has no gates. */
static void misaligned(struct conform *t)
{
	boot(t, vectors_misaligned, HOLE);
	RUN(t, HY_EXIT_SHUTDOWN);
}

#define IDT (DATA + 2 * PAGE)
#define DB_VECTOR 1
#define PF_VECTOR 14
#define HANDLER (CODE + 0x40)
#define NOT_MAPPED UINT64_C(0x600000)
#define PF_WRITE 2
#define DR6_BS 0x4000u

/* An interrupt gate of 64-bit code (SDM vol. 3, figure 6-8) to the handler. */
static void set_handler(struct conform *t, unsigned vector)
{
	const uint64_t gate[2] = { HANDLER | UINT64_C(0x8) << 16 | UINT64_C(0x8e) << 40, 0 };
	const union hy_value table = { .segment = { .base = IDT, .limit = 0xfff } };
	const hy_reg id = HY_X86_IDTR;

	write_ram(t, IDT + vector * sizeof(gate), gate, sizeof(gate));
	OK(hy_vcpu_set_regs(t->vcpu, &id, &table, 1));
}

/* The guest gets the page fault that the processor would have raised. */
static void page_fault(struct conform *t)
{
	boot(t, vectors_fault, NOT_MAPPED);
	set_handler(t, PF_VECTOR);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RIP), HANDLER + 6);
	CHECK_EQ(get_reg(t, HY_X86_RAX), PF_WRITE);
	CHECK_EQ(get_reg(t, HY_X86_RCX), NOT_MAPPED);
	CHECK_EQ(get_reg(t, HY_X86_RDX), CODE);
}

/* The #DB comes after the instruction with all that it did (SDM vol. 3, section 18.3.1.4). */
static void single_step(struct conform *t)
{
	uint32_t got;

	boot(t, vectors_step, HOLE);
	set_handler(t, DB_VECTOR);
	set_reg(t, HY_X86_RFLAGS, HY_X86_RFLAGS_ONE | HY_X86_RFLAGS_TF);
	MMIO_READ(t, HOLE, 4, 0x11223344);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RDX), SECOND);
	CHECK_EQ(get_reg(t, HY_X86_DR6) & DR6_BS, DR6_BS);
	read_ram(t, DATA, &got, sizeof(got));
	CHECK_EQ(got, 0x11223344);
}

const struct conform_case conform_mmio_vectors[] = {
	{ "mmio/movups", "HY-B31 HY-B32", movups, HY_ARCH_X86_64, { 0 } },
	{ "mmio/vector-over-page", "HY-B31 HY-B32", over_page, HY_ARCH_X86_64, { 0 } },
	{ "mmio/vector-from-ram-on", "HY-B31 HY-B32", from_ram_on, HY_ARCH_X86_64, { 0 } },
	{ "mmio/vector-loads", "HY-B31 HY-B32", loads, HY_ARCH_X86_64, { 0 } },
	{ "mmio/vector-stores", "HY-B31 HY-B32", stores, HY_ARCH_X86_64, { 0 } },
	{ "mmio/scalar-loads", "HY-B31 HY-B34", scalar_loads, HY_ARCH_X86_64, { 0 } },
	{ "mmio/scalar-stores", "HY-B31", scalar_stores, HY_ARCH_X86_64, { 0 } },
	{ "mmio/vector-halves", "HY-B31 HY-B34", halves, HY_ARCH_X86_64, { 0 } },
	{ "mmio/sse3-loads", "HY-B31 HY-B34", sse3, HY_ARCH_X86_64, { 0 } },
	{ "mmio/movntdqa", "HY-B31", movntdqa, HY_ARCH_X86_64, { 0 } },
	{ "mmio/mmx", "HY-B31 HY-B34", mmx, HY_ARCH_X86_64, { 0 } },
	{ "mmio/cpl-3-vectors", "HY-B30 HY-B31", at_cpl_3, HY_ARCH_X86_64, { 0 } },
	{ "mmio/avx-loads", "HY-B31 HY-B32 HY-B34", avx_loads, HY_ARCH_X86_64, { 0 } },
	{ "mmio/avx-stores", "HY-B31 HY-B32", avx_stores, HY_ARCH_X86_64, { 0 } },
	{ "mmio/avx-scalars", "HY-B31 HY-B34", avx_scalars, HY_ARCH_X86_64, { 0 } },
	{ "mmio/avx-over-page", "HY-B31 HY-B32", avx_over_page, HY_ARCH_X86_64, { 0 } },
	{ "mmio/vector-refuses", "HY-B45", registers_are_refused, HY_ARCH_X86_64, { 0 } },
	{ "mmio/vector-completed", "HY-B46 HY-B32", completed, HY_ARCH_X86_64, { 0 } },
	{ "mmio/vector-and-kick", "HY-B49", kicked, HY_ARCH_X86_64, { 0 } },
	{ "mmio/vector-and-reset", "HY-B47", reset, HY_ARCH_X86_64, { 0 } },
	{ "mmio/misaligned-vector", "HY-B69", misaligned, HY_ARCH_X86_64, { 0 } },
	{ "mmio/vector-single-step", "HY-B69", single_step, HY_ARCH_X86_64, { 0 } },
	{ "mmio/vector-page-fault", "HY-B69", page_fault, HY_ARCH_X86_64, { 0 } },
	{ 0 },
};
