/* SPDX-License-Identifier: MIT */
#include "hy-run.h"

#include <inttypes.h>
#include <stdio.h>

#include <hy/x86.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NAME_SIZE 16

static const hy_reg words[] = {
	HY_X86_RAX, HY_X86_RBX, HY_X86_RCX, HY_X86_RDX,    HY_X86_RSI, HY_X86_RDI, HY_X86_RBP, HY_X86_RSP,
	HY_X86_R8,  HY_X86_R9,  HY_X86_R10, HY_X86_R11,    HY_X86_R12, HY_X86_R13, HY_X86_R14, HY_X86_R15,
	HY_X86_RIP, HY_X86_RFLAGS, HY_X86_CR0, HY_X86_CR2, HY_X86_CR3, HY_X86_CR4, HY_X86_EFER,
};

static const hy_reg segments[] = {
	HY_X86_CS, HY_X86_DS, HY_X86_ES, HY_X86_SS, HY_X86_FS, HY_X86_GS, HY_X86_LDTR, HY_X86_TR,
};

static const hy_reg tables[] = { HY_X86_GDTR, HY_X86_IDTR };

static const char *name(hy_reg id, char text[NAME_SIZE])
{
	return hy_reg_name(id, text, NAME_SIZE) == 0 ? text : "?";
}

static void dump_words(const union hy_value *values)
{
	char text[NAME_SIZE];

	for (size_t i = 0; i < COUNT(words); i++)
		fprintf(stderr, "%6s %016" PRIx64 "%s", name(words[i], text), values[i].u64,
		        i % 4 == 3 || i + 1 == COUNT(words) ? "\n" : "  ");
}

static void dump_segments(const union hy_value *values)
{
	char text[NAME_SIZE];

	for (size_t i = 0; i < COUNT(segments); i++) {
		const struct hy_segment *segment = &values[i].segment;

		fprintf(stderr, "%6s %04x  base %016" PRIx64 "  limit %08" PRIx32 "  attributes %04x\n",
		        name(segments[i], text), segment->selector, segment->base, segment->limit,
		        segment->attributes);
	}
}

static void dump_tables(const union hy_value *values)
{
	char text[NAME_SIZE];

	for (size_t i = 0; i < COUNT(tables); i++)
		fprintf(stderr, "%6s       base %016" PRIx64 "  limit %08" PRIx32 "\n",
		        name(tables[i], text), values[i].segment.base, values[i].segment.limit);
}

static void dump(struct hy_vcpu *vcpu, const hy_reg *ids, size_t count,
                 void (*print)(const union hy_value *))
{
	union hy_value values[COUNT(words)];

	if (hy_vcpu_get_regs(vcpu, ids, values, count) == 0)
		print(values);
	else
		complain("registers: %s", hy_error()->text);
}

void dump_registers(struct hy_vcpu *vcpu)
{
	dump(vcpu, words, COUNT(words), dump_words);
	dump(vcpu, segments, COUNT(segments), dump_segments);
	dump(vcpu, tables, COUNT(tables), dump_tables);
}
