/* SPDX-License-Identifier: MIT */
/* x86-64 in the core: register ids, options, and the state after reset. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hy/x86.h>

#include "internal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- Register ids ---------------------------------------------------------------------- */

static const char *const general_names[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	                                     "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15" };
static const char *const ip_names[] = { "rip" };
static const char *const flags_names[] = { "rflags" };
static const char *const segment_names[] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };
static const char *const table_names[] = { "gdtr", "idtr" };
static const char *const debug_names[] = { "dr0", "dr1", "dr2", "dr3", NULL, NULL, "dr6", "dr7" };
static const char *const control_names[] = { "cr0", NULL, "cr2", "cr3", "cr4", NULL, NULL, NULL, "cr8" };

/* By class: the bytes of a register, and the names by index. */
static const struct {
	uint32_t size;
	const char *const *name;
	size_t count;
} classes[] = {
	[HY_X86_CLASS_GENERAL] = { 8, general_names, COUNT(general_names) },
	[HY_X86_CLASS_IP] = { 8, ip_names, COUNT(ip_names) },
	[HY_X86_CLASS_FLAGS] = { 8, flags_names, COUNT(flags_names) },
	[HY_X86_CLASS_SEGMENT] = { 16, segment_names, COUNT(segment_names) },
	[HY_X86_CLASS_TABLE] = { 16, table_names, COUNT(table_names) },
	[HY_X86_CLASS_CONTROL] = { 8, control_names, COUNT(control_names) },
	[HY_X86_CLASS_DEBUG] = { 8, debug_names, COUNT(debug_names) },
};

/* The name of a register other than an MSR, or NULL where there is none. */
static const char *fixed_name(hy_reg id)
{
	uint32_t cls = HY_REG_CLASS(id);
	uint32_t index = HY_REG_INDEX(id);

	if (id == HY_X86_XCR0)
		return "xcr0";
	if (id == HY_X86_EFER)
		return "efer";
	if (cls >= COUNT(classes) || index >= classes[cls].count)
		return NULL;
	/* Whole ids are compared: no other bit may be set. */
	return id == HY_X86_REG(classes[cls].size, cls, index) ? classes[cls].name[index] : NULL;
}

static bool is_msr(hy_reg id)
{
	return id == HY_X86_MSR(HY_REG_INDEX(id));
}

static bool reg_valid(hy_reg id)
{
	return is_msr(id) || fixed_name(id) != NULL;
}

static void reg_name(hy_reg id, char *text, size_t size)
{
	if (is_msr(id))
		snprintf(text, size, "msr %#x", HY_REG_INDEX(id));
	else
		snprintf(text, size, "%s", fixed_name(id));
}

/* --- CPUID and MSR options -------------------------------------------------------------- */

#define MAX_CPUID_LINES 1024
#define MAX_MSR_RANGES 1024

/* As x86_cpuid of the backend, which must keep to the room that it has. */
static int ask_cpuid(struct hy_host *host, struct hy_x86_cpuid *table, size_t *count)
{
	size_t room = *count;
	int status = host->ops->x86_cpuid(&host->be, table, count);

	if (*count > MAX_CPUID_LINES || (status == 0 && *count > room)) {
		status = hy__fail(HY_E_ABI, "report it to the backend's author",
		                  "backend %s says that its CPUID table has %zu lines", host->ops->name, *count);
		*count = 0;
		return status;
	}
	return status == 0 ? 0 : hy__backend_failed(host->ops, status);
}

int hy_x86_host_cpuid(struct hy_host *host, struct hy_x86_cpuid *table, size_t *count)
{
	int status;

	if (!host || !count || (!table && *count > 0))
		return hy__fail(HY_E_INVALID, NULL, "hy_x86_host_cpuid: an argument is NULL");
	status = hy__check_fork(host->generation);
	if (status != 0)
		return status;
	return ask_cpuid(host, table, count);
}

/* The host's whole table, allocated; the default of a VM. */
static int host_table(struct hy_host *host, struct hy_x86_cpuid **out, size_t *count)
{
	struct hy_x86_cpuid *table;
	int status;

	*count = 0;
	status = ask_cpuid(host, NULL, count);
	if (status != 0 && status != HY_E_LIMIT)
		return status;
	table = calloc(*count ? *count : 1, sizeof(*table));
	if (!table)
		return hy__fail_nomem("CPUID table");
	status = ask_cpuid(host, table, count);
	if (status != 0) {
		free(table);
		return status;
	}
	*out = table;
	return 0;
}

static void *copy_table(const void *table, size_t count, size_t each)
{
	void *copy = calloc(count, each);

	if (copy)
		memcpy(copy, table, count * each);
	return copy;
}

static int check_msr_exits(struct hy_host *host, const struct hy_vm_options *options)
{
	struct hy_cap cap;
	int status;

	if (options->x86_msr_exit_count == 0)
		return 0;
	if (!options->x86_msr_exits || options->x86_msr_exit_count > MAX_MSR_RANGES)
		return hy__fail(HY_E_INVALID, NULL, "hy_vm_options.x86_msr_exits is NULL, or has more than %d ranges",
		                MAX_MSR_RANGES);
	for (size_t i = 0; i < options->x86_msr_exit_count; i++) {
		const struct hy_x86_msr_range *range = &options->x86_msr_exits[i];

		if (range->count == 0 || range->count - 1 > UINT32_MAX - range->first || !(range->read || range->write))
			return hy__fail(HY_E_INVALID, NULL, "hy_vm_options.x86_msr_exits: range %zu is empty or wraps round",
			                i);
	}
	status = hy_host_cap(host, HY_CAP_MSR_EXIT, &cap);
	if (status == 0 && cap.how == HY_CAP_ABSENT)
		status = hy__fail(HY_E_UNSUPPORTED, NULL, "backend %s has no MSR exits (hy_vm_options.x86_msr_exits): %s",
		                  host->ops->name, cap.reason ? cap.reason : "it gives no reason");
	return status;
}

/* A table of the program's: copied, where the host takes one. */
static int own_table(struct hy_host *host, struct hy_vm_options *options)
{
	struct hy_cap cap;
	int status = hy_host_cap(host, HY_CAP_CPUID, &cap);

	if (status != 0)
		return status;
	if (cap.how == HY_CAP_ABSENT)
		return hy__fail(HY_E_UNSUPPORTED, NULL, "backend %s takes no CPUID table (hy_vm_options.x86_cpuid): %s",
		                host->ops->name, cap.reason ? cap.reason : "it gives no reason");
	if (options->x86_cpuid_count == 0 || options->x86_cpuid_count > MAX_CPUID_LINES)
		return hy__fail(HY_E_INVALID, NULL, "hy_vm_options.x86_cpuid_count is %zu: 1 to %d lines are allowed",
		                options->x86_cpuid_count, MAX_CPUID_LINES);
	options->x86_cpuid = copy_table(options->x86_cpuid, options->x86_cpuid_count, sizeof(*options->x86_cpuid));
	return options->x86_cpuid ? 0 : hy__fail_nomem("CPUID table");
}

static int default_table(struct hy_host *host, struct hy_vm_options *options)
{
	struct hy_x86_cpuid *table = NULL;
	struct hy_cap cap;
	int status;

	if (options->x86_cpuid_count != 0)
		return hy__fail(HY_E_INVALID, NULL, "hy_vm_options.x86_cpuid is NULL, but its count isn't 0");
	status = hy_host_cap(host, HY_CAP_CPUID, &cap);
	if (status != 0 || cap.how == HY_CAP_ABSENT)
		return status;
	status = host_table(host, &table, &options->x86_cpuid_count);
	if (status == 0)
		options->x86_cpuid = table;
	return status;
}

static int complete_options(struct hy_host *host, struct hy_vm_options *options)
{
	void *exits = NULL;
	int status = check_msr_exits(host, options);

	if (status != 0)
		return status;
	if (options->x86_msr_exit_count > 0) {
		exits = copy_table(options->x86_msr_exits, options->x86_msr_exit_count, sizeof(*options->x86_msr_exits));
		if (!exits)
			return hy__fail_nomem("MSR ranges");
	}
	status = options->x86_cpuid ? own_table(host, options) : default_table(host, options);
	if (status != 0) {
		free(exits);
		return status;
	}
	options->x86_msr_exits = exits;
	return 0;
}

static void free_options(struct hy_vm_options *options)
{
	free((void *)(uintptr_t)options->x86_cpuid);
	free((void *)(uintptr_t)options->x86_msr_exits);
}

/* --- XSAVE ----------------------------------------------------------------------------------- */

static int check_complete(const struct hy_vcpu *vcpu)
{
	if (!(vcpu->exit.flags & HY_EXIT_PENDING))
		return 0;
	return hy__fail(HY_E_PENDING, "call hy_vcpu_complete first",
	                "the XSAVE state of vCPU %u can't be reached while an access is unfinished", vcpu->be.id);
}

struct xsave {
	void *image; /* to be read */
	const void *setting; /* or written */
	size_t *size;
};

static int xsave_job(struct hy_vcpu *vcpu, void *arg)
{
	const struct xsave *xsave = arg;
	size_t room = *xsave->size;
	int status;

	if (xsave->setting)
		status = vcpu->ops->x86_set_xsave(&vcpu->be, xsave->setting, *xsave->size);
	else
		status = vcpu->ops->x86_get_xsave(&vcpu->be, xsave->image, xsave->size);
	if (status == 0 && *xsave->size > room)
		return hy__fail(HY_E_ABI, "report it to the backend's author", "backend %s put %zu bytes of XSAVE image in %zu",
		                vcpu->ops->name, *xsave->size, room);
	return status == 0 ? 0 : hy__backend_failed(vcpu->ops, status);
}

static int do_xsave(struct hy_vcpu *vcpu, struct xsave *xsave)
{
	int status = hy__vcpu_enter(vcpu);

	if (status != 0)
		return status;
	status = check_complete(vcpu);
	if (status == 0)
		status = hy__vcpu_do(vcpu, xsave_job, xsave);
	hy__vcpu_leave(vcpu);
	return status;
}

int hy_x86_get_xsave(struct hy_vcpu *vcpu, void *image, size_t *size)
{
	struct xsave xsave = { .image = image, .size = size };

	if (!size || (!image && *size > 0))
		return hy__fail(HY_E_INVALID, NULL, "hy_x86_get_xsave: an argument is NULL");
	return do_xsave(vcpu, &xsave);
}

int hy_x86_set_xsave(struct hy_vcpu *vcpu, const void *image, size_t size)
{
	struct xsave xsave = { .setting = image, .size = &size };

	if (!image)
		return hy__fail(HY_E_INVALID, NULL, "hy_x86_set_xsave: image is NULL");
	return do_xsave(vcpu, &xsave);
}

/* --- Reset --------------------------------------------------------------------------------------- */

/*
 * SDM vol. 3, table 10-1 ("after power-up, reset"), but for CS, whose type is
 * that of code: what processors hold there, and what hosts insist on.
 */
#define VALUE(id, number) { id, { .u128 = { number, 0 } } }
#define SEGMENT(id, b, l, s, a) { id, { .segment = { .base = (b), .limit = (l), .selector = (s), .attributes = (a) } } }
#define DATA16 HY_X86_ATTR_DATA16
#define LDT16 (HY_X86_SEG_P | HY_X86_TYPE_LDT)
#define TSS16 (HY_X86_SEG_P | HY_X86_TYPE_TSS_BUSY)

struct setting {
	hy_reg id;
	union hy_value value;
};

static const struct setting reset_state[] = {
	VALUE(HY_X86_CR0, HY_X86_CR0_CD | HY_X86_CR0_NW | HY_X86_CR0_ET),
	VALUE(HY_X86_CR2, 0),
	VALUE(HY_X86_CR3, 0),
	VALUE(HY_X86_CR4, 0),
	VALUE(HY_X86_CR8, 0),
	VALUE(HY_X86_EFER, 0),
	SEGMENT(HY_X86_CS, 0xffff0000, 0xffff, 0xf000, HY_X86_ATTR_CODE16),
	SEGMENT(HY_X86_SS, 0, 0xffff, 0, DATA16),
	SEGMENT(HY_X86_DS, 0, 0xffff, 0, DATA16),
	SEGMENT(HY_X86_ES, 0, 0xffff, 0, DATA16),
	SEGMENT(HY_X86_FS, 0, 0xffff, 0, DATA16),
	SEGMENT(HY_X86_GS, 0, 0xffff, 0, DATA16),
	SEGMENT(HY_X86_LDTR, 0, 0xffff, 0, LDT16),
	SEGMENT(HY_X86_TR, 0, 0xffff, 0, TSS16),
	SEGMENT(HY_X86_GDTR, 0, 0xffff, 0, 0),
	SEGMENT(HY_X86_IDTR, 0, 0xffff, 0, 0),
	VALUE(HY_X86_RAX, 0),
	VALUE(HY_X86_RBX, 0),
	VALUE(HY_X86_RCX, 0),
	VALUE(HY_X86_RDX, 0), /* the processor's signature, see reset() */
	VALUE(HY_X86_RSI, 0),
	VALUE(HY_X86_RDI, 0),
	VALUE(HY_X86_RSP, 0),
	VALUE(HY_X86_RBP, 0),
	VALUE(HY_X86_R8, 0),
	VALUE(HY_X86_R9, 0),
	VALUE(HY_X86_R10, 0),
	VALUE(HY_X86_R11, 0),
	VALUE(HY_X86_R12, 0),
	VALUE(HY_X86_R13, 0),
	VALUE(HY_X86_R14, 0),
	VALUE(HY_X86_R15, 0),
	VALUE(HY_X86_RIP, 0xfff0),
	VALUE(HY_X86_RFLAGS, HY_X86_RFLAGS_ONE),
	VALUE(HY_X86_DR0, 0),
	VALUE(HY_X86_DR1, 0),
	VALUE(HY_X86_DR2, 0),
	VALUE(HY_X86_DR3, 0),
	VALUE(HY_X86_DR6, 0xffff0ff0),
	VALUE(HY_X86_DR7, 0x400),
	VALUE(HY_X86_XCR0, 1),
	VALUE(HY_X86_MSR(HY_X86_MSR_PAT), 0x0007040600070406),
	VALUE(HY_X86_MSR(HY_X86_MSR_SYSENTER_CS), 0),
	VALUE(HY_X86_MSR(HY_X86_MSR_SYSENTER_ESP), 0),
	VALUE(HY_X86_MSR(HY_X86_MSR_SYSENTER_EIP), 0),
	VALUE(HY_X86_MSR(HY_X86_MSR_STAR), 0),
	VALUE(HY_X86_MSR(HY_X86_MSR_LSTAR), 0),
	VALUE(HY_X86_MSR(HY_X86_MSR_CSTAR), 0),
	VALUE(HY_X86_MSR(HY_X86_MSR_FMASK), 0),
	VALUE(HY_X86_MSR(HY_X86_MSR_KERNEL_GS_BASE), 0),
	VALUE(HY_X86_MSR(HY_X86_MSR_TSC), 0),
};
#define RESET_COUNT COUNT(reset_state)

/* What the guest's CPUID says for a leaf. */
static const struct hy_x86_cpuid *find_leaf(const struct hy_vm_options *options, uint32_t leaf)
{
	for (size_t i = 0; i < options->x86_cpuid_count; i++) {
		if (options->x86_cpuid[i].leaf == leaf)
			return &options->x86_cpuid[i];
	}
	return NULL;
}

/* DX holds family, model and stepping after reset: SDM vol. 3, section 10.1.2. */
static uint64_t signature(const struct hy_vm_options *options)
{
	const struct hy_x86_cpuid *version = find_leaf(options, 1);

	return version ? version->eax : 0x600;
}

/* Registers of a processor that has no XSAVE (SDM vol. 1, section 13.3) can't be set. */
static bool settable(const struct hy_vcpu *vcpu, hy_reg id)
{
	const struct hy_x86_cpuid *features = find_leaf(&vcpu->vm->options, 1);

	return id != HY_X86_XCR0 || (features && features->ecx >> 26 & 1);
}

/* The time goes on while it is read back. */
static bool comparable(hy_reg id)
{
	return id != HY_X86_MSR(HY_X86_MSR_TSC);
}

static void log_difference(hy_reg id, const union hy_value *wanted, const union hy_value *got)
{
	char name[32];

	reg_name(id, name, sizeof(name));
	hy__log(HY__LOG_WARN, "after reset %s is %016" PRIx64 "%016" PRIx64 ", should be %016" PRIx64 "%016" PRIx64, name,
	        got->u128[1], got->u128[0], wanted->u128[1], wanted->u128[0]);
}

/* Reads a reset back, once per host: hosts have their own ideas of it. */
static int compare_reset(struct hy_vcpu *vcpu, const hy_reg *ids, const union hy_value *wanted, size_t count)
{
	union hy_value got[RESET_COUNT] = { 0 };
	int status;

	if (atomic_exchange(&vcpu->vm->host->reset_checked, true))
		return 0;
	status = vcpu->ops->vcpu_get_regs(&vcpu->be, ids, got, count);
	if (status != 0)
		return hy__backend_failed(vcpu->ops, status);
	for (size_t i = 0; i < count; i++) {
		if (comparable(ids[i]) && memcmp(&got[i], &wanted[i], sizeof(got[i])) != 0)
			log_difference(ids[i], &wanted[i], &got[i]);
	}
	return 0;
}

static int reset(struct hy_vcpu *vcpu)
{
	hy_reg ids[RESET_COUNT];
	union hy_value values[RESET_COUNT];
	size_t count = 0;
	int status;

	for (size_t i = 0; i < RESET_COUNT; i++) {
		if (!settable(vcpu, reset_state[i].id))
			continue;
		ids[count] = reset_state[i].id;
		values[count] = reset_state[i].value;
		if (ids[count] == HY_X86_RDX)
			values[count].u64 = signature(&vcpu->vm->options);
		count++;
	}
	status = vcpu->ops->vcpu_set_regs(&vcpu->be, ids, values, count);
	if (status != 0)
		return hy__backend_failed(vcpu->ops, status);
	return compare_reset(vcpu, ids, values, count);
}

const struct hy__arch hy__arch_x86 = {
	.id = HY_ARCH_X86_64,
	.name = "x86-64",
	.absent = "it has no x86-64 guests",
	.reg_valid = reg_valid,
	.reg_name = reg_name,
	.complete_options = complete_options,
	.free_options = free_options,
	.reset = reset,
};
