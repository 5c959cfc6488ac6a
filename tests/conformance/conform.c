/* SPDX-License-Identifier: MIT */
/* What the cases share: failing, booting a guest, and checking its exits. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../inject/unwind.h"
#include "conform.h"
#include "runner.h"

/* --- Being discontent -------------------------------------------------------------- */

void conform_fail(const char *file, int line, const char *format, ...)
{
	const char *name = strrchr(file, '/');
	va_list args;

	printf("%s:%d: ", name ? name + 1 : file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	case_leave(CASE_FAILED);
}

void conform_skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	case_leave(CASE_SKIPPED);
}

void conform_check_failure(const char *file, int line, const char *what, int status, int code, const char *part)
{
	if (status != code)
		conform_fail(file, line, "%s is %s, should be %s", what, hy_status_name(status), hy_status_name(code));
	if (hy_error()->code != code)
		conform_fail(file, line, "%s: hy_error() has %s, not %s", what, hy_status_name(hy_error()->code),
		             hy_status_name(code));
	if (!strstr(hy_error()->text, part))
		conform_fail(file, line, "%s: no '%s' in: %s", what, part, hy_error()->text);
}

unsigned long conform_rounds(unsigned long usual)
{
	const char *text = getenv("HY_STORM");

	return text ? strtoul(text, NULL, 10) : usual;
}

/* --- Objects ---------------------------------------------------------------------------- */

struct hy_vm *new_vm(struct conform *t, const struct hy_vm_options *options)
{
	size_t i = 0;

	while (i < CONFORM_OBJECTS && t->vms[i])
		i++;
	CHECK(i < CONFORM_OBJECTS);
	OK(hy_vm_create(t->host, options, &t->vms[i]));
	return t->vms[i];
}

struct hy_vcpu *new_vcpu(struct conform *t, struct hy_vm *vm, uint32_t id)
{
	struct hy_vcpu_options options = HY_VCPU_OPTIONS_INIT;
	size_t i = 0;

	while (i < CONFORM_OBJECTS && t->vcpus[i])
		i++;
	CHECK(i < CONFORM_OBJECTS);
	options.id = id;
	OK(hy_vcpu_create(vm, &options, &t->vcpus[i]));
	return t->vcpus[i];
}

void end_vm(struct conform *t, struct hy_vm *vm)
{
	for (size_t i = 0; i < CONFORM_OBJECTS; i++) {
		if (t->vms[i] == vm)
			t->vms[i] = NULL;
	}
	OK(hy_vm_destroy(vm));
}

void end_vcpu(struct conform *t, struct hy_vcpu *vcpu)
{
	for (size_t i = 0; i < CONFORM_OBJECTS; i++) {
		if (t->vcpus[i] == vcpu)
			t->vcpus[i] = NULL;
	}
	OK(hy_vcpu_destroy(vcpu));
}

/* --- Booting ---------------------------------------------------------------------------- */

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_USER 0x18 /* the same two at CPL 3 */

#define PTE_PRESENT 1u
#define PTE_WRITE 2u
#define PTE_USER 4u
#define PTE_LARGE 0x80u
#define PTE_ALL (PTE_PRESENT | PTE_WRITE | PTE_USER)

struct setting {
	hy_reg id;
	union hy_value value;
};

static void put_entry(struct conform *t, uint64_t gpa, uint64_t value, size_t size)
{
	write_ram(t, gpa, &value, size);
}

/* 4 MiB, each page to itself, readable and writable at every CPL. */
static void write_tables(struct conform *t, enum mode mode)
{
	if (mode == PAGED32) {
		put_entry(t, TABLES, (TABLES + PAGE) | PTE_ALL, 4);
		for (uint64_t i = 0; i < 1024; i++)
			put_entry(t, TABLES + PAGE + i * 4, i * PAGE | PTE_ALL, 4);
		return;
	}
	put_entry(t, TABLES, (TABLES + PAGE) | PTE_ALL, 8);
	put_entry(t, TABLES + PAGE, (TABLES + 2 * PAGE) | PTE_ALL, 8);
	put_entry(t, TABLES + 2 * PAGE, (TABLES + 3 * PAGE) | PTE_ALL, 8);
	put_entry(t, TABLES + 2 * PAGE + 8, 2 * UINT64_C(0x100000) | PTE_ALL | PTE_LARGE, 8);
	for (uint64_t i = 0; i < 512; i++)
		put_entry(t, TABLES + 3 * PAGE + i * 8, i * PAGE | PTE_ALL, 8);
}

/* Code and data of CPL 0 and 3; the code is 64 bits wide where the mode is. */
static void write_descriptors(struct conform *t, enum mode mode)
{
	uint64_t code = mode >= LONG ? UINT64_C(0x00af9b000000ffff) : UINT64_C(0x00cf9b000000ffff);
	uint64_t data = UINT64_C(0x00cf93000000ffff);
	const uint64_t user = UINT64_C(0x0000600000000000);
	const uint64_t table[] = { 0, code, data, code | user, data | user };

	write_ram(t, GDT, table, sizeof(table));
}

static struct hy_segment segment(enum mode mode, bool code)
{
	struct hy_segment s = { .base = 0, .limit = 0xffffffff };
	uint16_t user = mode == LONG_USER ? HY_X86_SEG_DPL : 0;

	if (mode == REAL)
		return (struct hy_segment){ 0, 0xffff, 0, code ? HY_X86_ATTR_CODE16 : HY_X86_ATTR_DATA16 };
	s.selector = (uint16_t)((mode == LONG_USER ? SELECTOR_USER | 3 : SELECTOR_CODE) + (code ? 0 : 8));
	s.attributes = HY_X86_ATTR_DATA32 | user;
	if (code)
		s.attributes = (mode >= LONG ? HY_X86_ATTR_CODE64 : HY_X86_ATTR_CODE32) | user;
	return s;
}

static void set_all(struct hy_vcpu *vcpu, const struct setting *settings, size_t count)
{
	hy_reg ids[32];
	union hy_value values[32];

	for (size_t i = 0; i < count; i++) {
		ids[i] = settings[i].id;
		values[i] = settings[i].value;
	}
	OK(hy_vcpu_set_regs(vcpu, ids, values, count));
}

static uint64_t cr0_of(enum mode mode)
{
	uint64_t cr0 = HY_X86_CR0_ET | HY_X86_CR0_NE;

	if (mode != REAL)
		cr0 |= HY_X86_CR0_PE;
	if (mode >= PAGED32)
		cr0 |= HY_X86_CR0_PG;
	return cr0;
}

void need_cap(struct conform *t, uint32_t id)
{
	struct hy_cap cap;

	OK(hy_host_cap(t->host, id, &cap));
	if (cap.how == HY_CAP_ABSENT)
		conform_skip("%s is absent: %s", hy_cap_name(id), cap.reason ? cap.reason : "no reason given");
}

void conform_place(struct conform *t, struct hy_vcpu *vcpu, enum mode mode, struct guest guest)
{
	bool is_long = mode >= LONG;
	const struct setting settings[] = {
		{ HY_X86_CR0, { .u64 = cr0_of(mode) } },
		{ HY_X86_CR3, { .u64 = mode >= PAGED32 ? TABLES : 0 } },
		{ HY_X86_CR4, { .u64 = is_long ? HY_X86_CR4_PAE : 0 } },
		{ HY_X86_EFER, { .u64 = is_long ? HY_X86_EFER_LME | HY_X86_EFER_LMA : 0 } },
		{ HY_X86_CS, { .segment = segment(mode, true) } },
		{ HY_X86_DS, { .segment = segment(mode, false) } },
		{ HY_X86_ES, { .segment = segment(mode, false) } },
		{ HY_X86_SS, { .segment = segment(mode, false) } },
		{ HY_X86_FS, { .segment = segment(mode, false) } },
		{ HY_X86_GS, { .segment = segment(mode, false) } },
		{ HY_X86_GDTR, { .segment = { .base = GDT, .limit = 5 * 8 - 1 } } },
		{ HY_X86_RIP, { .u64 = CODE } },
		{ HY_X86_RSP, { .u64 = STACK } },
		{ HY_X86_RFLAGS, { .u64 = HY_X86_RFLAGS_ONE } },
	};

	if (mode == PAGED32)
		need_cap(t, HY_CAP_PAGING32);
	if (mode != REAL)
		write_descriptors(t, mode);
	if (mode >= PAGED32)
		write_tables(t, mode);
	write_ram(t, CODE, guest.start, (size_t)(guest.end - guest.start));
	set_all(vcpu, settings, sizeof(settings) / sizeof(settings[0]));
}

void conform_boot(struct conform *t, enum mode mode, struct guest guest)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;

	if (t->cpuid_count > 0) {
		options.x86_cpuid = t->cpuid;
		options.x86_cpuid_count = t->cpuid_count;
	}
	OK(hy_vm_create(t->host, &options, &t->vm));
	OK(hy_vm_alloc_memory(t->vm, 0, RAM_SIZE, HY_PROT_RWX, 0));
	OK(hy_vcpu_create(t->vm, NULL, &t->vcpu));
	conform_place(t, t->vcpu, mode, guest);
}

/* --- Features of the guest's processor ------------------------------------------------- */

#define CPUID_XSAVE (1u << 26) /* leaf 1, ECX */
#define XCR0_AVX 7             /* with x87 and SSE */

/* The host's table with more features, for the VMs that are made from now on. */
static void add_features(struct conform *t, uint32_t ecx)
{
	size_t count = sizeof(t->cpuid) / sizeof(t->cpuid[0]);

	OK(hy_x86_host_cpuid(t->host, t->cpuid, &count));
	t->cpuid_count = count;
	for (size_t i = 0; i < count; i++) {
		if (t->cpuid[i].leaf == 1)
			t->cpuid[i].ecx |= ecx;
		if (t->cpuid[i].leaf == 0xd && t->cpuid[i].subleaf == 0 && (ecx & CPUID_XSAVE))
			t->cpuid[i].eax |= XCR0_AVX;
	}
}

static bool enable_vectors(struct conform *t, uint32_t ecx)
{
	bool xsave = ecx & CPUID_XSAVE;
	uint64_t cr4 = HY_X86_CR4_PAE | HY_X86_CR4_OSFXSR | (xsave ? HY_X86_CR4_OSXSAVE : 0);

	return hy_vcpu_set_reg(t->vcpu, HY_X86_CR4, cr4) == 0 &&
	       (!xsave || hy_vcpu_set_reg(t->vcpu, HY_X86_XCR0, XCR0_AVX) == 0);
}

void need_feature(struct conform *t, uint32_t ecx, const char *name, struct guest trial)
{
	bool works;

	add_features(t, ecx);
	conform_boot(t, LONG, trial);
	works = enable_vectors(t, ecx) && hy_vcpu_run(t->vcpu, &t->exit) == 0 && t->exit->kind == HY_EXIT_HALT;
	OK(hy_vcpu_destroy(t->vcpu));
	OK(hy_vm_destroy(t->vm));
	t->vcpu = NULL;
	t->vm = NULL;
	t->exit = NULL;
	if (!works)
		conform_skip("this host's guests can't have %s", name);
}

/* --- Registers and memory ---------------------------------------------------------------- */

uint64_t get_reg(struct conform *t, hy_reg id)
{
	uint64_t value;

	OK(hy_vcpu_get_reg(t->vcpu, id, &value));
	return value;
}

void set_reg(struct conform *t, hy_reg id, uint64_t value)
{
	OK(hy_vcpu_set_reg(t->vcpu, id, value));
}

void write_ram(struct conform *t, uint64_t gpa, const void *data, size_t size)
{
	OK(hy_vm_write(t->vm, gpa, data, size));
}

void read_ram(struct conform *t, uint64_t gpa, void *data, size_t size)
{
	OK(hy_vm_read(t->vm, gpa, data, size));
}

/* --- Exits ----------------------------------------------------------------------------------- */

static void describe_exit(const struct hy_exit *exit, char *text, size_t size)
{
	const char *name = hy_exit_name(exit->kind);

	switch (exit->kind) {
	case HY_EXIT_IO:
		snprintf(text, size, "%s %s port %#x size %u count %u", name, exit->io.write ? "out" : "in",
		         exit->io.port, exit->io.size, exit->io.count);
		break;
	case HY_EXIT_MMIO:
		snprintf(text, size, "%s %s %#" PRIx64 " size %u", name, exit->mmio.write ? "write" : "read",
		         exit->mmio.gpa, exit->mmio.size);
		break;
	case HY_EXIT_FAULT:
		snprintf(text, size, "%s: %s", name, exit->fault.text);
		break;
	case HY_EXIT_UNKNOWN:
		snprintf(text, size, "%s: the host's exit %" PRIu64, name, exit->unknown.host_code);
		break;
	default:
		snprintf(text, size, "%s", name);
	}
}

static void run_on(const char *file, int line, struct conform *t)
{
	int status = hy_vcpu_run(t->vcpu, &t->exit);

	t->items_done = 0;
	if (status != 0)
		conform_fail(file, line, "hy_vcpu_run: %s: %s", hy_status_name(status), hy_error()->text);
}

const struct hy_exit *any_exit(struct conform *t)
{
	run_on(__FILE__, __LINE__, t);
	return t->exit;
}

void conform_run(const char *file, int line, struct conform *t, uint32_t kind)
{
	char text[192];

	run_on(file, line, t);
	if (t->exit->kind == kind)
		return;
	describe_exit(t->exit, text, sizeof(text));
	conform_fail(file, line, "the exit is %s; should be %s", text, hy_exit_name(kind));
}

static void check_io(const char *file, int line, const struct hy_exit *exit, uint16_t port, uint8_t size, uint8_t write)
{
	char text[192];

	if (exit->io.port == port && exit->io.size == size && exit->io.write == write &&
	    exit->flags == HY_EXIT_PENDING && exit->data_size == exit->io.size * exit->io.count)
		return;
	describe_exit(exit, text, sizeof(text));
	conform_fail(file, line, "the exit is %s; should be %s port %#x size %u", text, write ? "out" : "in", port, size);
}

void conform_out(const char *file, int line, struct conform *t, uint16_t port, uint8_t size, uint32_t value)
{
	conform_items(file, line, t, port, size, 1, &value, 1);
}

void conform_in(const char *file, int line, struct conform *t, uint16_t port, uint8_t size, uint32_t answer)
{
	conform_items(file, line, t, port, size, 0, &answer, 1);
}

/* Checks or answers the items of the exit at hand, `count` at most; how many. */
static size_t use_items(const char *file, int line, struct conform *t, uint8_t write, const uint8_t *items, size_t count)
{
	size_t size = t->exit->io.size, left = t->exit->io.count - t->items_done;
	size_t n = left < count ? left : count;
	const uint8_t *data = (const uint8_t *)t->exit->data + t->items_done * size;

	if (!write)
		memcpy((uint8_t *)hy_vcpu_data(t->vcpu, NULL) + t->items_done * size, items, n * size);
	for (size_t i = 0; i < n * size && write; i++) {
		if (data[i] != items[i])
			conform_fail(file, line, "byte %zu of the items is %#x, should be %#x", i, data[i], items[i]);
	}
	t->items_done += (uint32_t)n;
	return n;
}

void conform_items(const char *file, int line, struct conform *t, uint16_t port, uint8_t size, uint8_t write,
                   const void *items, size_t count)
{
	size_t done = 0;

	while (done < count) {
		if (!t->exit || t->exit->kind != HY_EXIT_IO || t->items_done == t->exit->io.count)
			conform_run(file, line, t, HY_EXIT_IO);
		check_io(file, line, t->exit, port, size, write);
		done += use_items(file, line, t, write, (const uint8_t *)items + done * size, count - done);
	}
}

void conform_mmio_access(const char *file, int line, struct conform *t, uint64_t gpa, uint8_t size, uint8_t write,
                         uint64_t value)
{
	char text[192];

	conform_run(file, line, t, HY_EXIT_MMIO);
	if (t->exit->mmio.gpa != gpa || t->exit->mmio.size != size || t->exit->mmio.write != write ||
	    t->exit->flags != HY_EXIT_PENDING || t->exit->data_size != size) {
		describe_exit(t->exit, text, sizeof(text));
		conform_fail(file, line, "the exit is %s; should be %s %#" PRIx64 " size %u", text,
		             write ? "write" : "read", gpa, size);
	}
	if (!write)
		OK(hy_vcpu_answer(t->vcpu, value));
	else if (hy_exit_value(t->exit, 0) != value)
		conform_fail(file, line, "the value is %#" PRIx64 ", should be %#" PRIx64, hy_exit_value(t->exit, 0), value);
}

void conform_complete(const char *file, int line, struct conform *t)
{
	char text[192];
	int status = hy_vcpu_complete(t->vcpu, &t->exit);

	if (status != 0)
		conform_fail(file, line, "hy_vcpu_complete: %s: %s", hy_status_name(status), hy_error()->text);
	if (!t->exit)
		return;
	describe_exit(t->exit, text, sizeof(text));
	conform_fail(file, line, "completing gives %s; should give nothing more", text);
}

void conform_halts(const char *file, int line, struct conform *t)
{
	const uint8_t hlt = 0xf4;
	uint64_t ip;
	uint8_t before;

	conform_run(file, line, t, HY_EXIT_HALT);
	ip = get_reg(t, HY_X86_RIP);
	if (hy_vm_read(t->vm, ip - 1, &before, 1) != 0 || before != hlt)
		conform_fail(file, line, "after HALT rip is %#" PRIx64 ", which isn't past an HLT", ip);
}
