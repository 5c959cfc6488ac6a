/* SPDX-License-Identifier: MIT */
/* Which thread may do what: owners, managed vCPUs, and HY_STRICT. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#include "conform.h"

#define GUEST_OF(array) { array, array + sizeof(array) }

/* Real mode.  in $0x42, %al; hlt */
static const uint8_t ask_code[] = { 0xe4, 0x42, 0xf4 };
static const struct guest ask = GUEST_OF(ask_code);

/* jmp . */
static const uint8_t spin_code[] = { 0xeb, 0xfe };
static const struct guest spin = GUEST_OF(spin_code);

/* incb (%bx); again: cmpb $2, DATA; jb again; hlt: waits until both have been here */
static const uint8_t meet_code[] = { 0xf0, 0xfe, 0x07, 0x80, 0x3e, 0x00, 0x40, 0x02, 0x72, 0xf9, 0xf4 };
static const struct guest meet = GUEST_OF(meet_code);

/* again: incb DATA; jmp again */
static const uint8_t count_code[] = { 0xfe, 0x06, 0x00, 0x40, 0xeb, 0xfa };
static const struct guest count = GUEST_OF(count_code);

/* Until the guest of `count` has counted: it is surely being run. */
static void wait_for_guest(struct conform *t)
{
	uint8_t counted = 0;

	while (counted == 0) {
		sched_yield();
		read_ram(t, DATA, &counted, 1);
	}
}

static pthread_t start(void *(*body)(void *), void *arg)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, body, arg) == 0);
	return thread;
}

/* Runs `body` in another thread, to its end. */
static void elsewhere(void *(*body)(void *), void *arg)
{
	CHECK(pthread_join(start(body, arg), NULL) == 0);
}

/* --- Owners ------------------------------------------------------------------------------ */

static void *use_foreign(void *arg)
{
	struct hy_vcpu *vcpu = arg;
	const struct hy_exit *exit;
	union hy_value full;
	hy_reg id = HY_X86_RIP;
	uint64_t value;

	FAILS(hy_vcpu_run(vcpu, &exit), HY_E_THREAD, "another thread");
	CHECK(hy_error()->hint[0]);
	FAILS(hy_vcpu_run_until(vcpu, 0, &exit), HY_E_THREAD, "another thread");
	FAILS(hy_vcpu_complete(vcpu, &exit), HY_E_THREAD, "another thread");
	FAILS(hy_vcpu_get_regs(vcpu, &id, &full, 1), HY_E_THREAD, "another thread");
	FAILS(hy_vcpu_set_regs(vcpu, &id, &full, 1), HY_E_THREAD, "another thread");
	FAILS(hy_vcpu_get_reg(vcpu, id, &value), HY_E_THREAD, "another thread");
	FAILS(hy_vcpu_set_reg(vcpu, id, 0), HY_E_THREAD, "another thread");
	FAILS(hy_vcpu_answer(vcpu, 0), HY_E_THREAD, "another thread");
	FAILS(hy_vcpu_refuse(vcpu), HY_E_THREAD, "another thread");
	FAILS(hy_vcpu_reset(vcpu), HY_E_THREAD, "another thread");
	FAILS(hy_vcpu_destroy(vcpu), HY_E_THREAD, "another thread");
	CHECK(!hy_vcpu_data(vcpu, NULL));
	return NULL;
}

static void owner_only(struct conform *t)
{
	conform_boot(t, REAL, ask);
	RUN(t, HY_EXIT_IO);
	elsewhere(use_foreign, t->vcpu);
	OK(hy_vcpu_answer(t->vcpu, 0x66));
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX) & 0xff, 0x66);
}

static void *xsave_foreign(void *arg)
{
	uint8_t image[1];
	size_t size = 0;

	FAILS(hy_x86_get_xsave(arg, NULL, &size), HY_E_THREAD, "another thread");
	FAILS(hy_x86_set_xsave(arg, image, sizeof(image)), HY_E_THREAD, "another thread");
	return NULL;
}

static void owner_only_xsave(struct conform *t)
{
	elsewhere(xsave_foreign, new_vcpu(t, new_vm(t, NULL), 0));
}

static void *kick_foreign(void *arg)
{
	struct hy_vcpu *vcpu = hy_vcpu_ref(arg);

	OK(hy_vcpu_kick(vcpu));
	hy_vcpu_unref(vcpu);
	return NULL;
}

static void anybody_kicks(struct conform *t)
{
	conform_boot(t, REAL, spin);
	elsewhere(kick_foreign, t->vcpu);
	RUN(t, HY_EXIT_CANCELED);
}

/* --- Binding ------------------------------------------------------------------------------- */

static void *bind_here(void *arg)
{
	struct conform *t = arg;

	OK(hy_vcpu_bind(t->vcpu));
	IN(t, 0x42, 1, 0x31);
	return NULL;
}

/* The access that is pending moves with it. */
static void bind_moves(struct conform *t)
{
	const struct hy_exit *exit;

	conform_boot(t, REAL, ask);
	elsewhere(bind_here, t);
	FAILS(hy_vcpu_run(t->vcpu, &exit), HY_E_THREAD, "another thread");
	FAILS(hy_vcpu_destroy(t->vcpu), HY_E_THREAD, "another thread");
	OK(hy_vcpu_bind(t->vcpu));
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX) & 0xff, 0x31);
}

static void bind_own(struct conform *t)
{
	conform_boot(t, REAL, ask);
	OK(hy_vcpu_bind(t->vcpu));
	IN(t, 0x42, 1, 0x31);
	OK(hy_vcpu_bind(t->vcpu));
	HALT(t);
}

static void *bind_and_run(void *arg)
{
	struct conform *t = arg;

	OK(hy_vcpu_bind(t->vcpu));
	RUN(t, HY_EXIT_CANCELED);
	return NULL;
}

/* The old owner's kick reaches it where it runs now. */
static void kick_after_bind(struct conform *t)
{
	pthread_t thread;

	conform_boot(t, REAL, count);
	thread = start(bind_and_run, t);
	wait_for_guest(t);
	OK(hy_vcpu_kick(t->vcpu));
	pthread_join(thread, NULL);
	OK(hy_vcpu_bind(t->vcpu));
}

static void bind_while_running(struct conform *t)
{
	pthread_t thread;

	conform_boot(t, REAL, count);
	thread = start(bind_and_run, t);
	wait_for_guest(t);
	FAILS(hy_vcpu_bind(t->vcpu), HY_E_BUSY, "in use");
	CHECK(hy_error()->hint[0]);
	OK(hy_vcpu_kick(t->vcpu));
	pthread_join(thread, NULL);
	OK(hy_vcpu_bind(t->vcpu));
}

static void *destroy_here(void *arg)
{
	struct conform *t = arg;

	OK(hy_vcpu_bind(t->vcpu));
	OK(hy_vcpu_destroy(t->vcpu));
	t->vcpu = NULL;
	return NULL;
}

static void destroy_elsewhere(struct conform *t)
{
	conform_boot(t, REAL, ask);
	elsewhere(destroy_here, t);
	OK(hy_vcpu_create(t->vm, NULL, &t->vcpu));
	conform_place(t, t->vcpu, REAL, ask);
	IN(t, 0x42, 1, 1);
	HALT(t);
}

/* --- At once ---------------------------------------------------------------------------------- */

static void *meet_other(void *arg)
{
	struct conform *t = arg, own = *t;

	own.vcpu = NULL;
	OK(hy_vcpu_create(own.vm, &(struct hy_vcpu_options){ sizeof(struct hy_vcpu_options), 1, 0 }, &own.vcpu));
	conform_place(&own, own.vcpu, REAL, meet);
	OK(hy_vcpu_set_reg(own.vcpu, HY_X86_RBX, DATA));
	HALT(&own);
	OK(hy_vcpu_destroy(own.vcpu));
	return NULL;
}

/* Neither guest ends before the other has begun. */
static void two_vcpus(struct conform *t)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	pthread_t thread;

	options.vcpus = 2;
	OK(hy_vm_create(t->host, &options, &t->vm));
	OK(hy_vm_alloc_memory(t->vm, 0, RAM_SIZE, HY_PROT_RWX, 0));
	OK(hy_vcpu_create(t->vm, NULL, &t->vcpu));
	conform_place(t, t->vcpu, REAL, meet);
	set_reg(t, HY_X86_RBX, DATA);
	thread = start(meet_other, t);
	HALT(t);
	pthread_join(thread, NULL);
}

static void *change_memory(void *arg)
{
	struct conform *t = arg;

	for (unsigned i = 0; i < 100; i++) {
		OK(hy_vm_alloc_memory(t->vm, HOLE, 0x40000, HY_PROT_RWX, 0));
		OK(hy_vm_write(t->vm, HOLE + 0x8000, &i, sizeof(i)));
		OK(hy_vm_unmap_memory(t->vm, HOLE, 0x40000, 0));
	}
	OK(hy_vcpu_kick(t->vcpu));
	return NULL;
}

static void memory_while_running(struct conform *t)
{
	pthread_t thread;

	conform_boot(t, REAL, spin);
	thread = start(change_memory, t);
	RUN(t, HY_EXIT_CANCELED);
	pthread_join(thread, NULL);
}

static void *make_vms(void *arg)
{
	struct conform *t = arg;

	for (unsigned i = 0; i < 10; i++) {
		struct conform own = { .test = t->test, .host = t->host };

		conform_boot(&own, REAL, ask);
		IN(&own, 0x42, 1, 1);
		HALT(&own);
		OK(hy_vcpu_destroy(own.vcpu));
		OK(hy_vm_destroy(own.vm));
	}
	return NULL;
}

static void vms_in_threads(struct conform *t)
{
	pthread_t thread[4];
	struct hy_cap cap;

	OK(hy_host_cap(t->host, HY_CAP_MAX_VMS, &cap));
	if (cap.value != 0 && cap.value < 4)
		conform_skip("max-vms is %llu", (unsigned long long)cap.value);
	for (size_t i = 0; i < 4; i++)
		thread[i] = start(make_vms, t);
	for (size_t i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
}

/* --- Signals ------------------------------------------------------------------------------------ */

static void check_mask(const sigset_t *before)
{
	sigset_t now;

	pthread_sigmask(SIG_SETMASK, NULL, &now);
	for (int signal = 1; signal < 32; signal++) {
		if (sigismember(before, signal) != sigismember(&now, signal))
			FAIL("signal %d is %s now", signal, sigismember(&now, signal) ? "blocked" : "open");
	}
}

static void mask_is_put_back(struct conform *t)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	struct hy_vcpu *first, *second;
	struct hy_vm *vm;
	sigset_t before;

	options.vcpus = 2;
	vm = new_vm(t, &options);
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	first = new_vcpu(t, vm, 0);
	second = new_vcpu(t, vm, 1);
	end_vcpu(t, first);
	end_vcpu(t, second);
	check_mask(&before);
}

/* A kick that nobody has answered doesn't come out as a signal. */
static void kick_is_no_signal(struct conform *t)
{
	struct hy_vcpu *vcpu;
	sigset_t before, pending;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	vcpu = new_vcpu(t, new_vm(t, NULL), 0);
	elsewhere(kick_foreign, vcpu);
	end_vcpu(t, vcpu);
	check_mask(&before);
	CHECK(sigpending(&pending) == 0);
	for (int signal = 1; signal < 32; signal++)
		CHECK(sigismember(&pending, signal) == 0);
}

static void *own_and_destroy(void *arg)
{
	struct conform *t = arg;
	sigset_t before;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	OK(hy_vcpu_bind(t->vcpu));
	OK(hy_vcpu_destroy(t->vcpu));
	t->vcpu = NULL;
	check_mask(&before);
	return NULL;
}

static void mask_of_new_owner(struct conform *t)
{
	conform_boot(t, REAL, ask);
	elsewhere(own_and_destroy, t);
}

/* --- Managed vCPUs ----------------------------------------------------------------------------------- */

static void boot_managed(struct conform *t, struct guest guest)
{
	struct hy_vcpu_options options = HY_VCPU_OPTIONS_INIT;

	options.flags = HY_VCPU_MANAGED;
	OK(hy_vm_create(t->host, NULL, &t->vm));
	OK(hy_vm_alloc_memory(t->vm, 0, RAM_SIZE, HY_PROT_RWX, 0));
	OK(hy_vcpu_create(t->vm, &options, &t->vcpu));
	conform_place(t, t->vcpu, REAL, guest);
}

static void *answer_here(void *arg)
{
	IN((struct conform *)arg, 0x42, 1, 0x2a);
	return NULL;
}

/* Run here, answered there, run on here, read there. */
static void managed_anywhere(struct conform *t)
{
	boot_managed(t, ask);
	elsewhere(answer_here, t);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX) & 0xff, 0x2a);
	elsewhere(kick_foreign, t->vcpu);
	RUN(t, HY_EXIT_CANCELED);
}

static void *run_managed(void *arg)
{
	RUN((struct conform *)arg, HY_EXIT_CANCELED);
	return NULL;
}

static void managed_one_at_a_time(struct conform *t)
{
	pthread_t thread;
	uint64_t value;

	boot_managed(t, count);
	thread = start(run_managed, t);
	wait_for_guest(t);
	FAILS(hy_vcpu_get_reg(t->vcpu, HY_X86_RIP, &value), HY_E_BUSY, "in use");
	FAILS(hy_vcpu_reset(t->vcpu), HY_E_BUSY, "in use");
	FAILS(hy_vcpu_destroy(t->vcpu), HY_E_BUSY, "in use");
	OK(hy_vcpu_kick(t->vcpu));
	pthread_join(thread, NULL);
}

static void managed_stays(struct conform *t)
{
	boot_managed(t, ask);
	FAILS(hy_vcpu_bind(t->vcpu), HY_E_UNSUPPORTED, "managed");
	IN(t, 0x42, 1, 1);
	HALT(t);
}

/* A failure in the library's thread is told to the caller. */
static void managed_failure(struct conform *t)
{
	uint64_t value;

	boot_managed(t, ask);
	RUN(t, HY_EXIT_IO);
	FAILS(hy_vcpu_get_reg(t->vcpu, HY_X86_RIP, &value), HY_E_PENDING, "rip");
	CHECK(hy_error()->hint[0]);
}

static void managed_deadline(struct conform *t)
{
	const struct hy_exit *exit;
	uint64_t deadline;

	boot_managed(t, spin);
	deadline = hy_now() + 5000000;
	OK(hy_vcpu_run_until(t->vcpu, deadline, &exit));
	CHECK_EQ(exit->kind, HY_EXIT_DEADLINE);
	CHECK(hy_now() >= deadline);
}

static void managed_mask(struct conform *t)
{
	sigset_t before;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	boot_managed(t, ask);
	check_mask(&before);
}

static void managed_cycles(struct conform *t)
{
	for (unsigned i = 0; i < 50; i++) {
		boot_managed(t, ask);
		t->exit = NULL;
		IN(t, 0x42, 1, 1);
		HALT(t);
		OK(hy_vcpu_destroy(t->vcpu));
		t->vcpu = NULL;
		OK(hy_vm_destroy(t->vm));
		t->vm = NULL;
	}
}

/* --- HY_STRICT ---------------------------------------------------------------------------------------- */

/* The case's host once more, with every host's limits. */
static void open_strict(struct conform *t)
{
	OK(hy_host_close(t->host));
	t->host = NULL;
	CHECK(setenv("HY_STRICT", "1", 1) == 0);
	OK(hy_host_open(t->options, &t->host));
}

static void strict_vms(struct conform *t)
{
	struct hy_vm *vm, *second;

	open_strict(t);
	vm = new_vm(t, NULL);
	FAILS(hy_vm_create(t->host, NULL, &second), HY_E_LIMIT, "HY_STRICT");
	CHECK(!second);
	end_vm(t, vm);
	new_vm(t, NULL);
}

static void *create_in_thread(void *arg)
{
	struct hy_vcpu_options options = HY_VCPU_OPTIONS_INIT;
	struct hy_vcpu *vcpu;

	options.id = 1;
	OK(hy_vcpu_create(arg, &options, &vcpu));
	OK(hy_vcpu_destroy(vcpu));
	return NULL;
}

static void strict_vcpus(struct conform *t)
{
	struct hy_vcpu_options options = HY_VCPU_OPTIONS_INIT;
	struct hy_vm_options of_vm = HY_VM_OPTIONS_INIT;
	struct hy_vcpu *vcpu, *second;
	struct hy_vm *vm;

	open_strict(t);
	of_vm.vcpus = 2;
	vm = new_vm(t, &of_vm);
	vcpu = new_vcpu(t, vm, 0);
	options.id = 1;
	FAILS(hy_vcpu_create(vm, &options, &second), HY_E_LIMIT, "thread");
	CHECK(!second);
	elsewhere(create_in_thread, vm);
	end_vcpu(t, vcpu);
	new_vcpu(t, vm, 1);
}

/* A managed vCPU has a thread of its own, and so doesn't count. */
static void strict_managed(struct conform *t)
{
	struct hy_vcpu_options options = HY_VCPU_OPTIONS_INIT;
	struct hy_vm_options of_vm = HY_VM_OPTIONS_INIT;
	struct hy_vcpu *managed;
	struct hy_vm *vm;

	open_strict(t);
	of_vm.vcpus = 2;
	vm = new_vm(t, &of_vm);
	new_vcpu(t, vm, 0);
	options.id = 1;
	options.flags = HY_VCPU_MANAGED;
	OK(hy_vcpu_create(vm, &options, &managed));
	OK(hy_vcpu_destroy(managed));
}

static void *bind_refused(void *arg)
{
	FAILS(hy_vcpu_bind(arg), HY_E_UNSUPPORTED, "HY_STRICT");
	return NULL;
}

static void strict_bind(struct conform *t)
{
	struct hy_cap cap;

	open_strict(t);
	OK(hy_host_cap(t->host, HY_CAP_BIND, &cap));
	CHECK_EQ(cap.how, HY_CAP_ABSENT);
	elsewhere(bind_refused, new_vcpu(t, new_vm(t, NULL), 0));
}

static void strict_is_off(struct conform *t)
{
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;
	struct hy_cap cap, before;
	struct hy_host *host;

	if (t->options)
		options = *t->options;
	OK(hy_host_cap(t->host, HY_CAP_MAX_VMS, &before));
	CHECK(setenv("HY_STRICT", "0", 1) == 0);
	OK(hy_host_open(&options, &host));
	OK(hy_host_cap(host, HY_CAP_MAX_VMS, &cap));
	CHECK_EQ(cap.value, before.value);
	OK(hy_host_close(host));
}

const struct conform_case conform_threads[] = {
	{ "threads/owner-only", "HY-C37", owner_only, HY_ARCH_X86_64, { 0 } },
	{ "threads/owner-only-xsave", "HY-C37", owner_only_xsave, HY_ARCH_X86_64, { HY_CAP_XSAVE } },
	{ "threads/anybody-kicks", "HY-C32", anybody_kicks, HY_ARCH_X86_64, { 0 } },
	{ "threads/bind-moves", "HY-C39 HY-B60", bind_moves, HY_ARCH_X86_64, { HY_CAP_BIND } },
	{ "threads/bind-own", "HY-C39 HY-B60", bind_own, HY_ARCH_X86_64, { HY_CAP_BIND } },
	{ "threads/kick-after-bind", "HY-B60", kick_after_bind, HY_ARCH_X86_64, { HY_CAP_BIND } },
	{ "threads/bind-while-running", "HY-C39", bind_while_running, HY_ARCH_X86_64, { HY_CAP_BIND } },
	{ "threads/destroy-elsewhere", "HY-C39 HY-B60", destroy_elsewhere, HY_ARCH_X86_64, { HY_CAP_BIND } },
	{ "threads/two-vcpus", "HY-B61", two_vcpus, HY_ARCH_X86_64, { 0 } },
	{ "threads/memory-while-running", "HY-B61 HY-C34 HY-B68", memory_while_running, HY_ARCH_X86_64, { 0 } },
	{ "threads/vms-in-threads", "HY-B61 HY-B14", vms_in_threads, HY_ARCH_X86_64, { 0 } },
	{ "threads/mask-is-put-back", "HY-B62", mask_is_put_back, 0, { 0 } },
	{ "threads/kick-is-no-signal", "HY-B62", kick_is_no_signal, 0, { 0 } },
	{ "threads/mask-of-new-owner", "HY-B62 HY-B60", mask_of_new_owner, HY_ARCH_X86_64, { HY_CAP_BIND } },
	{ "threads/managed-anywhere", "HY-C40", managed_anywhere, HY_ARCH_X86_64, { 0 } },
	{ "threads/managed-one-at-a-time", "HY-C40", managed_one_at_a_time, HY_ARCH_X86_64, { 0 } },
	{ "threads/managed-stays", "HY-C40", managed_stays, HY_ARCH_X86_64, { 0 } },
	{ "threads/managed-failure", "HY-C40", managed_failure, HY_ARCH_X86_64, { 0 } },
	{ "threads/managed-deadline", "HY-C40 HY-C33", managed_deadline, HY_ARCH_X86_64, { HY_CAP_DEADLINE } },
	{ "threads/managed-mask", "HY-C40 HY-B62", managed_mask, HY_ARCH_X86_64, { 0 } },
	{ "threads/managed-cycles", "HY-C40 HY-B67", managed_cycles, HY_ARCH_X86_64, { 0 } },
	{ "threads/strict-vms", "HY-C41 HY-C10", strict_vms, 0, { 0 } },
	{ "threads/strict-vcpus", "HY-C41 HY-C10", strict_vcpus, 0, { 0 } },
	{ "threads/strict-managed", "HY-C41", strict_managed, 0, { 0 } },
	{ "threads/strict-bind", "HY-C41", strict_bind, 0, { 0 } },
	{ "threads/strict-is-off", "HY-C41", strict_is_off, 0, { 0 } },
	{ 0 },
};
