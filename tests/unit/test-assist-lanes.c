/* SPDX-License-Identifier: MIT */
/*
 * plugins/assist: what vector instructions do with lanes, on random registers, as
 * they come and with VEX, against the host's own processor.
 */
#include <stdio.h>

#include <check.h>

#include "assist-machine.h"
#include "suite.h"

#if defined(__x86_64__) || defined(__i386__)

#include <immintrin.h>

#define ROUNDS 300
#define HOST __attribute__((target("sse4.1")))

HOST static inline __m128 single(const __m128i *bits)
{
	return _mm_castsi128_ps(*bits);
}

HOST static inline __m128d twofold(const __m128i *bits)
{
	return _mm_castsi128_pd(*bits);
}

/*
 * A name, the prefix (none, 66, F3, F2), the map (0F, 0F38, 0F3A), the opcode, the
 * immediate, whether both halves of 256 bits do the same, and the host's intrinsic.
 */
#define OPERATIONS(X) \
	X(paddb, 1, 1, 0xfc, -1, true, _mm_add_epi8(*a, *b)) \
	X(paddw, 1, 1, 0xfd, -1, true, _mm_add_epi16(*a, *b)) \
	X(paddd, 1, 1, 0xfe, -1, true, _mm_add_epi32(*a, *b)) \
	X(paddq, 1, 1, 0xd4, -1, true, _mm_add_epi64(*a, *b)) \
	X(psubb, 1, 1, 0xf8, -1, true, _mm_sub_epi8(*a, *b)) \
	X(psubw, 1, 1, 0xf9, -1, true, _mm_sub_epi16(*a, *b)) \
	X(psubd, 1, 1, 0xfa, -1, true, _mm_sub_epi32(*a, *b)) \
	X(psubq, 1, 1, 0xfb, -1, true, _mm_sub_epi64(*a, *b)) \
	X(paddsb, 1, 1, 0xec, -1, true, _mm_adds_epi8(*a, *b)) \
	X(paddsw, 1, 1, 0xed, -1, true, _mm_adds_epi16(*a, *b)) \
	X(paddusb, 1, 1, 0xdc, -1, true, _mm_adds_epu8(*a, *b)) \
	X(paddusw, 1, 1, 0xdd, -1, true, _mm_adds_epu16(*a, *b)) \
	X(psubsb, 1, 1, 0xe8, -1, true, _mm_subs_epi8(*a, *b)) \
	X(psubsw, 1, 1, 0xe9, -1, true, _mm_subs_epi16(*a, *b)) \
	X(psubusb, 1, 1, 0xd8, -1, true, _mm_subs_epu8(*a, *b)) \
	X(psubusw, 1, 1, 0xd9, -1, true, _mm_subs_epu16(*a, *b)) \
	X(pcmpeqb, 1, 1, 0x74, -1, true, _mm_cmpeq_epi8(*a, *b)) \
	X(pcmpeqw, 1, 1, 0x75, -1, true, _mm_cmpeq_epi16(*a, *b)) \
	X(pcmpeqd, 1, 1, 0x76, -1, true, _mm_cmpeq_epi32(*a, *b)) \
	X(pcmpgtb, 1, 1, 0x64, -1, true, _mm_cmpgt_epi8(*a, *b)) \
	X(pcmpgtw, 1, 1, 0x65, -1, true, _mm_cmpgt_epi16(*a, *b)) \
	X(pcmpgtd, 1, 1, 0x66, -1, true, _mm_cmpgt_epi32(*a, *b)) \
	X(pminub, 1, 1, 0xda, -1, true, _mm_min_epu8(*a, *b)) \
	X(pmaxub, 1, 1, 0xde, -1, true, _mm_max_epu8(*a, *b)) \
	X(pminsw, 1, 1, 0xea, -1, true, _mm_min_epi16(*a, *b)) \
	X(pmaxsw, 1, 1, 0xee, -1, true, _mm_max_epi16(*a, *b)) \
	X(pavgb, 1, 1, 0xe0, -1, true, _mm_avg_epu8(*a, *b)) \
	X(pavgw, 1, 1, 0xe3, -1, true, _mm_avg_epu16(*a, *b)) \
	X(pmullw, 1, 1, 0xd5, -1, true, _mm_mullo_epi16(*a, *b)) \
	X(pmulhw, 1, 1, 0xe5, -1, true, _mm_mulhi_epi16(*a, *b)) \
	X(pmulhuw, 1, 1, 0xe4, -1, true, _mm_mulhi_epu16(*a, *b)) \
	X(pmuludq, 1, 1, 0xf4, -1, true, _mm_mul_epu32(*a, *b)) \
	X(pmaddwd, 1, 1, 0xf5, -1, true, _mm_madd_epi16(*a, *b)) \
	X(psadbw, 1, 1, 0xf6, -1, true, _mm_sad_epu8(*a, *b)) \
	X(pand, 1, 1, 0xdb, -1, true, _mm_and_si128(*a, *b)) \
	X(pandn, 1, 1, 0xdf, -1, true, _mm_andnot_si128(*a, *b)) \
	X(por, 1, 1, 0xeb, -1, true, _mm_or_si128(*a, *b)) \
	X(pxor, 1, 1, 0xef, -1, true, _mm_xor_si128(*a, *b)) \
	X(punpcklbw, 1, 1, 0x60, -1, true, _mm_unpacklo_epi8(*a, *b)) \
	X(punpcklwd, 1, 1, 0x61, -1, true, _mm_unpacklo_epi16(*a, *b)) \
	X(punpckldq, 1, 1, 0x62, -1, true, _mm_unpacklo_epi32(*a, *b)) \
	X(punpcklqdq, 1, 1, 0x6c, -1, true, _mm_unpacklo_epi64(*a, *b)) \
	X(punpckhbw, 1, 1, 0x68, -1, true, _mm_unpackhi_epi8(*a, *b)) \
	X(punpckhwd, 1, 1, 0x69, -1, true, _mm_unpackhi_epi16(*a, *b)) \
	X(punpckhdq, 1, 1, 0x6a, -1, true, _mm_unpackhi_epi32(*a, *b)) \
	X(punpckhqdq, 1, 1, 0x6d, -1, true, _mm_unpackhi_epi64(*a, *b)) \
	X(packsswb, 1, 1, 0x63, -1, true, _mm_packs_epi16(*a, *b)) \
	X(packssdw, 1, 1, 0x6b, -1, true, _mm_packs_epi32(*a, *b)) \
	X(packuswb, 1, 1, 0x67, -1, true, _mm_packus_epi16(*a, *b)) \
	X(psrlw, 1, 1, 0xd1, -1, false, _mm_srl_epi16(*a, *b)) \
	X(psrld, 1, 1, 0xd2, -1, false, _mm_srl_epi32(*a, *b)) \
	X(psrlq, 1, 1, 0xd3, -1, false, _mm_srl_epi64(*a, *b)) \
	X(psraw, 1, 1, 0xe1, -1, false, _mm_sra_epi16(*a, *b)) \
	X(psrad, 1, 1, 0xe2, -1, false, _mm_sra_epi32(*a, *b)) \
	X(psllw, 1, 1, 0xf1, -1, false, _mm_sll_epi16(*a, *b)) \
	X(pslld, 1, 1, 0xf2, -1, false, _mm_sll_epi32(*a, *b)) \
	X(psllq, 1, 1, 0xf3, -1, false, _mm_sll_epi64(*a, *b)) \
	X(pshufb, 1, 2, 0x00, -1, true, _mm_shuffle_epi8(*a, *b)) \
	X(phaddw, 1, 2, 0x01, -1, true, _mm_hadd_epi16(*a, *b)) \
	X(phaddd, 1, 2, 0x02, -1, true, _mm_hadd_epi32(*a, *b)) \
	X(phaddsw, 1, 2, 0x03, -1, true, _mm_hadds_epi16(*a, *b)) \
	X(pmaddubsw, 1, 2, 0x04, -1, true, _mm_maddubs_epi16(*a, *b)) \
	X(phsubw, 1, 2, 0x05, -1, true, _mm_hsub_epi16(*a, *b)) \
	X(phsubd, 1, 2, 0x06, -1, true, _mm_hsub_epi32(*a, *b)) \
	X(phsubsw, 1, 2, 0x07, -1, true, _mm_hsubs_epi16(*a, *b)) \
	X(psignb, 1, 2, 0x08, -1, true, _mm_sign_epi8(*a, *b)) \
	X(psignw, 1, 2, 0x09, -1, true, _mm_sign_epi16(*a, *b)) \
	X(psignd, 1, 2, 0x0a, -1, true, _mm_sign_epi32(*a, *b)) \
	X(pmulhrsw, 1, 2, 0x0b, -1, true, _mm_mulhrs_epi16(*a, *b)) \
	X(pmuldq, 1, 2, 0x28, -1, true, _mm_mul_epi32(*a, *b)) \
	X(pcmpeqq, 1, 2, 0x29, -1, true, _mm_cmpeq_epi64(*a, *b)) \
	X(packusdw, 1, 2, 0x2b, -1, true, _mm_packus_epi32(*a, *b)) \
	X(pminsb, 1, 2, 0x38, -1, true, _mm_min_epi8(*a, *b)) \
	X(pminsd, 1, 2, 0x39, -1, true, _mm_min_epi32(*a, *b)) \
	X(pminuw, 1, 2, 0x3a, -1, true, _mm_min_epu16(*a, *b)) \
	X(pminud, 1, 2, 0x3b, -1, true, _mm_min_epu32(*a, *b)) \
	X(pmaxsb, 1, 2, 0x3c, -1, true, _mm_max_epi8(*a, *b)) \
	X(pmaxsd, 1, 2, 0x3d, -1, true, _mm_max_epi32(*a, *b)) \
	X(pmaxuw, 1, 2, 0x3e, -1, true, _mm_max_epu16(*a, *b)) \
	X(pmaxud, 1, 2, 0x3f, -1, true, _mm_max_epu32(*a, *b)) \
	X(pmulld, 1, 2, 0x40, -1, true, _mm_mullo_epi32(*a, *b)) \
	X(pabsb, 1, 2, 0x1c, -1, true, _mm_abs_epi8(*b)) \
	X(pabsw, 1, 2, 0x1d, -1, true, _mm_abs_epi16(*b)) \
	X(pabsd, 1, 2, 0x1e, -1, true, _mm_abs_epi32(*b)) \
	X(pmovsxbw, 1, 2, 0x20, -1, false, _mm_cvtepi8_epi16(*b)) \
	X(pmovsxbd, 1, 2, 0x21, -1, false, _mm_cvtepi8_epi32(*b)) \
	X(pmovsxbq, 1, 2, 0x22, -1, false, _mm_cvtepi8_epi64(*b)) \
	X(pmovsxwd, 1, 2, 0x23, -1, false, _mm_cvtepi16_epi32(*b)) \
	X(pmovsxwq, 1, 2, 0x24, -1, false, _mm_cvtepi16_epi64(*b)) \
	X(pmovsxdq, 1, 2, 0x25, -1, false, _mm_cvtepi32_epi64(*b)) \
	X(pmovzxbw, 1, 2, 0x30, -1, false, _mm_cvtepu8_epi16(*b)) \
	X(pmovzxbd, 1, 2, 0x31, -1, false, _mm_cvtepu8_epi32(*b)) \
	X(pmovzxbq, 1, 2, 0x32, -1, false, _mm_cvtepu8_epi64(*b)) \
	X(pmovzxwd, 1, 2, 0x33, -1, false, _mm_cvtepu16_epi32(*b)) \
	X(pmovzxwq, 1, 2, 0x34, -1, false, _mm_cvtepu16_epi64(*b)) \
	X(pmovzxdq, 1, 2, 0x35, -1, false, _mm_cvtepu32_epi64(*b)) \
	X(phminposuw, 1, 2, 0x41, -1, false, _mm_minpos_epu16(*b)) \
	X(pshufd, 1, 1, 0x70, 0x39, true, _mm_shuffle_epi32(*b, 0x39)) \
	X(pshuflw, 3, 1, 0x70, 0xc9, true, _mm_shufflelo_epi16(*b, 0xc9)) \
	X(pshufhw, 2, 1, 0x70, 0x72, true, _mm_shufflehi_epi16(*b, 0x72)) \
	X(palignr, 1, 3, 0x0f, 0x05, true, _mm_alignr_epi8(*a, *b, 5)) \
	X(palignr_far, 1, 3, 0x0f, 0x15, true, _mm_alignr_epi8(*a, *b, 21)) \
	X(pblendw, 1, 3, 0x0e, 0xa6, true, _mm_blend_epi16(*a, *b, 0xa6)) \
	X(mpsadbw, 1, 3, 0x42, 0x06, false, _mm_mpsadbw_epu8(*a, *b, 6)) \
	X(andps, 0, 1, 0x54, -1, true, _mm_castps_si128(_mm_and_ps(single(a), single(b)))) \
	X(andnps, 0, 1, 0x55, -1, true, _mm_castps_si128(_mm_andnot_ps(single(a), single(b)))) \
	X(orps, 0, 1, 0x56, -1, true, _mm_castps_si128(_mm_or_ps(single(a), single(b)))) \
	X(xorps, 0, 1, 0x57, -1, true, _mm_castps_si128(_mm_xor_ps(single(a), single(b)))) \
	X(unpcklps, 0, 1, 0x14, -1, true, _mm_castps_si128(_mm_unpacklo_ps(single(a), single(b)))) \
	X(unpckhps, 0, 1, 0x15, -1, true, _mm_castps_si128(_mm_unpackhi_ps(single(a), single(b)))) \
	X(shufps, 0, 1, 0xc6, 0x9c, true, _mm_castps_si128(_mm_shuffle_ps(single(a), single(b), 0x9c))) \
	X(unpcklpd, 1, 1, 0x14, -1, true, _mm_castpd_si128(_mm_unpacklo_pd(twofold(a), twofold(b)))) \
	X(unpckhpd, 1, 1, 0x15, -1, true, _mm_castpd_si128(_mm_unpackhi_pd(twofold(a), twofold(b)))) \
	X(shufpd, 1, 1, 0xc6, 0x01, false, _mm_castpd_si128(_mm_shuffle_pd(twofold(a), twofold(b), 1))) \
	X(blendps, 1, 3, 0x0c, 0x05, false, _mm_castps_si128(_mm_blend_ps(single(a), single(b), 5))) \
	X(blendpd, 1, 3, 0x0d, 0x02, false, _mm_castpd_si128(_mm_blend_pd(twofold(a), twofold(b), 2))) \
	X(insertps, 1, 3, 0x21, 0x98, false, _mm_castps_si128(_mm_insert_ps(single(a), single(b), 0x98))) \
	X(movsldup, 2, 1, 0x12, -1, true, _mm_castps_si128(_mm_moveldup_ps(single(b)))) \
	X(movshdup, 2, 1, 0x16, -1, true, _mm_castps_si128(_mm_movehdup_ps(single(b)))) \
	X(movddup, 3, 1, 0x12, -1, true, _mm_castpd_si128(_mm_movedup_pd(twofold(b))))

#define DEFINE(name, prefix, map, opcode, imm, both, expression) \
	HOST static void host_##name(__m128i *to, const __m128i *a, const __m128i *b) \
	{ \
		(void)a; \
		(void)b; \
		*to = expression; \
	}
OPERATIONS(DEFINE)

struct operation {
	const char *name;
	uint8_t prefix, map, opcode;
	int imm;
	bool both;
	void (*host)(__m128i *to, const __m128i *a, const __m128i *b);
};

#define LIST(name, prefix, map, opcode, imm, both, expression) \
	{ #name, prefix, map, opcode, imm, both, host_##name },
static const struct operation operations[] = { OPERATIONS(LIST) };
#define COUNT ((int)(sizeof(operations) / sizeof(operations[0])))

static struct machine machine;
static struct xe_cpu *const cpu = &machine.cpu;

static void cpuid_full(struct machine *unused, uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	(void)unused;
	(void)leaf;
	(void)subleaf;
	memset(answer, 0xff, 4 * sizeof(answer[0]));
}

static uint32_t seed = 12345;

static uint8_t next_byte(void)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint8_t)(seed >> 24);
}

/* Random, or at the ends of what lanes can hold; small counts of shifts too. */
static void fill(union xe_vector *value)
{
	static const uint8_t edges[] = { 0, 0xff, 0x80, 0x7f, 1 };
	uint8_t kind = next_byte();

	memset(value, 0, sizeof(*value));
	for (unsigned i = 0; i < 32; i++)
		value->b[i] = kind & 0x80 ? next_byte() : edges[next_byte() % sizeof(edges)];
	if ((kind & 7) == 0)
		value->q[0] = value->q[2] = next_byte() % 70;
}

/* XMM0 by XMM0 and XMM1, or [RDI]: as it comes. */
static size_t encode_legacy(const struct operation *operation, bool memory, uint8_t *code)
{
	static const uint8_t prefixes[] = { 0, 0x66, 0xf3, 0xf2 }, maps[] = { 0, 0, 0x38, 0x3a };
	size_t n = 0;

	if (operation->prefix)
		code[n++] = prefixes[operation->prefix];
	code[n++] = 0x0f;
	if (operation->map > 1)
		code[n++] = maps[operation->map];
	code[n++] = operation->opcode;
	code[n++] = memory ? 0x07 : 0xc1;
	if (operation->imm >= 0)
		code[n++] = (uint8_t)operation->imm;
	return n;
}

/* With VEX, where the second of three operands is register 0, or there are but two. */
static size_t encode_vex(const struct operation *operation, bool wide, uint8_t *code)
{
	size_t n = 0;

	code[n++] = 0xc4;
	code[n++] = 0xe0 | operation->map;
	code[n++] = (uint8_t)(0x78 | (wide ? 4 : 0) | operation->prefix);
	code[n++] = operation->opcode;
	code[n++] = 0xc1;
	if (operation->imm >= 0)
		code[n++] = (uint8_t)operation->imm;
	return n;
}

static void host_of(const struct operation *operation, const uint8_t *a, const uint8_t *b, uint8_t *to)
{
	__m128i x, y, z;

	memcpy(&x, a, 16);
	memcpy(&y, b, 16);
	operation->host(&z, &x, &y);
	memcpy(to, &z, 16);
}

static void check(const struct operation *operation, const uint8_t *code, size_t size, const union xe_vector *a,
                  const union xe_vector *b, const union xe_vector *expected)
{
	cpu->fpu.ymm[0] = *a;
	cpu->fpu.ymm[1] = *b;
	ck_assert_msg(machine_try(&machine, code, size) == XE_OK, "%s", operation->name);
	ck_assert_msg(!memcmp(&cpu->fpu.ymm[0], expected, 32), "%s: %016llx%016llx, not %016llx%016llx",
	              operation->name, (unsigned long long)cpu->fpu.ymm[0].q[1],
	              (unsigned long long)cpu->fpu.ymm[0].q[0], (unsigned long long)expected->q[1],
	              (unsigned long long)expected->q[0]);
	ck_assert_mem_eq(&cpu->fpu.ymm[1], b, 32);
}

static void compare_once(const struct operation *operation)
{
	union xe_vector a, b, expected;
	uint8_t code[XE_INSN_MAX];

	fill(&a);
	fill(&b);
	expected = a;
	host_of(operation, a.b, b.b, expected.b);
	check(operation, code, encode_legacy(operation, false, code), &a, &b, &expected);
	memset(expected.b + 16, 0, 16);
	check(operation, code, encode_vex(operation, false, code), &a, &b, &expected);
	if (!operation->both)
		return;
	host_of(operation, a.b + 16, b.b + 16, expected.b + 16);
	check(operation, code, encode_vex(operation, true, code), &a, &b, &expected);
}

START_TEST(as_the_host_does)
{
	ck_assert(machine_open(&machine, true));
	machine.cpuid = cpuid_full;
	machine_enter_long(&machine, 64, 0);
	for (unsigned i = 0; i < ROUNDS; i++)
		compare_once(&operations[_i]);
	machine_close(&machine);
}
END_TEST

/* The second source in a device, of which no more is read than the first source takes. */
START_TEST(from_a_device)
{
	const struct operation *operation = &operations[_i];
	union xe_vector a, b, expected;
	uint8_t code[XE_INSN_MAX];
	size_t size;

	ck_assert(machine_open(&machine, true));
	machine.cpuid = cpuid_full;
	machine_enter_long(&machine, 64, 0);
	fill(&a);
	for (unsigned i = 0; i < 16; i++)
		b.b[i] = (uint8_t)machine_pattern(MACHINE_RAM + i, 1);
	expected = a;
	host_of(operation, a.b, b.b, expected.b);
	/* INSERTPS takes another lane from a register. */
	if (operation->map == 3 && operation->opcode == 0x21)
		expected.d[1] = b.d[0];
	cpu->fpu.ymm[0] = a;
	cpu->gpr[XE_RDI] = MACHINE_RAM;
	size = encode_legacy(operation, true, code);
	ck_assert_int_eq(machine_try(&machine, code, size), XE_OK);
	ck_assert_msg(!memcmp(&cpu->fpu.ymm[0], &expected, 32), "%s", operation->name);
	ck_assert_uint_gt(machine.accesses, 0);
	machine_close(&machine);
}
END_TEST

static void add_tests(TCase *tests)
{
	if (!__builtin_cpu_supports("sse4.1")) {
		printf("SKIP: as_the_host_does: the host has no SSE4.1\n");
		return;
	}
	tcase_add_loop_test(tests, as_the_host_does, 0, COUNT);
	tcase_add_loop_test(tests, from_a_device, 0, COUNT);
}

#else

static void add_tests(TCase *tests)
{
	(void)tests;
	printf("SKIP: as_the_host_does: the host is no x86\n");
}

#endif

int main(void)
{
	Suite *suite = suite_create("assist-lanes");
	TCase *tests = tcase_create("lanes");

	add_tests(tests);
	suite_add_tcase(suite, tests);
	return suite_run(suite);
}
