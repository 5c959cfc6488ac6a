/* SPDX-License-Identifier: MIT */
/* What a failure returns, and the story that it leaves. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "conform.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* in $0x42, %al; hlt */
static const uint8_t ask_code[] = { 0xe4, 0x42, 0xf4 };
static const struct guest ask = { ask_code, ask_code + sizeof(ask_code) };

static uint64_t granule_of(struct conform *t)
{
	struct hy_cap cap;

	OK(hy_host_cap(t->host, HY_CAP_GRANULE, &cap));
	return cap.value;
}

/* --- Names ---------------------------------------------------------------------------- */

static void status_names(struct conform *t)
{
	(void)t;
	CHECK(strcmp(hy_status_name(HY_OK), "HY_OK") == 0);
	CHECK(strcmp(hy_status_name(HY_E_INVALID), "HY_E_INVALID") == 0);
	CHECK(strcmp(hy_status_name(HY_E_GONE), "HY_E_GONE") == 0);
	for (int status = HY_E_INVALID; status >= HY_E_GONE; status--)
		CHECK(strncmp(hy_status_name(status), "HY_E_", 5) == 0 && hy_status_name(status)[5] != '?');
	CHECK(strcmp(hy_status_name(1), "HY_E_?") == 0);
	CHECK(strcmp(hy_status_name(-1000), "HY_E_?") == 0);
}

static void exit_names(struct conform *t)
{
	(void)t;
	for (uint32_t kind = HY_EXIT_NONE; kind <= HY_EXIT_UNKNOWN; kind++)
		CHECK(hy_exit_name(kind)[0] && strcmp(hy_exit_name(kind), "?") != 0);
	CHECK(strcmp(hy_exit_name(HY_EXIT_MMIO), "MMIO") == 0);
	CHECK(strcmp(hy_exit_name(1000), "?") == 0);
	CHECK_EQ(hy_exit_value(NULL, 0), 0);
}

/* --- NULL where something is needed --------------------------------------------------------- */

static void null_host(struct conform *t)
{
	struct hy_vm *vm = (struct hy_vm *)t;
	struct hy_cap cap;
	size_t count = 0;

	FAILS(hy_vm_create(NULL, NULL, &vm), HY_E_INVALID, "NULL");
	CHECK(!vm);
	FAILS(hy_vm_create(t->host, NULL, NULL), HY_E_INVALID, "NULL");
	FAILS(hy_host_cap(NULL, HY_CAP_GRANULE, &cap), HY_E_INVALID, "NULL");
	FAILS(hy_host_cap(t->host, HY_CAP_GRANULE, NULL), HY_E_INVALID, "NULL");
	FAILS(hy_host_open(t->options, NULL), HY_E_INVALID, "NULL");
	FAILS(hy_report_create(t->options, NULL), HY_E_INVALID, "NULL");
	FAILS(hy_x86_host_cpuid(NULL, NULL, &count), HY_E_INVALID, "NULL");
	FAILS(hy_x86_host_cpuid(t->host, NULL, NULL), HY_E_INVALID, "NULL");
	CHECK(!hy_host_backend(NULL));
	CHECK(!hy_host_report(NULL));
}

static void null_vm(struct conform *t)
{
	uint64_t granule = granule_of(t), left;
	struct hy_vcpu *vcpu = (struct hy_vcpu *)t;
	struct hy_region region;
	uint8_t byte = 0;
	void *host = t;

	FAILS(hy_vm_alloc_memory(NULL, 0, granule, HY_PROT_RWX, 0), HY_E_INVALID, "NULL");
	FAILS(hy_vm_map_memory(NULL, 0, &byte, granule, HY_PROT_RWX, 0), HY_E_INVALID, "NULL");
	FAILS(hy_vm_unmap_memory(NULL, 0, granule, 0), HY_E_INVALID, "NULL");
	FAILS(hy_vm_protect_memory(NULL, 0, granule, HY_PROT_RWX, 0), HY_E_INVALID, "NULL");
	FAILS(hy_vm_read(NULL, 0, &byte, 1), HY_E_INVALID, "NULL");
	FAILS(hy_vm_write(NULL, 0, &byte, 1), HY_E_INVALID, "NULL");
	FAILS(hy_vm_host_ptr(NULL, 0, &host, &left), HY_E_INVALID, "NULL");
	CHECK(!host);
	FAILS(hy_vm_next_region(NULL, 0, &region), HY_E_INVALID, "NULL");
	FAILS(hy_vcpu_create(NULL, NULL, &vcpu), HY_E_INVALID, "NULL");
	CHECK(!vcpu);
}

static void null_in_vm(struct conform *t)
{
	struct hy_vm *vm = new_vm(t, NULL);
	uint64_t granule = granule_of(t), left;

	OK(hy_vm_alloc_memory(vm, 0, granule, HY_PROT_RWX, 0));
	FAILS(hy_vm_read(vm, 0, NULL, 1), HY_E_INVALID, "NULL");
	FAILS(hy_vm_write(vm, 0, NULL, 1), HY_E_INVALID, "NULL");
	OK(hy_vm_read(vm, 0, NULL, 0));
	OK(hy_vm_write(vm, 0, NULL, 0));
	FAILS(hy_vm_host_ptr(vm, 0, NULL, &left), HY_E_INVALID, "NULL");
	FAILS(hy_vm_next_region(vm, 0, NULL), HY_E_INVALID, "NULL");
	FAILS(hy_vcpu_create(vm, NULL, NULL), HY_E_INVALID, "NULL");
}

static void null_vcpu(struct conform *t)
{
	const struct hy_exit *exit = (const struct hy_exit *)t;
	union hy_value full;
	hy_reg id = HY_X86_RIP;
	uint64_t value;
	size_t size = 1;

	FAILS(hy_vcpu_run(NULL, &exit), HY_E_INVALID, "NULL");
	CHECK(!exit);
	FAILS(hy_vcpu_run_until(NULL, 0, &exit), HY_E_INVALID, "NULL");
	FAILS(hy_vcpu_complete(NULL, &exit), HY_E_INVALID, "NULL");
	FAILS(hy_vcpu_reset(NULL), HY_E_INVALID, "NULL");
	FAILS(hy_vcpu_bind(NULL), HY_E_INVALID, "NULL");
	FAILS(hy_vcpu_answer(NULL, 0), HY_E_INVALID, "NULL");
	FAILS(hy_vcpu_refuse(NULL), HY_E_INVALID, "NULL");
	FAILS(hy_vcpu_get_regs(NULL, &id, &full, 1), HY_E_INVALID, "NULL");
	FAILS(hy_vcpu_set_regs(NULL, &id, &full, 1), HY_E_INVALID, "NULL");
	FAILS(hy_vcpu_get_reg(NULL, id, &value), HY_E_INVALID, "NULL");
	FAILS(hy_vcpu_set_reg(NULL, id, 0), HY_E_INVALID, "NULL");
	CHECK(hy_vcpu_kick(NULL) == HY_E_INVALID);
	CHECK(!hy_vcpu_data(NULL, &size));
	CHECK_EQ(size, 0);
}

static void null_in_vcpu(struct conform *t)
{
	struct hy_vcpu *vcpu = new_vcpu(t, new_vm(t, NULL), 0);
	union hy_value full;
	hy_reg id = HY_X86_RIP;
	size_t size = 1;

	FAILS(hy_vcpu_run(vcpu, NULL), HY_E_INVALID, "NULL");
	FAILS(hy_vcpu_complete(vcpu, NULL), HY_E_INVALID, "NULL");
	FAILS(hy_vcpu_get_regs(vcpu, NULL, &full, 1), HY_E_INVALID, "NULL");
	FAILS(hy_vcpu_get_regs(vcpu, &id, NULL, 1), HY_E_INVALID, "NULL");
	FAILS(hy_vcpu_set_regs(vcpu, NULL, &full, 1), HY_E_INVALID, "NULL");
	FAILS(hy_vcpu_set_regs(vcpu, &id, NULL, 1), HY_E_INVALID, "NULL");
	FAILS(hy_vcpu_get_reg(vcpu, id, NULL), HY_E_INVALID, "NULL");
	OK(hy_vcpu_get_regs(vcpu, NULL, NULL, 0));
	OK(hy_vcpu_set_regs(vcpu, NULL, NULL, 0));
	FAILS(hy_x86_get_xsave(vcpu, NULL, &size), HY_E_INVALID, "NULL");
	FAILS(hy_x86_get_xsave(vcpu, NULL, NULL), HY_E_INVALID, "NULL");
	FAILS(hy_x86_set_xsave(vcpu, NULL, 0), HY_E_INVALID, "NULL");
	FAILS(hy_reg_name(id, NULL, 8), HY_E_INVALID, "room");
}

/* --- Options ------------------------------------------------------------------------------------ */

/* Options of a program that was built with a newer header. */
struct newer {
	struct hy_vm_options known;
	uint64_t unknown;
};

static void options_of_no_size(struct conform *t)
{
	struct hy_vm_options of_vm = HY_VM_OPTIONS_INIT;
	struct hy_vcpu_options of_vcpu = HY_VCPU_OPTIONS_INIT;
	struct hy_host_options of_host = HY_HOST_OPTIONS_INIT;
	struct hy_host *host;
	struct hy_vcpu *vcpu;
	struct hy_vm *vm;

	of_vm.size = 0;
	FAILS(hy_vm_create(t->host, &of_vm, &vm), HY_E_INVALID, "hy_vm_options.size");
	of_vm.size = sizeof(size_t) - 1;
	FAILS(hy_vm_create(t->host, &of_vm, &vm), HY_E_INVALID, "hy_vm_options.size");
	CHECK(hy_error()->hint[0]);
	of_vcpu.size = 0;
	FAILS(hy_vcpu_create(new_vm(t, NULL), &of_vcpu, &vcpu), HY_E_INVALID, "hy_vcpu_options.size");
	of_host.size = 0;
	FAILS(hy_host_open(&of_host, &host), HY_E_INVALID, "hy_host_options.size");
	CHECK(!host);
}

/* Members that an older program doesn't know are at their defaults. */
static void options_of_an_older_program(struct conform *t)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	struct hy_vm *vm;

	options.size = offsetof(struct hy_vm_options, flags);
	options.vcpus = 2;
	options.flags = UINT32_MAX;
	options.x86_cpuid_count = 12345;
	vm = new_vm(t, &options);
	new_vcpu(t, vm, 1);
}

static void options_of_a_newer_program(struct conform *t)
{
	struct newer options = { .known = HY_VM_OPTIONS_INIT, .unknown = 0 };
	struct hy_vm *vm;

	options.known.size = sizeof(options);
	end_vm(t, new_vm(t, &options.known));
	options.unknown = 1;
	FAILS(hy_vm_create(t->host, &options.known, &vm), HY_E_INVALID, "hy_vm_options");
	CHECK(!vm);
}

static void unknown_flags(struct conform *t)
{
	struct hy_vm_options of_vm = HY_VM_OPTIONS_INIT;
	struct hy_vcpu_options of_vcpu = HY_VCPU_OPTIONS_INIT;
	struct hy_host_options of_host = HY_HOST_OPTIONS_INIT;
	uint64_t granule = granule_of(t);
	struct hy_vm *vm = new_vm(t, NULL), *none;
	struct hy_vcpu *vcpu;
	struct hy_host *host;

	of_vm.flags = 0x80000000;
	FAILS(hy_vm_create(t->host, &of_vm, &none), HY_E_INVALID, "0x80000000");
	of_vcpu.flags = 0x80000000;
	FAILS(hy_vcpu_create(vm, &of_vcpu, &vcpu), HY_E_INVALID, "0x80000000");
	of_host.flags = 0x80000000;
	FAILS(hy_host_open(&of_host, &host), HY_E_INVALID, "0x80000000");
	FAILS(hy_vm_alloc_memory(vm, 0, granule, HY_PROT_RWX, 0x80000000), HY_E_INVALID, "0x80000000");
	OK(hy_vm_alloc_memory(vm, 0, granule, HY_PROT_RWX, 0));
	FAILS(hy_vm_protect_memory(vm, 0, granule, HY_PROT_RWX, 0x80000000), HY_E_INVALID, "0x80000000");
	FAILS(hy_vm_unmap_memory(vm, 0, granule, 0x80000000), HY_E_INVALID, "0x80000000");
}

static void unknown_arch(struct conform *t)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	struct hy_vm *vm;

	options.arch = 62;
	FAILS(hy_vm_create(t->host, &options, &vm), HY_E_UNSUPPORTED, "62");
	options.arch = UINT32_MAX;
	FAILS(hy_vm_create(t->host, &options, &vm), HY_E_UNSUPPORTED, "4294967295");
}

static void bad_tables(struct conform *t)
{
	const struct hy_x86_msr_range empty = { .first = 1, .count = 0, .read = 1 };
	const struct hy_x86_msr_range wraps = { .first = UINT32_MAX, .count = 2, .read = 1 };
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	struct hy_vm *vm;

	options.x86_cpuid_count = 1;
	FAILS(hy_vm_create(t->host, &options, &vm), HY_E_INVALID, "x86_cpuid");
	options.x86_cpuid_count = 0;
	options.x86_msr_exit_count = 1;
	FAILS(hy_vm_create(t->host, &options, &vm), HY_E_INVALID, "x86_msr_exits");
	options.x86_msr_exits = &empty;
	FAILS(hy_vm_create(t->host, &options, &vm), HY_E_INVALID, "x86_msr_exits");
	options.x86_msr_exits = &wraps;
	FAILS(hy_vm_create(t->host, &options, &vm), HY_E_INVALID, "x86_msr_exits");
}

/* --- The story ------------------------------------------------------------------------------------- */

/* Every member of a failure's record is there and says the same. */
static void check_record(int code)
{
	const struct hy_error *error = hy_error();

	CHECK(error);
	if (error->code != code)
		FAIL("hy_error() has %s, should be %s", hy_status_name(error->code), hy_status_name(code));
	CHECK(error->text && error->text[0]);
	CHECK(!strchr(error->text, '\r') && error->text[strlen(error->text) - 1] != '\n');
	CHECK(error->hint && error->host_name);
	CHECK((error->host_code != 0) == (error->host_name[0] != '\0'));
}

static void nothing_yet(struct conform *t)
{
	(void)t;
	CHECK(hy_error() && hy_error()->text && hy_error()->hint && hy_error()->host_name);
}

static void overlap_record(struct conform *t)
{
	uint64_t granule = granule_of(t);
	struct hy_vm *vm = new_vm(t, NULL);

	OK(hy_vm_alloc_memory(vm, 0x40000, granule, HY_PROT_RWX, 0));
	FAILS(hy_vm_alloc_memory(vm, 0x40000, granule, HY_PROT_RWX, 0), HY_E_OVERLAP, "0x40000");
	check_record(HY_E_OVERLAP);
	CHECK(hy_error()->hint[0]);
}

static void unmapped_record(struct conform *t)
{
	struct hy_vm *vm = new_vm(t, NULL);
	uint8_t byte;

	FAILS(hy_vm_read(vm, 0xabcd, &byte, 1), HY_E_UNMAPPED, "0xabcd");
	check_record(HY_E_UNMAPPED);
}

static void pending_record(struct conform *t)
{
	uint64_t value;

	conform_boot(t, REAL, ask);
	RUN(t, HY_EXIT_IO);
	FAILS(hy_vcpu_get_reg(t->vcpu, HY_X86_RIP, &value), HY_E_PENDING, "rip");
	check_record(HY_E_PENDING);
	CHECK(hy_error()->hint[0]);
	FAILS(hy_vcpu_set_reg(t->vcpu, HY_X86_CR3, 0), HY_E_PENDING, "cr3");
	check_record(HY_E_PENDING);
}

/* With the host's own code, where it was the host that refused. */
static void bad_value_record(struct conform *t)
{
	struct hy_vcpu *vcpu = new_vcpu(t, new_vm(t, NULL), 0);

	FAILS(hy_vcpu_set_reg(vcpu, HY_X86_CR4, UINT64_C(1) << 40), HY_E_INVALID, "cr4");
	check_record(HY_E_INVALID);
	CHECK(strncmp(hy_error()->text, hy_host_backend(t->host)->name, strlen(hy_host_backend(t->host)->name)) == 0);
}

static void exists_record(struct conform *t)
{
	struct hy_vm *vm = new_vm(t, NULL);
	struct hy_vcpu *vcpu;

	new_vcpu(t, vm, 0);
	FAILS(hy_vcpu_create(vm, NULL, &vcpu), HY_E_EXISTS, "vCPU id 0");
	check_record(HY_E_EXISTS);
}

static void nothing_pending(struct conform *t)
{
	struct hy_vcpu *vcpu = new_vcpu(t, new_vm(t, NULL), 0);
	const struct hy_exit *exit = NULL;
	size_t size = 1;

	FAILS(hy_vcpu_answer(vcpu, 0), HY_E_INVALID, "pending");
	check_record(HY_E_INVALID);
	FAILS(hy_vcpu_refuse(vcpu), HY_E_INVALID, "pending");
	CHECK(!hy_vcpu_data(vcpu, &size));
	CHECK_EQ(size, 0);
	OK(hy_vcpu_complete(vcpu, &exit));
	CHECK(!exit);
}

static void not_found_record(struct conform *t)
{
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;
	struct hy_host *host;

	if (t->options)
		options = *t->options;
	options.backend = "no-such-backend";
	FAILS(hy_host_open(&options, &host), HY_E_NOT_FOUND, "no-such-backend");
	CHECK(!host);
	check_record(HY_E_NOT_FOUND);
}

/* "-soft,-kvm": none of those that need no file. */
static void exclude_all(const struct hy_host_options *options, char *list, size_t size)
{
	const struct hy_candidate *candidate;
	struct hy_report *report;
	size_t length = 0;

	OK(hy_report_create(options, &report));
	for (size_t i = 0; (candidate = hy_report_candidate(report, i)) != NULL && length < size; i++)
		length += (size_t)snprintf(list + length, size - length, "%s-%s", i ? "," : "", candidate->name);
	hy_report_destroy(report);
	CHECK(length < size);
}

static void no_backend_record(struct conform *t)
{
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;
	struct hy_host *host;
	char list[256] = "";

	(void)t;
	options.flags = HY_HOST_IGNORE_ENV;
	options.path = "/nonexistent/backends";
	exclude_all(&options, list, sizeof(list));
	options.backend = list;
	FAILS(hy_host_open(&options, &host), HY_E_NO_BACKEND, "/nonexistent/backends");
	check_record(HY_E_NO_BACKEND);
}

static void malformed_choice(struct conform *t)
{
	static const char *const lists[] = { ",", "kvm,", "a/b", "../kvm", "-" };
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;
	struct hy_host *host;

	(void)t;
	for (size_t i = 0; i < COUNT(lists); i++) {
		options.backend = lists[i];
		FAILS(hy_host_open(&options, &host), HY_E_INVALID, "");
		check_record(HY_E_INVALID);
	}
}

static void report_of_the_host(struct conform *t)
{
	const struct hy_report *report = hy_host_report(t->host);
	const struct hy_candidate *own = hy_host_backend(t->host), *candidate;
	unsigned chosen = 0;

	CHECK(own && own->stage == HY_STAGE_USABLE && own->name[0] && own->path[0] && own->version[0]);
	CHECK(hy_report_dir(report, 0));
	for (size_t i = 0; (candidate = hy_report_candidate(report, i)) != NULL; i++) {
		chosen += candidate->chosen;
		CHECK(candidate->stage == HY_STAGE_USABLE || candidate->reason[0]);
	}
	CHECK_EQ(chosen, 1);
}

/* --- Threads ---------------------------------------------------------------------------------------- */

static void *fail_elsewhere(void *arg)
{
	struct hy_cap cap;

	FAILS(hy_host_cap(arg, UINT32_MAX, &cap), HY_E_INVALID, "4294967295");
	return NULL;
}

static void per_thread(struct conform *t)
{
	struct hy_vm *vm = new_vm(t, NULL);
	pthread_t thread;
	uint8_t byte;

	FAILS(hy_vm_read(vm, 0xabcd, &byte, 1), HY_E_UNMAPPED, "0xabcd");
	CHECK(pthread_create(&thread, NULL, fail_elsewhere, t->host) == 0);
	pthread_join(thread, NULL);
	check_record(HY_E_UNMAPPED);
	CHECK(strstr(hy_error()->text, "0xabcd"));
}

static void kick_leaves_it_alone(struct conform *t)
{
	struct hy_vm *vm = new_vm(t, NULL);
	struct hy_vcpu *vcpu = new_vcpu(t, vm, 0);
	const struct hy_error *error;
	uint8_t byte;

	FAILS(hy_vm_read(vm, 0xabcd, &byte, 1), HY_E_UNMAPPED, "0xabcd");
	error = hy_error();
	OK(hy_vcpu_kick(vcpu));
	CHECK(hy_vcpu_kick(NULL) == HY_E_INVALID);
	CHECK(hy_error() == error);
	check_record(HY_E_UNMAPPED);
	CHECK(strstr(error->text, "0xabcd"));
}

const struct conform_case conform_errors[] = {
	{ "errors/status-names", "HY-C43", status_names, 0, { 0 } },
	{ "errors/exit-names", "HY-C43", exit_names, 0, { 0 } },
	{ "errors/null-host", "HY-C44", null_host, HY_ARCH_X86_64, { 0 } },
	{ "errors/null-vm", "HY-C44", null_vm, 0, { HY_CAP_MAP_MEMORY } },
	{ "errors/null-in-vm", "HY-C44", null_in_vm, 0, { 0 } },
	{ "errors/null-vcpu", "HY-C44", null_vcpu, HY_ARCH_X86_64, { 0 } },
	{ "errors/null-in-vcpu", "HY-C44", null_in_vcpu, HY_ARCH_X86_64, { 0 } },
	{ "errors/options-of-no-size", "HY-C12", options_of_no_size, 0, { 0 } },
	{ "errors/options-of-an-older-program", "HY-C12", options_of_an_older_program, 0, { 0 } },
	{ "errors/options-of-a-newer-program", "HY-C12", options_of_a_newer_program, 0, { 0 } },
	{ "errors/unknown-flags", "HY-C16 HY-C12", unknown_flags, 0, { 0 } },
	{ "errors/unknown-arch", "HY-C8", unknown_arch, 0, { 0 } },
	{ "errors/bad-tables", "HY-C13 HY-C26", bad_tables, HY_ARCH_X86_64, { 0 } },
	{ "errors/nothing-yet", "HY-C43", nothing_yet, 0, { 0 } },
	{ "errors/overlap-record", "HY-C17 HY-C43", overlap_record, 0, { 0 } },
	{ "errors/unmapped-record", "HY-C23 HY-C43", unmapped_record, 0, { 0 } },
	{ "errors/pending-record", "HY-B45 HY-C43", pending_record, HY_ARCH_X86_64, { 0 } },
	{ "errors/bad-value-record", "HY-B56 HY-B64 HY-C43", bad_value_record, HY_ARCH_X86_64, { 0 } },
	{ "errors/exists-record", "HY-C15 HY-C43", exists_record, 0, { 0 } },
	{ "errors/nothing-pending", "HY-C28 HY-C29 HY-C27", nothing_pending, 0, { 0 } },
	{ "errors/not-found-record", "HY-C43", not_found_record, 0, { 0 } },
	{ "errors/no-backend-record", "HY-C6 HY-C43", no_backend_record, 0, { 0 } },
	{ "errors/malformed-choice", "HY-C43", malformed_choice, 0, { 0 } },
	{ "errors/report-of-the-host", "HY-C43", report_of_the_host, 0, { 0 } },
	{ "errors/per-thread", "HY-C43", per_thread, 0, { 0 } },
	{ "errors/kick-leaves-it-alone", "HY-C32", kick_leaves_it_alone, 0, { 0 } },
	{ 0 },
};
