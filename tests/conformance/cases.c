/* SPDX-License-Identifier: MIT */
/* The list of cases, and what is around each. */
#include <setjmp.h>
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
	conform_deadlines,
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
	struct hy_cap cap;

	for (size_t i = 0; i < sizeof(t->test->needs) / sizeof(t->test->needs[0]); i++) {
		uint32_t id = t->test->needs[i];

		if (id == 0)
			continue;
		OK(hy_host_cap(t->host, id, &cap));
		if (cap.how == HY_CAP_ABSENT)
			conform_skip("%s is absent: %s", hy_cap_name(id), cap.reason ? cap.reason : "no reason given");
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

/* Of the one case that the process runs; apart from the stack, which is unwound. */
static struct conform current;
static jmp_buf way_out;
static enum { RUNS, ENDS, COMPLAINED } progress;

void case_leave(enum case_status status)
{
	fflush(stdout);
	if (!case_unwind)
		_Exit(status);
	if (progress == RUNS && !case_unwind->can_unwind(status))
		_Exit(case_unwind->end(false));
	if (progress == ENDS)
		progress = COMPLAINED;
	longjmp(way_out, 1);
}

static void end_vcpus(struct conform *t)
{
	for (size_t i = 0; i < CONFORM_OBJECTS; i++) {
		if (t->vcpus[i] == t->vcpu)
			t->vcpu = NULL;
		OK(hy_vcpu_destroy(t->vcpus[i]));
	}
	OK(hy_vcpu_destroy(t->vcpu));
}

static void end_all(struct conform *t)
{
	end_vcpus(t);
	for (size_t i = 0; i < CONFORM_OBJECTS; i++) {
		if (t->vms[i] == t->vm)
			t->vm = NULL;
		OK(hy_vm_destroy(t->vms[i]));
	}
	OK(hy_vm_destroy(t->vm));
	OK(hy_host_close(t->host));
}

static void run_case(struct conform *t)
{
	OK(hy_host_open(t->options, &t->host));
	check_needs(t);
	check_arch(t);
	t->test->run(t);
}

void case_main(const struct conform_case *test, const struct hy_host_options *options)
{
	current = (struct conform){ .test = test, .options = options };
	if (case_unwind)
		case_unwind->begin();
	if (setjmp(way_out) == 0)
		run_case(&current);
	if (progress == RUNS) {
		progress = ENDS;
		end_all(&current);
	}
	fflush(stdout);
	_Exit(case_unwind ? case_unwind->end(progress == ENDS) : CASE_PASSED);
}
