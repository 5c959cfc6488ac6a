/* SPDX-License-Identifier: MIT */
/*
 * KVM, through libhy.  Cases run until a HLT: the code page and the handlers of
 * exceptions are full of them, so that what is compared is the state after
 * delivery, with the frames on the stack.
 *
 * What the kernel can't emulate the kvm backend gives to the same executor, which
 * proves nothing; a processor's own KVM executes nearly everything itself.
 */
#include <stdio.h>
#include <stdlib.h>

#include <Zydis/Zydis.h>
#include <hy/hy.h>
#include <hy/x86.h>

#include "differential.h"

#define MILLISECOND 1000000u

static struct hy_host *host;
static struct hy_vm *vm;
static struct hy_vcpu *vcpu;
static uint8_t *memory;
static bool is_paravirtual;
static unsigned image_mode = DF_MODES;

/* --- Registers ------------------------------------------------------------------------- */

#define GENERAL 18
#define SEGMENTS 10
#define CONTROL 6
#define MSRS 9
#define COUNT (GENERAL + SEGMENTS + CONTROL + MSRS)

static const uint32_t msrs[MSRS] = { HY_X86_MSR_SYSENTER_CS, HY_X86_MSR_SYSENTER_ESP, HY_X86_MSR_SYSENTER_EIP,
	                             HY_X86_MSR_STAR, HY_X86_MSR_LSTAR, 0xc0000083, 0xc0000084, 0xc0000102,
	                             HY_X86_MSR_PAT };

static void fill_ids(hy_reg ids[COUNT])
{
	static const hy_reg control[CONTROL] = { HY_X86_CR0, HY_X86_CR2, HY_X86_CR3, HY_X86_CR4, HY_X86_CR8, HY_X86_EFER };
	unsigned n = 0;

	for (unsigned i = 0; i < 16; i++)
		ids[n++] = HY_X86_GENERAL(i);
	ids[n++] = HY_X86_RIP;
	ids[n++] = HY_X86_RFLAGS;
	for (unsigned i = 0; i < XE_SEGMENTS; i++)
		ids[n++] = HY_X86_SEGMENT(i);
	ids[n++] = HY_X86_GDTR;
	ids[n++] = HY_X86_IDTR;
	for (unsigned i = 0; i < CONTROL; i++)
		ids[n++] = control[i];
	for (unsigned i = 0; i < MSRS; i++)
		ids[n++] = HY_X86_MSR(msrs[i]);
}

/* The places of these registers in a struct xe_cpu, in the order of the ids; segments apart. */
static void gather(struct xe_cpu *cpu, uint64_t *place[COUNT])
{
	uint64_t *control[CONTROL] = { &cpu->cr0, &cpu->cr2, &cpu->cr3, &cpu->cr4, &cpu->cr8, &cpu->efer };
	uint64_t *msr[MSRS] = { &cpu->msr.sysenter_cs, &cpu->msr.sysenter_esp, &cpu->msr.sysenter_eip, &cpu->msr.star,
		                &cpu->msr.lstar, &cpu->msr.cstar, &cpu->msr.fmask, &cpu->msr.kernel_gs_base,
		                &cpu->msr.pat };

	memset(place, 0, COUNT * sizeof(*place));
	for (unsigned i = 0; i < 16; i++)
		place[i] = &cpu->gpr[i];
	place[16] = &cpu->rip;
	place[17] = &cpu->rflags;
	for (unsigned i = 0; i < CONTROL; i++)
		place[GENERAL + SEGMENTS + i] = control[i];
	for (unsigned i = 0; i < MSRS; i++)
		place[GENERAL + SEGMENTS + CONTROL + i] = msr[i];
}

static struct hy_segment *segment(struct xe_cpu *cpu, unsigned i)
{
	if (i < XE_SEGMENTS)
		return &cpu->seg[i];
	return i == XE_SEGMENTS ? &cpu->gdtr : &cpu->idtr;
}

static int write_registers(const struct xe_cpu *from)
{
	struct xe_cpu cpu = *from;
	uint64_t *place[COUNT];
	hy_reg ids[COUNT];
	union hy_value values[COUNT];

	memset(values, 0, sizeof(values));
	fill_ids(ids);
	gather(&cpu, place);
	for (unsigned i = 0; i < COUNT; i++)
		if (place[i])
			values[i].u64 = *place[i];
	for (unsigned i = 0; i < SEGMENTS; i++)
		values[GENERAL + i].segment = *segment(&cpu, i);
	return hy_vcpu_set_regs(vcpu, ids, values, COUNT);
}

static int read_registers(struct xe_cpu *cpu)
{
	uint64_t *place[COUNT];
	hy_reg ids[COUNT];
	union hy_value values[COUNT];
	int rc;

	fill_ids(ids);
	rc = hy_vcpu_get_regs(vcpu, ids, values, COUNT);
	if (rc)
		return rc;
	gather(cpu, place);
	for (unsigned i = 0; i < COUNT; i++)
		if (place[i])
			*place[i] = values[i].u64;
	for (unsigned i = 0; i < SEGMENTS; i++)
		*segment(cpu, i) = values[GENERAL + i].segment;
	return 0;
}

/* --- Cases ------------------------------------------------------------------------------- */

static void answer_io(const struct hy_exit *exit, struct df_result *result)
{
	for (uint32_t i = 0; i < exit->io.count; i++) {
		uint32_t value = exit->io.write ? (uint32_t)hy_exit_value(exit, i) :
		                                  df_port_value(exit->io.port, exit->io.size);

		df_note_io(result, exit->io.port, exit->io.size, exit->io.write, value);
		if (!exit->io.write)
			memcpy((uint8_t *)hy_vcpu_data(vcpu, NULL) + (size_t)i * exit->io.size, &value, exit->io.size);
	}
}

/* Until something else than IO. */
static void run_to_end(struct df_result *result)
{
	static char text[256];
	uint64_t deadline = hy_now() + 200 * MILLISECOND;
	const struct hy_exit *exit;

	result->outcome = DF_LOST;
	do {
		if (hy_vcpu_run_until(vcpu, deadline, &exit)) {
			result->text = hy_error()->text;
			return;
		}
		if (exit->kind == HY_EXIT_IO)
			answer_io(exit, result);
	} while (exit->kind == HY_EXIT_IO);
	if (exit->kind == HY_EXIT_HALT)
		result->outcome = DF_HALT;
	else if (exit->kind == HY_EXIT_MMIO)
		result->outcome = DF_OUTSIDE;
	else if (exit->kind == HY_EXIT_SHUTDOWN)
		result->outcome = DF_SHUTDOWN;
	snprintf(text, sizeof(text), "%s %s", hy_exit_name(exit->kind),
	         exit->kind == HY_EXIT_FAULT ? exit->fault.text : "");
	result->text = text;
}

static bool was_delivered(const struct df_case *c, const struct xe_cpu *after)
{
	uint64_t linear = after->rip + (df_modes[c->mode].kind == DF_REAL ? after->seg[XE_CS].base : 0);

	return linear >= DF_HANDLERS && linear < DF_HANDLERS + 0x200;
}

static void run_case(const struct df_case *c, struct df_result *result)
{
	memset(result, 0, sizeof(*result));
	if (image_mode != c->mode)
		memcpy(memory, df_image(c->mode), DF_MEMORY);
	image_mode = c->mode;
	df_prepare(c, memory);
	result->after = c->before;
	result->trusts_memory = true;
	result->outcome = DF_LOST;
	if (hy_vcpu_reset(vcpu) || write_registers(&c->before))
		result->text = hy_error()->text;
	else
		run_to_end(result);
	if (result->outcome == DF_HALT && read_registers(&result->after)) {
		result->outcome = DF_LOST;
		result->text = hy_error()->text;
	} else if (is_paravirtual && result->outcome == DF_HALT && was_delivered(c, &result->after)) {
		result->outcome = DF_LOST;
		result->text = "an exception, which a paravirtual KVM delivers in ways of its own";
	}
	/* What an access has left behind isn't for the next case. */
	if (result->outcome != DF_HALT)
		hy_vcpu_reset(vcpu);
	df_collect(c, memory, result);
	df_restore(c, memory);
}

static void kvm_run(const struct df_case *cases, struct df_result *results, size_t count)
{
	for (size_t i = 0; i < count; i++)
		run_case(&cases[i], &results[i]);
}

/* --- The VM -------------------------------------------------------------------------------- */

static bool map_memory(void)
{
	memory = aligned_alloc(XE_PAGE_SIZE, DF_MEMORY);
	if (!memory)
		return false;
	for (uint32_t page = 0; page < DF_MEMORY; page += XE_PAGE_SIZE)
		if (df_is_memory(page) && hy_vm_map_memory(vm, page, memory + page, XE_PAGE_SIZE, HY_PROT_RWX, 0))
			return false;
	return true;
}

static uint32_t features_of_host(void)
{
	struct hy_x86_cpuid table[256];
	size_t count = sizeof(table) / sizeof(*table);

	return hy_x86_host_cpuid(host, table, &count) ? 0 : xe_features(table, count);
}

/* One that keeps CR0.PG in long mode only is no processor's. */
static bool lacks_paging(void)
{
	struct xe_cpu cpu;

	df_setup(DF_MODE_32_3, &cpu);
	return write_registers(&cpu) != 0;
}

static const char *kvm_open(uint32_t *features, unsigned *xcr0)
{
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;

	options.backend = "kvm";
	if (hy_host_open(&options, &host) || hy_vm_create(host, NULL, &vm) || !map_memory() ||
	    hy_vcpu_create(vm, NULL, &vcpu))
		return hy_error()->text;
	is_paravirtual = lacks_paging();
	*features = features_of_host();
	*xcr0 = 1;
	return NULL;
}

static void kvm_close(void)
{
	hy_vcpu_destroy(vcpu);
	hy_vm_destroy(vm);
	hy_host_close(host);
	free(memory);
}

/*
 * System instructions, and what moves between segments; the rest has better judges.
 * Flags that are undefined would be pushed with the others.
 */
static bool kvm_can(const struct df_case *c)
{
	if (c->is_x87 || c->is_vector || df_undefined_flags(c) ||
	    (xe_table(c->mnemonic)->needs & ~c->before.features))
		return false;
	switch (c->mnemonic) {
	case ZYDIS_MNEMONIC_CPUID: case ZYDIS_MNEMONIC_RDTSC: case ZYDIS_MNEMONIC_RDTSCP: case ZYDIS_MNEMONIC_RDPMC:
	case ZYDIS_MNEMONIC_RDPID: case ZYDIS_MNEMONIC_RDRAND: case ZYDIS_MNEMONIC_RDSEED:
		return false;
	default:
		return true;
	}
}

const struct df_side df_kvm = {
	.name = "kvm",
	/* Paging outside of long mode a paravirtual KVM doesn't have. */
	.modes = 1u << DF_MODE_REAL | 1u << DF_MODE_16_0 | 1u << DF_MODE_32_0 | 1u << DF_MODE_COMPAT32_0 |
	         1u << DF_MODE_LONG_0,
	.delivers = true,
	.open = kvm_open,
	.can = kvm_can,
	.run = kvm_run,
	.close = kvm_close,
};
