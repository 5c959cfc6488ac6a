/* SPDX-License-Identifier: MIT */
/* The list of cases, and what is around each. */
#include <stdio.h>
#include <stdlib.h>

#include "../inject/unwind.h"
#include "runner.h"

static const struct conform_case *const groups[] = {
	conform_capabilities, conform_life,     conform_limits,       conform_errors,
	conform_threads,      conform_memory,
#ifdef CONFORM_X86
	conform_io,           conform_strings,  conform_mmio,         conform_halt,
	conform_phases,       conform_registers, conform_guest_memory, conform_kick,
	conform_deadlines,    conform_journey,  conform_mmio_vectors,
#endif
};

const struct conform_case *case_at(size_t i)
{
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
		for (const struct conform_case *test = groups[g]; test->name; test++) {
			if (i-- == 0)
				return test;
		}
	}
	return NULL;
}

static void check_needs(struct conform *t)
{
	for (size_t i = 0; i < sizeof(t->test->needs) / sizeof(t->test->needs[0]); i++) {
		if (t->test->needs[i] != 0)
			need_cap(t, t->test->needs[i]);
	}
}

/* A host whose guests are of another architecture has none for this case. */
static void check_arch(struct conform *t)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	struct hy_vm *vm;
	int status;

	if (t->test->arch == 0)
		return;
	options.arch = t->test->arch;
	status = hy_vm_create(t->host, &options, &vm);
	if (status == HY_E_UNSUPPORTED)
		conform_skip("%s", hy_error()->text);
	OK(status);
	OK(hy_vm_destroy(vm));
}

/* --- One case ------------------------------------------------------------------------ */

const struct unwind *case_unwind;

void case_leave(enum case_status status)
{
	int code = case_unwind ? case_unwind->end(status) : (int)status;

	fflush(stdout);
	_Exit(code);
}

/* A case may have made its own with new_vm and new_vcpu: they are there twice. */
static void end_all(struct conform *t)
{
	for (size_t i = 0; i < CONFORM_OBJECTS; i++) {
		if (t->vcpus[i] == t->vcpu)
			t->vcpu = NULL;
		OK(hy_vcpu_destroy(t->vcpus[i]));
	}
	OK(hy_vcpu_destroy(t->vcpu));
	for (size_t i = 0; i < CONFORM_OBJECTS; i++) {
		if (t->vms[i] == t->vm)
			t->vm = NULL;
		OK(hy_vm_destroy(t->vms[i]));
	}
	OK(hy_vm_destroy(t->vm));
	OK(hy_host_close(t->host));
}

void case_main(const struct conform_case *test, const struct hy_host_options *options)
{
	struct conform t = { .test = test, .options = options };

	if (case_unwind)
		case_unwind->begin();
	OK(hy_host_open(options, &t.host));
	check_needs(&t);
	check_arch(&t);
	test->run(&t);
	end_all(&t);
	case_leave(CASE_PASSED);
}
