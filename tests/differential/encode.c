/* SPDX-License-Identifier: MIT */
/*
 * Encodings, found by asking the decoder: each opcode of each map, with each
 * mandatory prefix, each reg field and both kinds of ModRM is decoded once; what
 * comes out as a mnemonic that the executor has becomes a form of it.  A random
 * encoding is a random form with the rest of its bits random.
 */
#include <stdlib.h>

#include "encode.h"

struct form {
	uint16_t mnemonic;
	uint8_t map; /* 0: one byte, 1: 0F, 2: 0F38, 3: 0F3A */
	uint8_t opcode;
	uint8_t prefix; /* 0, 66, F3, F2, 67 */
	uint8_t modrm;
	bool has_modrm, memory, vex, wide, l256;
};

/* Sorted by mnemonic, with the place of each mnemonic's first: for 64-bit code and for other code. */
struct forms {
	struct form *form;
	size_t count, room;
	unsigned first[ZYDIS_MNEMONIC_MAX_VALUE + 2];
	uint16_t mnemonic[ZYDIS_MNEMONIC_MAX_VALUE + 1];
	size_t mnemonics;
};

static struct forms forms[2];
static ZydisDecoder decoders[9];

static const uint8_t prefixes[] = { 0, 0x66, 0xf3, 0xf2, 0x67 };

#define PREFIXES (sizeof(prefixes) / sizeof(*prefixes))

bool df_decode(unsigned size, const uint8_t *bytes, size_t length, struct df_insn *insn)
{
	return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoders[size], bytes, length, &insn->decoded, insn->operand));
}

static size_t form_bytes(const struct form *form, unsigned vvvv, uint8_t *bytes)
{
	size_t n = 0;

	if (form->vex) {
		unsigned pp = form->prefix == 0x66 ? 1 : form->prefix == 0xf3 ? 2 : form->prefix == 0xf2 ? 3 : 0;

		bytes[n++] = 0xc4;
		bytes[n++] = 0xe0 | form->map;
		bytes[n++] = (uint8_t)(form->wide << 7 | (~vvvv & 15) << 3 | form->l256 << 2 | pp);
	} else {
		if (form->prefix)
			bytes[n++] = form->prefix;
		if (form->wide)
			bytes[n++] = 0x48;
		if (form->map)
			bytes[n++] = 0x0f;
		if (form->map >= 2)
			bytes[n++] = form->map == 2 ? 0x38 : 0x3a;
	}
	bytes[n++] = form->opcode;
	if (form->has_modrm)
		bytes[n++] = form->modrm;
	return n;
}

static void add(struct forms *f, const struct form *form)
{
	if (f->count == f->room) {
		f->room = f->room ? 2 * f->room : 4096;
		f->form = realloc(f->form, f->room * sizeof(*f->form));
		if (!f->form)
			abort();
	}
	f->form[f->count++] = *form;
}

/* Tries one encoding: whether ModRM is part of it. */
static bool try_form(bool is_64, struct form *form)
{
	uint8_t bytes[ZYDIS_MAX_INSTRUCTION_LENGTH] = { 0 };
	struct df_insn insn;

	form->has_modrm = true;
	form_bytes(form, 0, bytes);
	if (!df_decode(is_64 ? 8 : 4, bytes, sizeof(bytes), &insn)) {
		form_bytes(form, 15, bytes); /* instructions whose VEX.vvvv is a mask of something */
		if (!form->vex || !df_decode(is_64 ? 8 : 4, bytes, sizeof(bytes), &insn))
			return true;
	}
	form->has_modrm = (insn.decoded.attributes & ZYDIS_ATTRIB_HAS_MODRM) != 0;
	form->mnemonic = (uint16_t)insn.decoded.mnemonic;
	form->memory = form->modrm < 0xc0;
	if (xe_table(form->mnemonic)->handler && insn.decoded.opcode == form->opcode)
		add(&forms[is_64], form);
	return form->has_modrm;
}

static void try_modrm(bool is_64, struct form form)
{
	for (unsigned reg = 0; reg < 8; reg++) {
		form.modrm = (uint8_t)(reg << 3);
		if (!try_form(is_64, &form))
			return;
		for (unsigned rm = 0; rm < 8; rm++) {
			form.modrm = (uint8_t)(0xc0 | reg << 3 | rm);
			try_form(is_64, &form);
		}
	}
}

static bool is_prefix(unsigned opcode, bool is_64)
{
	return opcode == 0x66 || opcode == 0x67 || opcode == 0xf0 || opcode == 0xf2 || opcode == 0xf3 ||
	       (opcode & 0xe7) == 0x26 || opcode == 0x64 || opcode == 0x65 || opcode == 0x0f ||
	       (is_64 && (opcode & 0xf0) == 0x40) || opcode == 0xc4 || opcode == 0xc5 || opcode == 0x62 ||
	       opcode == 0x8f;
}

static void try_opcodes(bool is_64, unsigned map, bool vex)
{
	for (unsigned i = 0; i < PREFIXES * 256; i++) {
		struct form form = { .map = (uint8_t)map, .opcode = (uint8_t)(i / PREFIXES), .prefix = prefixes[i % PREFIXES] };

		/* C4, C5, 62 and 8F are instructions too, but only outside of 64-bit code or with some ModRM. */
		if (!map && is_prefix(form.opcode, is_64) && form.opcode != 0x8f &&
		    (is_64 || (form.opcode != 0xc4 && form.opcode != 0xc5 && form.opcode != 0x62)))
			continue;
		if (form.prefix == 0x67 && (vex || map))
			continue;
		form.vex = vex;
		for (unsigned bits = 0; bits < (vex ? 4u : is_64 ? 2u : 1u); bits++) {
			form.wide = bits & 1;
			form.l256 = bits >> 1;
			try_modrm(is_64, form);
		}
	}
}

static int by_mnemonic(const void *a, const void *b)
{
	const struct form *x = a, *y = b;

	return (int)x->mnemonic - (int)y->mnemonic;
}

static void sort(struct forms *f)
{
	size_t at = 0;

	qsort(f->form, f->count, sizeof(*f->form), by_mnemonic);
	for (unsigned mnemonic = 0; mnemonic <= ZYDIS_MNEMONIC_MAX_VALUE; mnemonic++) {
		f->first[mnemonic] = (unsigned)at;
		while (at < f->count && f->form[at].mnemonic == mnemonic)
			at++;
		if (at > f->first[mnemonic])
			f->mnemonic[f->mnemonics++] = (uint16_t)mnemonic;
	}
	f->first[ZYDIS_MNEMONIC_MAX_VALUE + 1] = (unsigned)at;
}

void df_encode_open(void)
{
	ZydisDecoderInit(&decoders[2], ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
	ZydisDecoderInit(&decoders[4], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
	ZydisDecoderInit(&decoders[8], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (unsigned is_64 = 0; is_64 < 2; is_64++) {
		for (unsigned map = 0; map < 4; map++)
			try_opcodes(is_64, map, false);
		for (unsigned map = 1; map < 4; map++)
			try_opcodes(is_64, map, true);
		sort(&forms[is_64]);
	}
}

size_t df_mnemonics(bool is_64, const uint16_t **list)
{
	*list = forms[is_64].mnemonic;
	return forms[is_64].mnemonics;
}

/* --- Random encodings ---------------------------------------------------------------------- */

static bool is_string(unsigned mnemonic)
{
	switch (mnemonic) {
	case ZYDIS_MNEMONIC_MOVSB: case ZYDIS_MNEMONIC_MOVSW: case ZYDIS_MNEMONIC_MOVSD: case ZYDIS_MNEMONIC_MOVSQ:
	case ZYDIS_MNEMONIC_STOSB: case ZYDIS_MNEMONIC_STOSW: case ZYDIS_MNEMONIC_STOSD: case ZYDIS_MNEMONIC_STOSQ:
	case ZYDIS_MNEMONIC_LODSB: case ZYDIS_MNEMONIC_LODSW: case ZYDIS_MNEMONIC_LODSD: case ZYDIS_MNEMONIC_LODSQ:
	case ZYDIS_MNEMONIC_CMPSB: case ZYDIS_MNEMONIC_CMPSW: case ZYDIS_MNEMONIC_CMPSD: case ZYDIS_MNEMONIC_CMPSQ:
	case ZYDIS_MNEMONIC_SCASB: case ZYDIS_MNEMONIC_SCASW: case ZYDIS_MNEMONIC_SCASD: case ZYDIS_MNEMONIC_SCASQ:
	case ZYDIS_MNEMONIC_INSB: case ZYDIS_MNEMONIC_INSW: case ZYDIS_MNEMONIC_INSD:
	case ZYDIS_MNEMONIC_OUTSB: case ZYDIS_MNEMONIC_OUTSW: case ZYDIS_MNEMONIC_OUTSD:
		return true;
	default:
		return false;
	}
}

static size_t random_prefixes(struct df_random *r, const struct form *form, uint8_t *bytes)
{
	static const uint8_t segments[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };
	size_t n = 0;

	if (df_chance(r, 12))
		bytes[n++] = segments[df_below(r, 6)];
	if (!form->prefix && !form->vex && df_chance(r, 15))
		bytes[n++] = 0x66;
	if (df_chance(r, 10))
		bytes[n++] = 0x67;
	if (!form->vex && df_chance(r, form->memory && !form->map ? 8 : 3))
		bytes[n++] = 0xf0;
	if (!form->prefix && !form->vex && df_chance(r, is_string(form->mnemonic) ? 60 : 2))
		bytes[n++] = df_chance(r, 50) ? 0xf3 : 0xf2;
	return n;
}

static unsigned random_modrm(struct df_random *r, const struct form *form)
{
	if (!form->memory)
		return form->modrm;
	return (form->modrm & 0x38) | df_below(r, 3) << 6 | df_below(r, 8);
}

/* Displacements and immediates: the rest of the bytes. */
static void random_rest(struct df_random *r, uint8_t *bytes, size_t n)
{
	uint64_t fill = df_next(r);

	if (df_chance(r, 30))
		fill &= UINT64_C(0x000000ff000000ff);
	else if (df_chance(r, 20))
		fill |= UINT64_C(0xffffff80ffffff80);
	while (n < ZYDIS_MAX_INSTRUCTION_LENGTH) {
		bytes[n++] = (uint8_t)fill;
		fill = fill >> 8 | fill << 56;
	}
}

static size_t random_vex(struct df_random *r, const struct form *form, bool is_64, uint8_t *bytes)
{
	unsigned vvvv = df_chance(r, 60) ? df_below(r, is_64 ? 16 : 8) : 0;
	size_t n = form_bytes(form, vvvv, bytes);

	if (is_64)
		bytes[1] = (uint8_t)(form->map | df_below(r, 8) << 5);
	if (form->has_modrm)
		bytes[n - 1] = (uint8_t)random_modrm(r, form);
	if (form->map == 1 && (bytes[1] & 0x60) == 0x60 && !form->wide && df_chance(r, 60)) {
		bytes[0] = 0xc5;
		bytes[1] = (uint8_t)((bytes[1] & 0x80) | (bytes[2] & 0x7f));
		memmove(bytes + 2, bytes + 3, n - 3);
		n--;
	}
	return n;
}

static size_t random_legacy(struct df_random *r, const struct form *form, bool is_64, uint8_t *bytes)
{
	size_t n = 0;

	if (form->prefix)
		bytes[n++] = form->prefix;
	if (form->wide || (is_64 && df_chance(r, 60)))
		bytes[n++] = (uint8_t)(0x40 | form->wide << 3 | df_below(r, 16));
	if (form->map)
		bytes[n++] = 0x0f;
	if (form->map >= 2)
		bytes[n++] = form->map == 2 ? 0x38 : 0x3a;
	bytes[n++] = form->opcode;
	if (form->has_modrm)
		bytes[n++] = (uint8_t)random_modrm(r, form);
	return n;
}

static const struct form *random_form(struct df_random *r, unsigned mnemonic, bool is_64)
{
	const struct forms *f = &forms[is_64];
	unsigned first = f->first[mnemonic], count = f->first[mnemonic + 1] - first;
	bool memory = df_chance(r, 55);
	const struct form *form = NULL;

	if (!count)
		return NULL;
	/* Registers have eight times as many forms as memory. */
	for (unsigned i = 0; i < 12; i++) {
		form = &f->form[first + df_below(r, count)];
		if (form->memory == memory)
			break;
	}
	return form;
}

bool df_encode(struct df_random *r, unsigned mnemonic, unsigned size, struct df_insn *insn)
{
	for (unsigned attempt = 0; attempt < 20; attempt++) {
		const struct form *form = random_form(r, mnemonic, size == 8);
		size_t n;

		if (!form)
			return false;
		n = random_prefixes(r, form, insn->bytes);
		if (form->vex)
			n += random_vex(r, form, size == 8, insn->bytes + n);
		else
			n += random_legacy(r, form, size == 8, insn->bytes + n);
		random_rest(r, insn->bytes, n);
		if (df_decode(size, insn->bytes, sizeof(insn->bytes), insn) && insn->decoded.mnemonic == mnemonic)
			return true;
	}
	return false;
}

bool df_encode_any(struct df_random *r, unsigned size, struct df_insn *insn)
{
	for (unsigned attempt = 0; attempt < 50; attempt++) {
		random_rest(r, insn->bytes, 0);
		memcpy(insn->bytes, &(uint64_t){ df_next(r) }, 8);
		if (df_chance(r, 30))
			insn->bytes[0] = 0x0f;
		if (df_decode(size, insn->bytes, sizeof(insn->bytes), insn) &&
		    xe_table(insn->decoded.mnemonic)->handler)
			return true;
	}
	return false;
}
