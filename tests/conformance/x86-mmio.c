/* SPDX-License-Identifier: MIT */
/* Data accesses where there is no memory. */
#include "conform.h"

USE_GUEST(mmio_loads);
USE_GUEST(mmio_stores);
USE_GUEST(mmio_immediates);
USE_GUEST(mmio_zero_extend);
USE_GUEST(mmio_sign_extend);
USE_GUEST(mmio_moffs_load);
USE_GUEST(mmio_moffs_store);
USE_GUEST(mmio_addressing);
USE_GUEST(mmio_conditional);
USE_GUEST(mmio_movbe);
USE_GUEST(mmio_try_movbe);
USE_GUEST(mmio_try_popcnt);
USE_GUEST(mmio_movnti);
USE_GUEST(mmio_real);
USE_GUEST(mmio_protected);
USE_GUEST(mmio_user);
USE_GUEST(mmio_user_rmw);
USE_GUEST(mmio_user_strings);
USE_GUEST(mmio_arithmetic);
USE_GUEST(mmio_logic);
USE_GUEST(mmio_rmw_widths);
USE_GUEST(mmio_locked);
USE_GUEST(mmio_shifts);
USE_GUEST(mmio_bits);
USE_GUEST(mmio_bit_strings);
USE_GUEST(mmio_exchange);
USE_GUEST(mmio_exchange_add);
USE_GUEST(mmio_compare_exchange);
USE_GUEST(mmio_compare_exchange8);
USE_GUEST(mmio_compare);
USE_GUEST(mmio_operands);
USE_GUEST(mmio_divide);
USE_GUEST(mmio_scan);
USE_GUEST(mmio_count);
USE_GUEST(mmio_rep_movsl);
USE_GUEST(mmio_movsq);
USE_GUEST(mmio_rep_stosw);
USE_GUEST(mmio_lods);
USE_GUEST(mmio_repne_scasb);
USE_GUEST(mmio_repe_cmpsw);
USE_GUEST(mmio_push_pop);
USE_GUEST(mmio_call_through);
USE_GUEST(mmio_stack);
USE_GUEST(mmio_load32);
USE_GUEST(mmio_store32);
USE_GUEST(mmio_load64);
USE_GUEST(mmio_store64);
USE_GUEST(mmio_add32);

#define CF HY_X86_RFLAGS_CF
#define PF HY_X86_RFLAGS_PF
#define AF HY_X86_RFLAGS_AF
#define ZF HY_X86_RFLAGS_ZF
#define SF HY_X86_RFLAGS_SF
#define DF HY_X86_RFLAGS_DF
#define OF HY_X86_RFLAGS_OF
#define ARITHMETIC (CF | PF | AF | ZF | SF | OF)

/* Of leaf 1, in ECX (SDM vol. 2, CPUID). */
#define CPUID_MOVBE (1u << 22)
#define CPUID_POPCNT (1u << 23)

#define PATTERN UINT64_C(0x1122334455667788)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void boot(struct conform *t, struct guest guest)
{
	conform_boot(t, LONG, guest);
	set_reg(t, HY_X86_RBX, HOLE);
	set_reg(t, HY_X86_RSI, DATA);
}

static void check_flags(struct conform *t, uint64_t mask, uint64_t flags)
{
	CHECK_EQ(get_reg(t, HY_X86_RFLAGS) & mask, flags);
}

/* --- Moves ------------------------------------------------------------------------ */

static void loads(struct conform *t)
{
	boot(t, mmio_loads);
	set_reg(t, HY_X86_RAX, PATTERN);
	set_reg(t, HY_X86_RCX, PATTERN);
	set_reg(t, HY_X86_RDX, PATTERN);
	set_reg(t, HY_X86_RSI, PATTERN);
	MMIO_READ(t, HOLE, 1, 0xa1);
	MMIO_READ(t, HOLE, 1, 0xa2);
	MMIO_READ(t, HOLE, 2, 0xa3a4);
	MMIO_READ(t, HOLE, 4, 0xa5a6a7a8);
	MMIO_READ(t, HOLE, 8, UINT64_C(0xb1b2b3b4b5b6b7b8));
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), UINT64_C(0x11223344556677a1));
	CHECK_EQ(get_reg(t, HY_X86_RCX), UINT64_C(0x112233445566a288));
	CHECK_EQ(get_reg(t, HY_X86_RDX), UINT64_C(0x112233445566a3a4));
	CHECK_EQ(get_reg(t, HY_X86_RSI), 0xa5a6a7a8);
	CHECK_EQ(get_reg(t, HY_X86_R15), UINT64_C(0xb1b2b3b4b5b6b7b8));
}

static void stores(struct conform *t)
{
	boot(t, mmio_stores);
	set_reg(t, HY_X86_RAX, PATTERN);
	set_reg(t, HY_X86_R8, ~PATTERN);
	MMIO_WRITE(t, HOLE, 1, 0x88);
	MMIO_WRITE(t, HOLE, 1, 0x77);
	MMIO_WRITE(t, HOLE, 2, 0x7788);
	MMIO_WRITE(t, HOLE, 4, 0x55667788);
	MMIO_WRITE(t, HOLE, 8, ~PATTERN);
	MMIO_WRITE(t, HOLE, 1, 0x77);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), PATTERN);
}

static void immediates(struct conform *t)
{
	boot(t, mmio_immediates);
	MMIO_WRITE(t, HOLE, 1, 0x11);
	MMIO_WRITE(t, HOLE, 2, 0x1122);
	MMIO_WRITE(t, HOLE, 4, 0x11223344);
	MMIO_WRITE(t, HOLE, 8, UINT64_C(0xfffffffffffffffe));
	HALT(t);
}

static void zero_extend(struct conform *t)
{
	boot(t, mmio_zero_extend);
	set_reg(t, HY_X86_RAX, PATTERN);
	set_reg(t, HY_X86_RCX, PATTERN);
	MMIO_READ(t, HOLE, 1, 0x81);
	MMIO_READ(t, HOLE, 1, 0x82);
	MMIO_READ(t, HOLE, 1, 0x83);
	MMIO_READ(t, HOLE, 2, 0x8485);
	MMIO_READ(t, HOLE, 2, 0x8687);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), UINT64_C(0x1122334455660081));
	CHECK_EQ(get_reg(t, HY_X86_RCX), 0x82);
	CHECK_EQ(get_reg(t, HY_X86_RDX), 0x83);
	CHECK_EQ(get_reg(t, HY_X86_RSI), 0x8485);
	CHECK_EQ(get_reg(t, HY_X86_RDI), 0x8687);
}

static void sign_extend(struct conform *t)
{
	boot(t, mmio_sign_extend);
	set_reg(t, HY_X86_RAX, PATTERN);
	MMIO_READ(t, HOLE, 1, 0x81);
	MMIO_READ(t, HOLE, 1, 0x82);
	MMIO_READ(t, HOLE, 1, 0x83);
	MMIO_READ(t, HOLE, 2, 0x8485);
	MMIO_READ(t, HOLE, 2, 0x8687);
	MMIO_READ(t, HOLE, 4, 0x88898a8b);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), UINT64_C(0x112233445566ff81));
	CHECK_EQ(get_reg(t, HY_X86_RCX), 0xffffff82);
	CHECK_EQ(get_reg(t, HY_X86_RDX), UINT64_C(0xffffffffffffff83));
	CHECK_EQ(get_reg(t, HY_X86_RSI), 0xffff8485);
	CHECK_EQ(get_reg(t, HY_X86_RDI), UINT64_C(0xffffffffffff8687));
	CHECK_EQ(get_reg(t, HY_X86_R8), UINT64_C(0xffffffff88898a8b));
}

static void moffs_load(struct conform *t)
{
	boot(t, mmio_moffs_load);
	MMIO_READ(t, HOLE + 1, 1, 0x11);
	MMIO_READ(t, HOLE + 2, 2, 0x2233);
	MMIO_READ(t, HOLE + 4, 4, 0x44556677);
	MMIO_READ(t, HOLE + 8, 8, PATTERN);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), PATTERN);
}

static void moffs_store(struct conform *t)
{
	boot(t, mmio_moffs_store);
	set_reg(t, HY_X86_RAX, PATTERN);
	MMIO_WRITE(t, HOLE + 1, 1, 0x88);
	MMIO_WRITE(t, HOLE + 2, 2, 0x7788);
	MMIO_WRITE(t, HOLE + 4, 4, 0x55667788);
	MMIO_WRITE(t, HOLE + 8, 8, PATTERN);
	HALT(t);
}

/* A segment of any base, for data. */
static void set_segment(struct conform *t, hy_reg id, uint64_t base, uint16_t attributes)
{
	const union hy_value value = {
		.segment = { .base = base, .limit = 0xffff, .attributes = attributes }
	};

	OK(hy_vcpu_set_regs(t->vcpu, &id, &value, 1));
}

static void addressing(struct conform *t)
{
	boot(t, mmio_addressing);
	set_segment(t, HY_X86_FS, HOLE + PAGE, HY_X86_ATTR_DATA16);
	set_reg(t, HY_X86_RCX, 2);
	set_reg(t, HY_X86_RDX, UINT64_C(0x123400000000) | (HOLE + 0x40));
	MMIO_READ(t, HOLE + 0x20, 1, 0);
	MMIO_READ(t, HOLE - 8, 1, 0);
	MMIO_READ(t, HOLE + 0x123, 1, 0);
	MMIO_READ(t, HOLE + 0x14, 1, 0);
	MMIO_READ(t, HOLE + PAGE + 8, 1, 0);
	MMIO_READ(t, HOLE + 0x40, 1, 0);
	HALT(t);
}

/* A CMOVcc reads whether it moves or not. */
static void conditional(struct conform *t)
{
	boot(t, mmio_conditional);
	set_reg(t, HY_X86_RFLAGS, HY_X86_RFLAGS_ONE | ZF);
	set_reg(t, HY_X86_RCX, PATTERN);
	MMIO_READ(t, HOLE, 8, ~PATTERN);
	MMIO_READ(t, HOLE, 8, ~PATTERN);
	MMIO_WRITE(t, HOLE, 1, 1);
	MMIO_WRITE(t, HOLE, 1, 0);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), ~PATTERN);
	CHECK_EQ(get_reg(t, HY_X86_RCX), PATTERN);
}

/* The access is as in memory; what is in the register is swapped. */
static void movbe(struct conform *t)
{
	need_feature(t, CPUID_MOVBE, "MOVBE", mmio_try_movbe);
	boot(t, mmio_movbe);
	set_reg(t, HY_X86_RAX, PATTERN);
	MMIO_READ(t, HOLE, 2, 0x1122);
	MMIO_READ(t, HOLE, 4, 0x11223344);
	MMIO_READ(t, HOLE, 8, PATTERN);
	MMIO_WRITE(t, HOLE, 2, 0x1122);
	MMIO_WRITE(t, HOLE, 4, 0x11223344);
	MMIO_WRITE(t, HOLE, 8, PATTERN);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), UINT64_C(0x1122334455662211));
	CHECK_EQ(get_reg(t, HY_X86_RCX), 0x44332211);
	CHECK_EQ(get_reg(t, HY_X86_RDX), UINT64_C(0x8877665544332211));
}

static void movnti(struct conform *t)
{
	boot(t, mmio_movnti);
	set_reg(t, HY_X86_RAX, PATTERN);
	MMIO_WRITE(t, HOLE, 4, 0x55667788);
	MMIO_WRITE(t, HOLE, 8, PATTERN);
	HALT(t);
}

static void unanswered(struct conform *t)
{
	boot(t, mmio_zero_extend);
	for (unsigned i = 0; i < 5; i++) {
		RUN(t, HY_EXIT_MMIO);
		CHECK_EQ(hy_exit_value(t->exit, 0), UINT64_MAX >> (64 - 8 * t->exit->mmio.size));
	}
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RCX), 0xff);
	CHECK_EQ(get_reg(t, HY_X86_RDI), 0xffff);
}

/* --- Modes ------------------------------------------------------------------------ */

/* What real mode reaches beyond 1 MiB. */
static void real_mode(struct conform *t)
{
	conform_boot(t, REAL, mmio_real);
	set_segment(t, HY_X86_ES, 0xffff0, HY_X86_ATTR_DATA16);
	MMIO_READ(t, 0x100000, 2, 0x1122);
	MMIO_WRITE(t, 0x100010, 2, 0x1122);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0x1122);
}

static void echo(struct conform *t, enum mode mode)
{
	conform_boot(t, mode, mmio_protected);
	MMIO_READ(t, HOLE, 4, 0x11223344);
	MMIO_WRITE(t, HOLE + 4, 4, 0x11223344);
	HALT(t);
}

static void protected_mode(struct conform *t)
{
	echo(t, PROTECTED);
}

static void paged_mode(struct conform *t)
{
	echo(t, PAGED32);
}

static void at_cpl_3(struct conform *t)
{
	conform_boot(t, LONG_USER, mmio_user);
	set_reg(t, HY_X86_RBX, HOLE);
	MMIO_READ(t, HOLE, 4, 0x10);
	MMIO_READ(t, HOLE + 8, 4, 1);
	MMIO_WRITE(t, HOLE + 8, 4, 0x11);
	MMIO_WRITE(t, HOLE + 16, 4, 0x10);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RIP), CODE + 8);
}

/* With and without LOCK, beyond what CPL 0 can do. */
static void user_rmw(struct conform *t)
{
	conform_boot(t, LONG_USER, mmio_user_rmw);
	set_reg(t, HY_X86_RBX, HOLE);
	set_reg(t, HY_X86_RAX, 0x10);
	set_reg(t, HY_X86_RCX, 5);
	set_reg(t, HY_X86_RDX, 0x20);
	MMIO_READ(t, HOLE, 4, 1);
	MMIO_WRITE(t, HOLE, 4, 0x11);
	MMIO_READ(t, HOLE, 1, 0xff);
	MMIO_WRITE(t, HOLE, 1, 0);
	MMIO_READ(t, HOLE, 8, 0x33);
	MMIO_WRITE(t, HOLE, 8, 5);
	MMIO_READ(t, HOLE, 4, 2);
	MMIO_WRITE(t, HOLE, 4, 0x22);
	MMIO_READ(t, HOLE, 4, 0x10);
	MMIO_WRITE(t, HOLE, 4, 0x33);
	MMIO_READ(t, HOLE + 4, 4, 0);
	MMIO_WRITE(t, HOLE + 4, 4, 2);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0x10);
	CHECK_EQ(get_reg(t, HY_X86_RCX), 0x33);
	CHECK_EQ(get_reg(t, HY_X86_RDX), 2);
}

static void user_strings(struct conform *t)
{
	const uint16_t item[] = { 0x1122, 0x3344 };

	conform_boot(t, LONG_USER, mmio_user_strings);
	write_ram(t, DATA, item, sizeof(item));
	set_reg(t, HY_X86_RSI, DATA);
	set_reg(t, HY_X86_RDI, HOLE + PAGE - 1);
	set_reg(t, HY_X86_RCX, 2);
	set_reg(t, HY_X86_RAX, 0x55);
	MMIO_WRITE(t, HOLE + PAGE - 1, 1, 0x22);
	MMIO_WRITE(t, HOLE + PAGE, 1, 0x11);
	MMIO_WRITE(t, HOLE + PAGE + 1, 2, 0x3344);
	MMIO_WRITE(t, HOLE + PAGE + 3, 1, 0x55);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RCX), 0);
	CHECK_EQ(get_reg(t, HY_X86_RSI), DATA + 4);
	CHECK_EQ(get_reg(t, HY_X86_RDI), HOLE + PAGE + 4);
}

/* --- Read, modify, write ---------------------------------------------------------- */

/* One instruction: what it reads, what it writes, and the flags that it leaves. */
struct rmw {
	uint32_t before, after;
	uint64_t flags;
};

/* Each of the guest's instructions in turn; flags outside the mask aren't defined. */
static void check_rmw(struct conform *t, const struct rmw *steps, size_t count, uint64_t mask)
{
	for (size_t i = 0; i < count; i++) {
		MMIO_READ(t, HOLE, 4, steps[i].before);
		MMIO_WRITE(t, HOLE, 4, steps[i].after);
		COMPLETE(t);
		if ((get_reg(t, HY_X86_RFLAGS) & mask) != steps[i].flags)
			FAIL("rflags after instruction %zu is %#llx, should have %#llx", i,
			     (unsigned long long)get_reg(t, HY_X86_RFLAGS),
			     (unsigned long long)steps[i].flags);
	}
	HALT(t);
}

static void arithmetic(struct conform *t)
{
	static const struct rmw steps[] = {
		{ 0xfffffff8, 0x00000008, CF },                /* add */
		{ 0x7fffffff, 0x80000000, OF | SF | AF | PF }, /* add $1 */
		{ 0x00000010, 0x00000000, ZF | PF },           /* sub */
		{ 0xffffffef, 0x00000000, CF | ZF | AF | PF }, /* adc */
		{ 0x00000010, 0xffffffff, CF | SF | AF | PF }, /* sbb */
		{ 0xffffffff, 0x00000000, CF | ZF | AF | PF }, /* inc keeps CF */
		{ 0x00000000, 0xffffffff, CF | SF | AF | PF }, /* dec too */
		{ 0x80000000, 0x80000000, CF | SF | OF | PF }, /* neg */
	};

	boot(t, mmio_arithmetic);
	set_reg(t, HY_X86_RAX, 0x10);
	check_rmw(t, steps, COUNT(steps), ARITHMETIC);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0x10);
}

static void logic(struct conform *t)
{
	static const struct rmw steps[] = {
		{ 0x000f0000, 0xff0fff00, SF | PF }, /* or */
		{ 0x80000001, 0x80000000, SF | PF }, /* and */
		{ 0xff00ff00, 0x00000000, ZF | PF }, /* xor */
		{ 0x0f0f0f0f, 0xf0f0f0f0, ZF | PF }, /* not keeps all */
	};

	boot(t, mmio_logic);
	set_reg(t, HY_X86_RAX, 0xff00ff00);
	check_rmw(t, steps, COUNT(steps), ARITHMETIC & ~AF);
}

static void rmw_widths(struct conform *t)
{
	boot(t, mmio_rmw_widths);
	set_reg(t, HY_X86_RAX, UINT64_C(0x0101010101010101));
	MMIO_READ(t, HOLE, 1, 0x7f);
	MMIO_WRITE(t, HOLE, 1, 0x80);
	MMIO_READ(t, HOLE, 2, 0x1122);
	MMIO_WRITE(t, HOLE, 2, 0x1223);
	MMIO_READ(t, HOLE, 4, 0xffffffff);
	MMIO_WRITE(t, HOLE, 4, 0x01010100);
	MMIO_READ(t, HOLE, 8, UINT64_MAX);
	MMIO_WRITE(t, HOLE, 8, UINT64_C(0x0101010101010100));
	HALT(t);
	check_flags(t, ARITHMETIC, CF | PF | AF);
}

static void locked(struct conform *t)
{
	static const struct rmw steps[] = {
		{ 0x01, 0x11, 0 },             /* add */
		{ 0x11, 0x01, 0 },             /* sub */
		{ 0x01, 0x12, 0 },             /* adc */
		{ 0x12, 0x01, 0 },             /* sbb */
		{ 0x01, 0x11, 0 },             /* or */
		{ 0x11, 0x10, 0 },             /* and */
		{ 0x11, 0x01, 0 },             /* xor */
		{ 0x01, 0x02, 0 },             /* inc */
		{ 0x02, 0x01, 0 },             /* dec */
		{ 0x01, 0xffffffff, SF | CF }, /* neg */
		{ 0x00, 0xffffffff, SF | CF }, /* not */
	};

	boot(t, mmio_locked);
	set_reg(t, HY_X86_RAX, 0x10);
	check_rmw(t, steps, COUNT(steps), SF | CF | ZF);
}

static void shifts(struct conform *t)
{
	static const struct rmw steps[] = {
		{ 0x11111111, 0x11111110, CF }, /* shl $4 */
		{ 0x80000008, 0x08000000, CF }, /* shr %cl */
		{ 0x80000000, 0xc0000000, 0 },  /* sar $1 */
		{ 0x12345678, 0x34567812, 0 },  /* rol $8 */
		{ 0x12345688, 0x88123456, CF }, /* ror $8 */
		{ 0x80000000, 0x00000001, CF }, /* rcl $1 */
		{ 0x12345678, 0x23456780, CF }, /* shld $4 of 0 */
	};

	boot(t, mmio_shifts);
	set_reg(t, HY_X86_RAX, 0);
	set_reg(t, HY_X86_RCX, 4);
	check_rmw(t, steps, COUNT(steps), CF);
}

static void bits(struct conform *t)
{
	static const struct rmw steps[] = {
		{ 0x00, 0x08, 0 },  /* bts $3 */
		{ 0xff, 0xf7, CF }, /* btr $3 */
		{ 0x08, 0x00, CF }, /* btc $3 */
		{ 0x00, 0x10, 0 },  /* lock bts $4 */
	};

	boot(t, mmio_bits);
	check_rmw(t, steps, COUNT(steps), CF);
}

/* A bit number in a register reaches beyond the operand. */
static void bit_strings(struct conform *t)
{
	boot(t, mmio_bit_strings);
	MMIO_READ(t, HOLE + 4, 4, 0);
	MMIO_WRITE(t, HOLE + 4, 4, 0x20);
	COMPLETE(t);
	check_flags(t, CF, 0);
	MMIO_READ(t, HOLE + 4, 4, 0x20);
	COMPLETE(t);
	check_flags(t, CF, CF);
	MMIO_READ(t, HOLE - 4, 4, 0xffffffff);
	MMIO_WRITE(t, HOLE - 4, 4, 0x7fffffff);
	COMPLETE(t);
	check_flags(t, CF, CF);
	HALT(t);
}

static void exchange(struct conform *t)
{
	boot(t, mmio_exchange);
	set_reg(t, HY_X86_RAX, PATTERN);
	set_reg(t, HY_X86_RCX, PATTERN);
	set_reg(t, HY_X86_RDX, PATTERN);
	set_reg(t, HY_X86_RSI, PATTERN);
	MMIO_READ(t, HOLE, 1, 0xa1);
	MMIO_WRITE(t, HOLE, 1, 0x88);
	MMIO_READ(t, HOLE, 2, 0xa2a3);
	MMIO_WRITE(t, HOLE, 2, 0x7788);
	MMIO_READ(t, HOLE, 4, 0xa4a5a6a7);
	MMIO_WRITE(t, HOLE, 4, 0x55667788);
	MMIO_READ(t, HOLE, 8, ~PATTERN);
	MMIO_WRITE(t, HOLE, 8, PATTERN);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), UINT64_C(0x11223344556677a1));
	CHECK_EQ(get_reg(t, HY_X86_RCX), UINT64_C(0x112233445566a2a3));
	CHECK_EQ(get_reg(t, HY_X86_RDX), 0xa4a5a6a7);
	CHECK_EQ(get_reg(t, HY_X86_RSI), ~PATTERN);
}

static void exchange_add(struct conform *t)
{
	boot(t, mmio_exchange_add);
	set_reg(t, HY_X86_RCX, 5);
	MMIO_READ(t, HOLE, 4, 10);
	MMIO_WRITE(t, HOLE, 4, 15);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RCX), 10);
	MMIO_READ(t, HOLE, 4, 100);
	MMIO_WRITE(t, HOLE, 4, 110);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RCX), 100);
}

static void compare_exchange(struct conform *t)
{
	boot(t, mmio_compare_exchange);
	set_reg(t, HY_X86_RAX, 5);
	set_reg(t, HY_X86_RCX, 7);
	MMIO_READ(t, HOLE, 4, 5);
	MMIO_WRITE(t, HOLE, 4, 7);
	COMPLETE(t);
	check_flags(t, ZF, ZF);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 5);
	MMIO_READ(t, HOLE, 4, 9);
	MMIO_WRITE(t, HOLE, 4, 9);
	COMPLETE(t);
	check_flags(t, ZF, 0);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 9);
	CHECK_EQ(get_reg(t, HY_X86_RCX), 7);
	HALT(t);
}

/* With the pattern to compare; RBX ends as the low half of what is put there. */
static void boot_compare_exchange8(struct conform *t)
{
	boot(t, mmio_compare_exchange8);
	set_reg(t, HY_X86_RAX, (uint32_t)PATTERN);
	set_reg(t, HY_X86_RDX, PATTERN >> 32);
	set_reg(t, HY_X86_RCX, 0xaabbccdd);
}

static void compare_exchange8_equal(struct conform *t)
{
	boot_compare_exchange8(t);
	MMIO_READ(t, HOLE, 8, PATTERN);
	MMIO_WRITE(t, HOLE, 8, UINT64_C(0xaabbccdd55667788));
	HALT(t);
	check_flags(t, ZF, ZF);
	CHECK_EQ(get_reg(t, HY_X86_RAX), (uint32_t)PATTERN);
	CHECK_EQ(get_reg(t, HY_X86_RDX), PATTERN >> 32);
}

static void compare_exchange8_unequal(struct conform *t)
{
	boot_compare_exchange8(t);
	MMIO_READ(t, HOLE, 8, ~PATTERN);
	MMIO_WRITE(t, HOLE, 8, ~PATTERN);
	HALT(t);
	check_flags(t, ZF, 0);
	CHECK_EQ(get_reg(t, HY_X86_RAX), (uint32_t)~PATTERN);
	CHECK_EQ(get_reg(t, HY_X86_RDX), ~PATTERN >> 32);
}

/* --- Reading operands ------------------------------------------------------------- */

static void compare(struct conform *t)
{
	static const struct {
		uint8_t size;
		uint32_t answer;
		uint64_t mask, flags;
	} steps[] = {
		{ 4, 0x80, ARITHMETIC, ZF | PF },           /* cmp %eax, m */
		{ 4, 0x81, ARITHMETIC, CF | SF | AF | PF }, /* cmp m, %eax */
		{ 1, 0x7f, ARITHMETIC, CF | SF | OF | PF }, /* cmpb $0x80, m */
		{ 4, 0x7f, ARITHMETIC & ~AF, ZF | PF },     /* test %eax, m */
		{ 1, 0xff, ARITHMETIC & ~AF, SF },          /* testb $0x80, m */
		{ 4, 0x20, CF, CF },                        /* bt $5, m */
	};

	boot(t, mmio_compare);
	set_reg(t, HY_X86_RAX, 0x80);
	for (size_t i = 0; i < COUNT(steps); i++) {
		MMIO_READ(t, HOLE, steps[i].size, steps[i].answer);
		COMPLETE(t);
		check_flags(t, steps[i].mask, steps[i].flags);
	}
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0x80);
}

static void operands(struct conform *t)
{
	static const struct {
		uint32_t answer, eax;
	} steps[] = {
		{ 2, 3 },                   /* add */
		{ 1, 2 },                   /* sub */
		{ 3, 2 },                   /* and */
		{ 5, 7 },                   /* or */
		{ 1, 6 },                   /* xor */
		{ 7, 42 },                  /* imul */
		{ 5, 42 },                  /* imul $3, to ECX */
		{ 0x10000000, 0xa0000000 }, /* mul */
	};

	boot(t, mmio_operands);
	set_reg(t, HY_X86_RAX, 1);
	for (size_t i = 0; i < COUNT(steps); i++) {
		MMIO_READ(t, HOLE, 4, steps[i].answer);
		COMPLETE(t);
		CHECK_EQ(get_reg(t, HY_X86_RAX), steps[i].eax);
	}
	CHECK_EQ(get_reg(t, HY_X86_RCX), 15);
	CHECK_EQ(get_reg(t, HY_X86_RDX), 2);
	HALT(t);
}

static void divide(struct conform *t)
{
	boot(t, mmio_divide);
	set_reg(t, HY_X86_RAX, 100);
	set_reg(t, HY_X86_RDX, 0);
	MMIO_READ(t, HOLE, 4, 7);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 14);
	CHECK_EQ(get_reg(t, HY_X86_RDX), 2);
	MMIO_READ(t, HOLE, 1, 0xfb); /* -5 */
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0x04fe); /* 14 is -2 times -5, and 4 */
	HALT(t);
}

/* Of 0 the destination stays, and ZF tells. */
static void scan(struct conform *t)
{
	boot(t, mmio_scan);
	set_reg(t, HY_X86_RAX, PATTERN);
	MMIO_READ(t, HOLE, 4, 0x00f0);
	MMIO_READ(t, HOLE, 8, UINT64_C(0x7000000000));
	MMIO_READ(t, HOLE, 8, 0);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RCX), 4);
	CHECK_EQ(get_reg(t, HY_X86_RDX), 38);
	CHECK_EQ(get_reg(t, HY_X86_RAX), PATTERN);
	check_flags(t, ZF, ZF);
}

static void count(struct conform *t)
{
	need_feature(t, CPUID_POPCNT, "POPCNT", mmio_try_popcnt);
	boot(t, mmio_count);
	MMIO_READ(t, HOLE, 2, 0xf00f);
	MMIO_READ(t, HOLE, 4, 0x80000001);
	MMIO_READ(t, HOLE, 8, 0);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RCX) & 0xffff, 8);
	CHECK_EQ(get_reg(t, HY_X86_RDX), 2);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0);
	check_flags(t, ARITHMETIC, ZF);
}

/* --- Strings ---------------------------------------------------------------------- */

static const uint32_t words[4] = { 0x11121314, 0x21222324, 0x31323334, 0x41424344 };

static void boot_string(struct conform *t, struct guest guest, uint64_t rsi, uint64_t rdi,
                        uint64_t rcx)
{
	conform_boot(t, LONG, guest);
	set_reg(t, HY_X86_RSI, rsi);
	set_reg(t, HY_X86_RDI, rdi);
	set_reg(t, HY_X86_RCX, rcx);
}

static void check_string(struct conform *t, uint64_t rsi, uint64_t rdi, uint64_t rcx)
{
	CHECK_EQ(get_reg(t, HY_X86_RSI), rsi);
	CHECK_EQ(get_reg(t, HY_X86_RDI), rdi);
	CHECK_EQ(get_reg(t, HY_X86_RCX), rcx);
}

static void movs_to_mmio(struct conform *t)
{
	boot_string(t, mmio_rep_movsl, DATA, HOLE, 4);
	write_ram(t, DATA, words, sizeof(words));
	for (unsigned i = 0; i < 4; i++)
		MMIO_WRITE(t, HOLE + i * 4, 4, words[i]);
	HALT(t);
	check_string(t, DATA + 16, HOLE + 16, 0);
}

static void movs_from_mmio(struct conform *t)
{
	uint32_t got[4];

	boot_string(t, mmio_rep_movsl, HOLE, DATA, 4);
	for (unsigned i = 0; i < 4; i++)
		MMIO_READ(t, HOLE + i * 4, 4, words[i]);
	HALT(t);
	read_ram(t, DATA, got, sizeof(got));
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(got[i], words[i]);
	check_string(t, HOLE + 16, DATA + 16, 0);
}

static void movs_down(struct conform *t)
{
	boot_string(t, mmio_rep_movsl, HOLE + 12, HOLE + PAGE + 12, 4);
	set_reg(t, HY_X86_RFLAGS, HY_X86_RFLAGS_ONE | DF);
	for (unsigned i = 0; i < 4; i++) {
		MMIO_READ(t, HOLE + 12 - i * 4, 4, words[i]);
		MMIO_WRITE(t, HOLE + PAGE + 12 - i * 4, 4, words[i]);
	}
	HALT(t);
	check_string(t, HOLE - 4, HOLE + PAGE - 4, 0);
}

static void movs_single(struct conform *t)
{
	boot_string(t, mmio_movsq, HOLE, HOLE + PAGE, 77);
	MMIO_READ(t, HOLE, 8, PATTERN);
	MMIO_WRITE(t, HOLE + PAGE, 8, PATTERN);
	HALT(t);
	check_string(t, HOLE + 8, HOLE + PAGE + 8, 77);
}

static void movs_none(struct conform *t)
{
	boot_string(t, mmio_rep_movsl, HOLE, HOLE + PAGE, 0);
	HALT(t);
	check_string(t, HOLE, HOLE + PAGE, 0);
}

/* Over the end of memory: the first items make no exits. */
static void movs_over_end(struct conform *t)
{
	uint32_t got[2];

	boot_string(t, mmio_rep_movsl, DATA, RAM_SIZE - 8, 4);
	write_ram(t, DATA, words, sizeof(words));
	MMIO_WRITE(t, RAM_SIZE, 4, words[2]);
	MMIO_WRITE(t, RAM_SIZE + 4, 4, words[3]);
	HALT(t);
	read_ram(t, RAM_SIZE - 8, got, sizeof(got));
	CHECK_EQ(got[0], words[0]);
	CHECK_EQ(got[1], words[1]);
}

static void stos(struct conform *t)
{
	boot_string(t, mmio_rep_stosw, 0, HOLE, 3);
	set_reg(t, HY_X86_RAX, PATTERN);
	for (unsigned i = 0; i < 3; i++)
		MMIO_WRITE(t, HOLE + i * 2, 2, 0x7788);
	HALT(t);
	check_string(t, 0, HOLE + 6, 0);
}

static void stos_down(struct conform *t)
{
	boot_string(t, mmio_rep_stosw, 0, HOLE + 4, 3);
	set_reg(t, HY_X86_RFLAGS, HY_X86_RFLAGS_ONE | DF);
	set_reg(t, HY_X86_RAX, PATTERN);
	for (unsigned i = 0; i < 3; i++)
		MMIO_WRITE(t, HOLE + 4 - i * 2, 2, 0x7788);
	HALT(t);
	check_string(t, 0, HOLE - 2, 0);
}

static void lods(struct conform *t)
{
	boot_string(t, mmio_lods, HOLE, 0, 0);
	MMIO_READ(t, HOLE, 1, 0x11);
	MMIO_READ(t, HOLE + 1, 2, 0x2233);
	MMIO_READ(t, HOLE + 3, 4, 0x44556677);
	MMIO_READ(t, HOLE + 7, 8, PATTERN);
	HALT(t);
	check_string(t, HOLE + 15, 0, 0);
	CHECK_EQ(get_reg(t, HY_X86_RAX), PATTERN);
}

static void scas(struct conform *t)
{
	boot_string(t, mmio_repne_scasb, 0, HOLE, 10);
	set_reg(t, HY_X86_RAX, 0x33);
	MMIO_READ(t, HOLE, 1, 0x11);
	MMIO_READ(t, HOLE + 1, 1, 0x22);
	MMIO_READ(t, HOLE + 2, 1, 0x33);
	HALT(t);
	check_string(t, 0, HOLE + 3, 7);
	check_flags(t, ARITHMETIC, ZF | PF);
}

static void scas_down(struct conform *t)
{
	boot_string(t, mmio_repne_scasb, 0, HOLE + 2, 2);
	set_reg(t, HY_X86_RFLAGS, HY_X86_RFLAGS_ONE | DF);
	set_reg(t, HY_X86_RAX, 0x10);
	MMIO_READ(t, HOLE + 2, 1, 0x11);
	MMIO_READ(t, HOLE + 1, 1, 0x0f);
	HALT(t);
	check_string(t, 0, HOLE, 0);
	check_flags(t, ARITHMETIC, AF);
}

/* Equal, equal, then [RSI] is less than [RDI]. */
static void cmps_source(struct conform *t)
{
	static const uint16_t item[] = { 1, 2, 3, 4 };

	boot_string(t, mmio_repe_cmpsw, HOLE, DATA, 4);
	write_ram(t, DATA, item, sizeof(item));
	MMIO_READ(t, HOLE, 2, 1);
	MMIO_READ(t, HOLE + 2, 2, 2);
	MMIO_READ(t, HOLE + 4, 2, 2);
	HALT(t);
	check_string(t, HOLE + 6, DATA + 6, 1);
	check_flags(t, ARITHMETIC, CF | SF | AF | PF);
}

static void cmps_destination_down(struct conform *t)
{
	static const uint16_t item[] = { 1, 2 };

	boot_string(t, mmio_repe_cmpsw, DATA + 2, HOLE + 2, 2);
	set_reg(t, HY_X86_RFLAGS, HY_X86_RFLAGS_ONE | DF);
	write_ram(t, DATA, item, sizeof(item));
	MMIO_READ(t, HOLE + 2, 2, 2);
	MMIO_READ(t, HOLE, 2, 1);
	HALT(t);
	check_string(t, DATA - 2, HOLE - 2, 0);
	check_flags(t, ARITHMETIC, ZF | PF);
}

/* --- Stack and branches ----------------------------------------------------------- */

static void push_pop(struct conform *t)
{
	boot(t, mmio_push_pop);
	MMIO_READ(t, HOLE, 8, PATTERN);
	MMIO_WRITE(t, HOLE + 8, 8, PATTERN);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RSP), STACK);
}

static void branches(struct conform *t)
{
	uint64_t back;

	boot(t, mmio_call_through);
	MMIO_READ(t, HOLE, 8, CODE + 0x40);
	MMIO_READ(t, HOLE + 8, 8, CODE + 0x80);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RIP), CODE + 0x81);
	CHECK_EQ(get_reg(t, HY_X86_RSP), STACK - 8);
	read_ram(t, STACK - 8, &back, sizeof(back));
	CHECK_EQ(back, CODE + 2);
}

static void stack(struct conform *t)
{
	const uint64_t top = HOLE + 0x100;

	boot(t, mmio_stack);
	set_reg(t, HY_X86_RSP, top);
	set_reg(t, HY_X86_RAX, PATTERN);
	MMIO_WRITE(t, top - 8, 8, PATTERN);
	MMIO_READ(t, top - 8, 8, ~PATTERN);
	MMIO_WRITE(t, top - 8, 8, UINT64_C(0xfffffffffffffffe));
	MMIO_WRITE(t, top - 16, 8, CODE + 9);
	MMIO_WRITE(t, top - 24, 8, ~PATTERN);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RSP), top - 24);
	CHECK_EQ(get_reg(t, HY_X86_RCX), ~PATTERN);
}

/* --- Borders ---------------------------------------------------------------------- */

static void boot_at(struct conform *t, struct guest guest, uint64_t gpa)
{
	boot(t, guest);
	set_reg(t, HY_X86_RBX, gpa);
	set_reg(t, HY_X86_RAX, PATTERN);
}

static void load_over_page(struct conform *t)
{
	boot_at(t, mmio_load32, HOLE + PAGE - 3);
	MMIO_READ(t, HOLE + PAGE - 3, 3, 0x332211);
	MMIO_READ(t, HOLE + PAGE, 1, 0x44);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0x44332211);
}

static void store_over_page(struct conform *t)
{
	boot_at(t, mmio_store32, HOLE + PAGE - 3);
	MMIO_WRITE(t, HOLE + PAGE - 3, 3, 0x667788);
	MMIO_WRITE(t, HOLE + PAGE, 1, 0x55);
	HALT(t);
}

static void load64_over_page(struct conform *t)
{
	boot_at(t, mmio_load64, HOLE + PAGE - 1);
	MMIO_READ(t, HOLE + PAGE - 1, 1, 0x88);
	MMIO_READ(t, HOLE + PAGE, 7, PATTERN >> 8);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), PATTERN);
}

static void store64_over_page(struct conform *t)
{
	boot_at(t, mmio_store64, HOLE + PAGE - 2);
	MMIO_WRITE(t, HOLE + PAGE - 2, 2, 0x7788);
	MMIO_WRITE(t, HOLE + PAGE, 6, PATTERN >> 16);
	HALT(t);
}

static void rmw_over_page(struct conform *t)
{
	boot_at(t, mmio_add32, HOLE + PAGE - 3);
	set_reg(t, HY_X86_RAX, 1);
	MMIO_READ(t, HOLE + PAGE - 3, 3, 0xffffff);
	MMIO_READ(t, HOLE + PAGE, 1, 0x11);
	MMIO_WRITE(t, HOLE + PAGE - 3, 3, 0);
	MMIO_WRITE(t, HOLE + PAGE, 1, 0x12);
	HALT(t);
}

static void unaligned(struct conform *t)
{
	boot_at(t, mmio_load64, HOLE + 5);
	MMIO_READ(t, HOLE + 5, 8, ~PATTERN);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), ~PATTERN);
}

static void load_from_ram_on(struct conform *t)
{
	const uint16_t low = 0x2211;

	boot_at(t, mmio_load32, RAM_SIZE - 2);
	write_ram(t, RAM_SIZE - 2, &low, sizeof(low));
	MMIO_READ(t, RAM_SIZE, 2, 0x4433);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0x44332211);
}

static void store_from_ram_on(struct conform *t)
{
	uint16_t low;

	boot_at(t, mmio_store32, RAM_SIZE - 2);
	MMIO_WRITE(t, RAM_SIZE, 2, 0x5566);
	HALT(t);
	read_ram(t, RAM_SIZE - 2, &low, sizeof(low));
	CHECK_EQ(low, 0x7788);
}

const struct conform_case conform_mmio[] = {
	{ "mmio/loads", "HY-B30 HY-B31 HY-B34", loads, HY_ARCH_X86_64, { 0 } },
	{ "mmio/stores", "HY-B30 HY-B31", stores, HY_ARCH_X86_64, { 0 } },
	{ "mmio/immediates", "HY-B31", immediates, HY_ARCH_X86_64, { 0 } },
	{ "mmio/zero-extend", "HY-B31 HY-B34", zero_extend, HY_ARCH_X86_64, { 0 } },
	{ "mmio/sign-extend", "HY-B31 HY-B34", sign_extend, HY_ARCH_X86_64, { 0 } },
	{ "mmio/moffs-load", "HY-B31 HY-B34", moffs_load, HY_ARCH_X86_64, { 0 } },
	{ "mmio/moffs-store", "HY-B31", moffs_store, HY_ARCH_X86_64, { 0 } },
	{ "mmio/addressing", "HY-B30", addressing, HY_ARCH_X86_64, { 0 } },
	{ "mmio/conditional", "HY-B31 HY-B34", conditional, HY_ARCH_X86_64, { 0 } },
	{ "mmio/movbe", "HY-B31 HY-B34", movbe, HY_ARCH_X86_64, { 0 } },
	{ "mmio/movnti", "HY-B31", movnti, HY_ARCH_X86_64, { 0 } },
	{ "mmio/unanswered", "HY-B26", unanswered, HY_ARCH_X86_64, { 0 } },
	{ "mmio/real-mode", "HY-B30", real_mode, HY_ARCH_X86_64, { 0 } },
	{ "mmio/protected-mode", "HY-B30", protected_mode, HY_ARCH_X86_64, { 0 } },
	{ "mmio/paged-mode", "HY-B30", paged_mode, HY_ARCH_X86_64, { HY_CAP_PAGING32 } },
	{ "mmio/cpl-3", "HY-B30 HY-B33", at_cpl_3, HY_ARCH_X86_64, { 0 } },
	{ "mmio/cpl-3-rmw", "HY-B30 HY-B31 HY-B33", user_rmw, HY_ARCH_X86_64, { 0 } },
	{ "mmio/cpl-3-strings", "HY-B30 HY-B31 HY-B32", user_strings, HY_ARCH_X86_64, { 0 } },
	{ "mmio/arithmetic", "HY-B31 HY-B33 HY-B34", arithmetic, HY_ARCH_X86_64, { 0 } },
	{ "mmio/logic", "HY-B31 HY-B33 HY-B34", logic, HY_ARCH_X86_64, { 0 } },
	{ "mmio/rmw-widths", "HY-B31 HY-B33", rmw_widths, HY_ARCH_X86_64, { 0 } },
	{ "mmio/locked", "HY-B31 HY-B33", locked, HY_ARCH_X86_64, { 0 } },
	{ "mmio/shifts", "HY-B31 HY-B33 HY-B34", shifts, HY_ARCH_X86_64, { 0 } },
	{ "mmio/bits", "HY-B31 HY-B33 HY-B34", bits, HY_ARCH_X86_64, { 0 } },
	{ "mmio/bit-strings", "HY-B31 HY-B33 HY-B34", bit_strings, HY_ARCH_X86_64, { 0 } },
	{ "mmio/xchg", "HY-B31 HY-B33 HY-B34", exchange, HY_ARCH_X86_64, { 0 } },
	{ "mmio/xadd", "HY-B31 HY-B33 HY-B34", exchange_add, HY_ARCH_X86_64, { 0 } },
	{ "mmio/cmpxchg", "HY-B31 HY-B33 HY-B34", compare_exchange, HY_ARCH_X86_64, { 0 } },
	{ "mmio/cmpxchg8b-equal", "HY-B31 HY-B33 HY-B34", compare_exchange8_equal,
	  HY_ARCH_X86_64, { 0 } },
	{ "mmio/cmpxchg8b-unequal", "HY-B31 HY-B33 HY-B34", compare_exchange8_unequal,
	  HY_ARCH_X86_64, { 0 } },
	{ "mmio/compare", "HY-B31 HY-B34", compare, HY_ARCH_X86_64, { 0 } },
	{ "mmio/operands", "HY-B31 HY-B34", operands, HY_ARCH_X86_64, { 0 } },
	{ "mmio/divide", "HY-B31 HY-B34", divide, HY_ARCH_X86_64, { 0 } },
	{ "mmio/scan", "HY-B31 HY-B34", scan, HY_ARCH_X86_64, { 0 } },
	{ "mmio/count", "HY-B31 HY-B34", count, HY_ARCH_X86_64, { 0 } },
	{ "mmio/movs-to-mmio", "HY-B31 HY-B33", movs_to_mmio, HY_ARCH_X86_64, { 0 } },
	{ "mmio/movs-from-mmio", "HY-B31 HY-B33", movs_from_mmio, HY_ARCH_X86_64, { 0 } },
	{ "mmio/movs-down", "HY-B31 HY-B33", movs_down, HY_ARCH_X86_64, { 0 } },
	{ "mmio/movs-single", "HY-B31 HY-B33", movs_single, HY_ARCH_X86_64, { 0 } },
	{ "mmio/movs-none", "HY-B31", movs_none, HY_ARCH_X86_64, { 0 } },
	{ "mmio/movs-over-end", "HY-B31 HY-B32", movs_over_end, HY_ARCH_X86_64, { 0 } },
	{ "mmio/stos", "HY-B31", stos, HY_ARCH_X86_64, { 0 } },
	{ "mmio/stos-down", "HY-B31", stos_down, HY_ARCH_X86_64, { 0 } },
	{ "mmio/lods", "HY-B31 HY-B34", lods, HY_ARCH_X86_64, { 0 } },
	{ "mmio/scas", "HY-B31 HY-B34", scas, HY_ARCH_X86_64, { 0 } },
	{ "mmio/scas-down", "HY-B31 HY-B34", scas_down, HY_ARCH_X86_64, { 0 } },
	{ "mmio/cmps-source", "HY-B31 HY-B34", cmps_source, HY_ARCH_X86_64, { 0 } },
	{ "mmio/cmps-destination-down", "HY-B31 HY-B34", cmps_destination_down,
	  HY_ARCH_X86_64, { 0 } },
	{ "mmio/push-pop", "HY-B31", push_pop, HY_ARCH_X86_64, { 0 } },
	{ "mmio/branches", "HY-B31", branches, HY_ARCH_X86_64, { 0 } },
	{ "mmio/stack", "HY-B31", stack, HY_ARCH_X86_64, { 0 } },
	{ "mmio/load-over-page", "HY-B32", load_over_page, HY_ARCH_X86_64, { 0 } },
	{ "mmio/store-over-page", "HY-B32", store_over_page, HY_ARCH_X86_64, { 0 } },
	{ "mmio/load64-over-page", "HY-B32", load64_over_page, HY_ARCH_X86_64, { 0 } },
	{ "mmio/store64-over-page", "HY-B32", store64_over_page, HY_ARCH_X86_64, { 0 } },
	{ "mmio/rmw-over-page", "HY-B32 HY-B33", rmw_over_page, HY_ARCH_X86_64, { 0 } },
	{ "mmio/unaligned", "HY-B32", unaligned, HY_ARCH_X86_64, { 0 } },
	{ "mmio/load-from-ram-on", "HY-B32", load_from_ram_on, HY_ARCH_X86_64, { 0 } },
	{ "mmio/store-from-ram-on", "HY-B32", store_from_ram_on, HY_ARCH_X86_64, { 0 } },
	{ 0 },
};
