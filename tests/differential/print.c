/* SPDX-License-Identifier: MIT */
/* Cases and differences in words. */
#include <inttypes.h>
#include <stdio.h>

#include "encode.h"

static const char *const gpr_names[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	                                 "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
static const char *const segment_names[] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };
static const char *const outcome_names[] = { "done", "fault", "outside", "halt", "shutdown", "refused", "lost" };

static void print_code(const struct df_case *c)
{
	struct df_insn insn;
	ZydisFormatter formatter;
	char text[200] = "?";

	ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
	if (df_decode(df_modes[c->mode].size, c->code, c->length, &insn))
		ZydisFormatterFormatInstruction(&formatter, &insn.decoded, insn.operand,
		                                insn.decoded.operand_count_visible, text, sizeof(text), c->before.rip, NULL);
	printf("  %s:", df_modes[c->mode].name);
	for (unsigned i = 0; i < c->length; i++)
		printf(" %02x", c->code[i]);
	printf("  %s\n", text);
}

static void print_patches(const struct df_case *c)
{
	for (unsigned i = 0; i < c->patches; i++) {
		printf("  memory %05x:", (unsigned)c->patch[i].address);
		for (unsigned j = 0; j < c->patch[i].size; j++)
			printf(" %02x", c->patch[i].data[j]);
		putchar('\n');
	}
}

static void print_segments(const struct xe_cpu *cpu)
{
	for (unsigned i = 0; i < XE_SEGMENTS; i++)
		printf("  %-4s %04x base %" PRIx64 " limit %" PRIx32 " attributes %04x\n", segment_names[i],
		       (unsigned)cpu->seg[i].selector, cpu->seg[i].base, cpu->seg[i].limit,
		       (unsigned)cpu->seg[i].attributes);
}

void df_print_case(const struct df_case *c)
{
	const struct xe_cpu *cpu = &c->before;

	print_code(c);
	print_patches(c);
	for (unsigned i = 0; i < 16; i++)
		printf("  %-3s %016" PRIx64 "%s", gpr_names[i], cpu->gpr[i], i % 4 == 3 ? "\n" : "");
	printf("  rip %016" PRIx64 "  rflags %" PRIx64 "  cr0 %" PRIx64 " cr4 %" PRIx64 " efer %" PRIx64 "\n", cpu->rip,
	       cpu->rflags, cpu->cr0, cpu->cr4, cpu->efer);
	print_segments(cpu);
}

static void print_outcome(const char *who, const struct df_result *r)
{
	printf("  %-6s %s", who, outcome_names[r->outcome]);
	if (r->outcome == DF_FAULT)
		printf(" %u error %x (%s) cr2 %" PRIx64, (unsigned)r->vector, (unsigned)r->error,
		       r->has_error ? "has one" : "none", r->after.cr2);
	printf(" rip %" PRIx64 " rflags %" PRIx64 "%s%s\n", r->after.rip, r->after.rflags, r->text ? ": " : "",
	       r->text ? r->text : "");
}

static void print_value(const char *name, uint64_t before, uint64_t ours, uint64_t theirs)
{
	if (ours != theirs)
		printf("  %-8s before %016" PRIx64 " ours %016" PRIx64 " theirs %016" PRIx64 "\n", name, before, ours,
		       theirs);
}

static void print_registers(const struct xe_cpu *c, const struct xe_cpu *a, const struct xe_cpu *b)
{
	for (unsigned i = 0; i < 16; i++)
		print_value(gpr_names[i], c->gpr[i], a->gpr[i], b->gpr[i]);
	for (unsigned i = 0; i < XE_SEGMENTS; i++)
		if (memcmp(&a->seg[i], &b->seg[i], sizeof(a->seg[i])) != 0)
			printf("  %-4s ours %04x %" PRIx64 " %x %04x theirs %04x %" PRIx64 " %x %04x\n", segment_names[i],
			       a->seg[i].selector, a->seg[i].base, (unsigned)a->seg[i].limit, a->seg[i].attributes,
			       b->seg[i].selector, b->seg[i].base, (unsigned)b->seg[i].limit, b->seg[i].attributes);
	print_value("cr0", c->cr0, a->cr0, b->cr0);
	print_value("cr2", c->cr2, a->cr2, b->cr2);
	print_value("cr3", c->cr3, a->cr3, b->cr3);
	print_value("cr4", c->cr4, a->cr4, b->cr4);
	print_value("cr8", c->cr8, a->cr8, b->cr8);
	print_value("efer", c->efer, a->efer, b->efer);
	print_value("gdtr", c->gdtr.base, a->gdtr.base, b->gdtr.base);
	print_value("gdtr", c->gdtr.limit, a->gdtr.limit, b->gdtr.limit);
	print_value("idtr", c->idtr.base, a->idtr.base, b->idtr.base);
	print_value("idtr", c->idtr.limit, a->idtr.limit, b->idtr.limit);
}

static void print_msrs(const struct xe_msrs *c, const struct xe_msrs *a, const struct xe_msrs *b)
{
	print_value("syscs", c->sysenter_cs, a->sysenter_cs, b->sysenter_cs);
	print_value("sysesp", c->sysenter_esp, a->sysenter_esp, b->sysenter_esp);
	print_value("syseip", c->sysenter_eip, a->sysenter_eip, b->sysenter_eip);
	print_value("star", c->star, a->star, b->star);
	print_value("lstar", c->lstar, a->lstar, b->lstar);
	print_value("cstar", c->cstar, a->cstar, b->cstar);
	print_value("fmask", c->fmask, a->fmask, b->fmask);
	print_value("kgsbase", c->kernel_gs_base, a->kernel_gs_base, b->kernel_gs_base);
	print_value("pat", c->pat, a->pat, b->pat);
}

static void print_fpu(const struct xe_fpu *c, const struct xe_fpu *a, const struct xe_fpu *b)
{
	char name[8];

	for (unsigned i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "y%u.%u", i / 4, i % 4);
		print_value(name, c->ymm[i / 4].q[i % 4], a->ymm[i / 4].q[i % 4], b->ymm[i / 4].q[i % 4]);
	}
	for (unsigned i = 0; i < 16; i++) {
		uint64_t x = 0, y = 0, z = 0;

		memcpy(&x, c->st[i / 2] + i % 2 * 8, i % 2 ? 2 : 8);
		memcpy(&y, a->st[i / 2] + i % 2 * 8, i % 2 ? 2 : 8);
		memcpy(&z, b->st[i / 2] + i % 2 * 8, i % 2 ? 2 : 8);
		snprintf(name, sizeof(name), "st%u.%u", i / 2, i % 2);
		print_value(name, x, y, z);
	}
	print_value("fcw", c->fcw, a->fcw, b->fcw);
	print_value("fsw", c->fsw, a->fsw, b->fsw);
	print_value("ftw", c->ftw, a->ftw, b->ftw);
	print_value("mxcsr", c->mxcsr, a->mxcsr, b->mxcsr);
}

/* The words that the other side doesn't have so. */
static void print_memory(const char *who, const struct df_result *r, const struct df_result *other)
{
	unsigned printed = 0;

	for (unsigned i = 0; i < r->changes && i < DF_CHANGES && printed < 12; i++) {
		unsigned j = 0;

		while (j < other->changes && j < DF_CHANGES &&
		       memcmp(&r->change[i], &other->change[j], sizeof(r->change[i])) != 0)
			j++;
		if (j < other->changes && j < DF_CHANGES)
			continue;
		printf("  %-6s [%05x] %016" PRIx64 "\n", who, (unsigned)r->change[i].address, r->change[i].value);
		printed++;
	}
}

static void print_io(const char *who, const struct df_result *r)
{
	for (unsigned i = 0; i < r->ios && i < DF_IOS; i++)
		printf("  %-6s %s port %x size %u value %x\n", who, r->io[i].write ? "out" : "in", r->io[i].port,
		       r->io[i].size, (unsigned)r->io[i].value);
}

void df_print_results(const struct df_case *c, unsigned diff, const struct df_result *ours,
                      const struct df_result *theirs)
{
	print_outcome("ours", ours);
	print_outcome("theirs", theirs);
	printf("  differs:%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s\n", diff & DF_DIFF_OUTCOME ? " outcome" : "",
	       diff & DF_DIFF_VECTOR ? " vector" : "", diff & DF_DIFF_ERROR ? " error" : "",
	       diff & DF_DIFF_CR2 ? " cr2" : "", diff & DF_DIFF_GPR ? " registers" : "", diff & DF_DIFF_RIP ? " rip" : "",
	       diff & DF_DIFF_FLAGS ? " flags" : "", diff & DF_DIFF_SEGMENT ? " segments" : "",
	       diff & DF_DIFF_SYSTEM ? " system" : "", diff & DF_DIFF_VECTORS ? " vectors" : "",
	       diff & DF_DIFF_FPU ? " x87" : "", diff & DF_DIFF_MXCSR ? " mxcsr" : "",
	       diff & DF_DIFF_MEMORY ? " memory" : "", diff & DF_DIFF_IO ? " io" : "", diff & DF_DIFF_MSR ? " msr" : "");
	print_registers(&c->before, &ours->after, &theirs->after);
	print_msrs(&c->before.msr, &ours->after.msr, &theirs->after.msr);
	print_fpu(&c->before.fpu, &ours->after.fpu, &theirs->after.fpu);
	if (diff & DF_DIFF_MEMORY) {
		print_memory("ours", ours, theirs);
		print_memory("theirs", theirs, ours);
	}
	print_io("ours", ours);
	print_io("theirs", theirs);
}
