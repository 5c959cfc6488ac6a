/* SPDX-License-Identifier: MIT */
/* core/vcpu.c and vm.c: options, life, owners, references, registers, fork. */
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hy/x86.h>

#include "harness.h"

static struct fake_control *fake;
static struct hy_host *host;
static struct hy_vm *vm;
static struct hy_vcpu *vcpu;

static void start(void)
{
	fake = fake_load("fake");
	host = fake_host();
	ck_assert_int_eq(hy_vm_create(host, NULL, &vm), 0);
	ck_assert_int_eq(hy_vcpu_create(vm, NULL, &vcpu), 0);
}

static void end(void)
{
	ck_assert_int_eq(hy_vcpu_destroy(vcpu), 0);
	ck_assert_int_eq(hy_vm_destroy(vm), 0);
	fake_close_clean(host);
}

/* Runs `job` in another thread and gives what it returns. */
static int in_thread(void *(*job)(void *))
{
	pthread_t thread;
	void *result;

	ck_assert_int_eq(pthread_create(&thread, NULL, job, NULL), 0);
	ck_assert_int_eq(pthread_join(thread, &result), 0);
	return (int)(intptr_t)result;
}

static int try_vm(const struct hy_vm_options *options)
{
	struct hy_vm *made = (void *)1;
	int status = hy_vm_create(host, options, &made);

	ck_assert(status == 0 || made == NULL);
	return status == 0 ? hy_vm_destroy(made) : status;
}

START_TEST(vm_options)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	struct {
		struct hy_vm_options known;
		uint64_t newer;
	} newer = { HY_VM_OPTIONS_INIT, 0 };
	struct hy_vm *none;

	start();
	options.flags = 1;
	expect_error(try_vm(&options), HY_E_INVALID, "hy_vm_options.flags");
	options = (struct hy_vm_options)HY_VM_OPTIONS_INIT;
	options.arch = HY_ARCH_ARM64;
	expect_error(try_vm(&options), HY_E_UNSUPPORTED, "architecture 2");
	options.arch = 77;
	expect_error(try_vm(&options), HY_E_UNSUPPORTED, "architecture 77");
	options.arch = HY_ARCH_X86_64;
	options.vcpus = 9;
	expect_error(try_vm(&options), HY_E_LIMIT, "at most 8");
	options.vcpus = 8;
	options.x86_cpuid_count = 3;
	expect_error(try_vm(&options), HY_E_INVALID, "x86_cpuid");
	options.size = 0;
	expect_error(try_vm(&options), HY_E_INVALID, "hy_vm_options.size");
	newer.known.size = sizeof(newer);
	ck_assert_int_eq(try_vm(&newer.known), 0);
	newer.newer = 1;
	expect_error(try_vm(&newer.known), HY_E_INVALID, "doesn't know");
	options = (struct hy_vm_options)HY_VM_OPTIONS_INIT;
	options.size = offsetof(struct hy_vm_options, memory); /* an older program */
	options.x86_cpuid_count = 3;                           /* not looked at */
	ck_assert_int_eq(try_vm(&options), 0);
	expect_error(hy_vm_create(NULL, NULL, &none), HY_E_INVALID, "the host is NULL");
	expect_error(hy_vm_create(host, NULL, NULL), HY_E_INVALID, "vm is NULL");
	end();
}
END_TEST

START_TEST(msr_exits_are_checked)
{
	struct hy_x86_msr_range range = { .first = UINT32_MAX, .count = 1, .read = 1 };
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;

	start();
	options.x86_msr_exits = &range;
	options.x86_msr_exit_count = 1;
	expect_error(try_vm(&options), HY_E_UNSUPPORTED, "MSR exits");
	fake->cap[HY_CAP_MSR_EXIT].how = HY_CAP_HOST;
	ck_assert_int_eq(try_vm(&options), 0);
	range.count = 2;
	expect_error(try_vm(&options), HY_E_INVALID, "range 0");
	range.count = 0;
	expect_error(try_vm(&options), HY_E_INVALID, "range 0");
	range = (struct hy_x86_msr_range){ .first = 1, .count = 1 };
	expect_error(try_vm(&options), HY_E_INVALID, "range 0");
	end();
}
END_TEST

START_TEST(vm_limit_of_the_host)
{
	struct hy_vm *second;

	fake = fake_load("fake");
	fake->cap[HY_CAP_MAX_VMS] = (struct hy_cap){ .how = HY_CAP_HOST, .value = 1 };
	host = fake_host();
	ck_assert_int_eq(hy_vm_create(host, NULL, &vm), 0);
	expect_error(hy_vm_create(host, NULL, &second), HY_E_LIMIT, "at most 1 VMs");
	ck_assert_int_eq(hy_vm_destroy(vm), 0);
	ck_assert_int_eq(hy_vm_create(host, NULL, &vm), 0);
	ck_assert_int_eq(hy_vcpu_create(vm, NULL, &vcpu), 0);
	end();
}
END_TEST

START_TEST(parents_outlive_children)
{
	start();
	expect_error(hy_host_close(host), HY_E_BUSY, "1 VMs");
	expect_error(hy_vm_destroy(vm), HY_E_BUSY, "1 vCPUs");
	end();
}
END_TEST

START_TEST(vcpu_ids)
{
	struct hy_vcpu_options options = HY_VCPU_OPTIONS_INIT;
	struct hy_vcpu *second;

	start();
	expect_error(hy_vcpu_create(vm, NULL, &second), HY_E_EXISTS, "id 0 is taken");
	ck_assert_ptr_null(second);
	options.id = 1;
	expect_error(hy_vcpu_create(vm, &options, &second), HY_E_INVALID, "made for 1 vCPUs");
	options.flags = 4;
	expect_error(hy_vcpu_create(vm, &options, &second), HY_E_INVALID, "flags");
	ck_assert_int_eq(hy_vcpu_destroy(vcpu), 0);
	ck_assert_int_eq(hy_vcpu_create(vm, NULL, &vcpu), 0);
	end();
}
END_TEST

static void *use_elsewhere(void *unused)
{
	const struct hy_exit *exit;
	uint64_t value;
	size_t size;

	(void)unused;
	expect_error(hy_vcpu_run(vcpu, &exit), HY_E_THREAD, "another thread");
	ck_assert_ptr_null(exit);
	expect_error(hy_vcpu_complete(vcpu, &exit), HY_E_THREAD, "another thread");
	expect_error(hy_vcpu_reset(vcpu), HY_E_THREAD, "another thread");
	expect_error(hy_vcpu_destroy(vcpu), HY_E_THREAD, "another thread");
	expect_error(hy_vcpu_get_reg(vcpu, HY_X86_RAX, &value), HY_E_THREAD, "another thread");
	expect_error(hy_vcpu_set_reg(vcpu, HY_X86_RAX, 1), HY_E_THREAD, "another thread");
	expect_error(hy_vcpu_answer(vcpu, 1), HY_E_THREAD, "another thread");
	ck_assert_ptr_null(hy_vcpu_data(vcpu, &size));
	ck_assert_int_eq(hy_vcpu_kick(vcpu), 0);
	return NULL;
}

START_TEST(only_the_owner_uses_a_vcpu)
{
	start();
	in_thread(use_elsewhere);
	end();
}
END_TEST

static void *bind_and_use(void *unused)
{
	(void)unused;
	ck_assert_int_eq(hy_vcpu_bind(vcpu), 0);
	ck_assert_int_eq(hy_vcpu_set_reg(vcpu, HY_X86_RAX, 1), 0);
	return NULL;
}

START_TEST(bind_moves_a_vcpu)
{
	start();
	in_thread(bind_and_use);
	/* A new thread may get the old one's address, but not its vCPU. */
	in_thread(use_elsewhere);
	expect_error(hy_vcpu_set_reg(vcpu, HY_X86_RAX, 1), HY_E_THREAD, "another thread");
	fake->fail_at[FAKE_BIND] = 1;
	expect_error(hy_vcpu_bind(vcpu), HY_E_HOST, "fake: operation");
	expect_error(hy_vcpu_set_reg(vcpu, HY_X86_RAX, 1), HY_E_THREAD, "another thread");
	ck_assert_int_eq(hy_vcpu_bind(vcpu), 0);
	ck_assert_int_eq(hy_vcpu_bind(vcpu), 0);
	end();
}
END_TEST

static void *bind_running(void *unused)
{
	int status;

	(void)unused;
	status = hy_vcpu_bind(vcpu);
	hy_vcpu_kick(vcpu);
	return (void *)(intptr_t)status;
}

static pthread_t binder;

static int start_binder_then_stay(struct hy_backend_vcpu *be)
{
	static bool started;

	if (!started)
		ck_assert_int_eq(pthread_create(&binder, NULL, bind_running, NULL), 0);
	started = true;
	while (!__atomic_load_n(&be->requests, __ATOMIC_SEQ_CST))
		sched_yield();
	return HY_RUN_INTERRUPTED;
}

START_TEST(a_running_vcpu_does_not_move)
{
	const struct hy_exit *exit;
	void *status;

	start();
	fake->run = start_binder_then_stay;
	ck_assert_int_eq(hy_vcpu_run(vcpu, &exit), 0);
	ck_assert_uint_eq(exit->kind, HY_EXIT_CANCELED);
	pthread_join(binder, &status);
	ck_assert_int_eq((int)(intptr_t)status, HY_E_BUSY);
	end();
}
END_TEST

START_TEST(references_outlive_the_vcpu)
{
	const struct hy_exit *exit;
	struct hy_vcpu *mine;

	start();
	mine = hy_vcpu_ref(vcpu);
	ck_assert_ptr_eq(mine, vcpu);
	ck_assert_int_eq(hy_vcpu_destroy(vcpu), 0);
	ck_assert_int_eq(hy_vcpu_kick(mine), 0);
	expect_error(hy_vcpu_run(mine, &exit), HY_E_GONE, "destroyed");
	expect_error(hy_vcpu_bind(mine), HY_E_GONE, "destroyed");
	expect_error(hy_vcpu_destroy(mine), HY_E_GONE, "destroyed");
	hy_vcpu_unref(mine);
	hy_vcpu_unref(NULL);
	ck_assert_ptr_null(hy_vcpu_ref(NULL));
	ck_assert_int_eq(hy_vcpu_create(vm, NULL, &vcpu), 0);
	end();
}
END_TEST

START_TEST(reset_state_is_written)
{
	static const hy_reg ids[] = { HY_X86_RIP, HY_X86_RFLAGS, HY_X86_CS, HY_X86_CR0, HY_X86_RDX, HY_X86_DR6,
		                      HY_X86_MSR(HY_X86_MSR_PAT) };
	union hy_value value[7];

	start();
	ck_assert_int_eq(hy_vcpu_set_reg(vcpu, HY_X86_RIP, 5), 0);
	ck_assert_int_eq(hy_vcpu_reset(vcpu), 0);
	ck_assert_int_eq(hy_vcpu_get_regs(vcpu, ids, value, 7), 0);
	ck_assert_uint_eq(value[0].u64, 0xfff0);
	ck_assert_uint_eq(value[1].u64, 2);
	ck_assert_uint_eq(value[2].segment.base, 0xffff0000);
	ck_assert_uint_eq(value[2].segment.selector, 0xf000);
	ck_assert_uint_eq(value[3].u64, 0x60000010);
	ck_assert_uint_eq(value[4].u64, 0x623); /* the fake's CPUID signature */
	ck_assert_uint_eq(value[5].u64, 0xffff0ff0);
	ck_assert_uint_eq(value[6].u64, 0x0007040600070406);
	end();
}
END_TEST

START_TEST(register_ids_are_checked)
{
	hy_reg id = HY_X86_RAX;
	union hy_value value;
	uint64_t number;

	start();
	expect_error(hy_vcpu_get_reg(vcpu, 0, &number), HY_E_INVALID, "no register");
	expect_error(hy_vcpu_get_reg(vcpu, HY_REG(HY_ARCH_ARM64, 8, 1, 0), &number), HY_E_INVALID, "no register");
	expect_error(hy_vcpu_get_reg(vcpu, HY_X86_GENERAL(16), &number), HY_E_INVALID, "no register");
	expect_error(hy_vcpu_get_reg(vcpu, HY_X86_CONTROL(1), &number), HY_E_INVALID, "no register");
	expect_error(hy_vcpu_get_reg(vcpu, HY_X86_DEBUG(4), &number), HY_E_INVALID, "no register");
	expect_error(hy_vcpu_get_reg(vcpu, HY_X86_RAX | 1ull << 35, &number), HY_E_INVALID, "no register");
	expect_error(hy_vcpu_get_reg(vcpu, HY_X86_CS, &number), HY_E_INVALID, "wider than 64 bits");
	expect_error(hy_vcpu_set_reg(vcpu, HY_X86_CS, 1), HY_E_INVALID, "wider than 64 bits");
	expect_error(hy_vcpu_get_reg(vcpu, HY_X86_RAX, NULL), HY_E_INVALID, "NULL");
	expect_error(hy_vcpu_get_regs(vcpu, NULL, &value, 1), HY_E_INVALID, "NULL");
	expect_error(hy_vcpu_set_regs(vcpu, &id, NULL, 1), HY_E_INVALID, "NULL");
	ck_assert_int_eq(hy_vcpu_get_regs(vcpu, NULL, NULL, 0), 0);
	expect_error(hy_vcpu_get_regs(NULL, &id, &value, 1), HY_E_INVALID, "the vCPU is NULL");
	end();
}
END_TEST

START_TEST(register_names)
{
	char name[32];

	ck_assert_int_eq(hy_reg_name(HY_X86_R15, name, sizeof(name)), 0);
	ck_assert_str_eq(name, "r15");
	ck_assert_int_eq(hy_reg_name(HY_X86_MSR(0xc0000080), name, sizeof(name)), 0);
	ck_assert_str_eq(name, "msr 0xc0000080");
	ck_assert_int_eq(hy_reg_name(HY_X86_EFER, name, 3), 0);
	ck_assert_str_eq(name, "ef");
	ck_assert_int_eq(hy_reg_name(1, name, sizeof(name)), HY_E_INVALID);
	ck_assert_int_eq(hy_reg_name(HY_X86_RAX, name, 0), HY_E_INVALID);
}
END_TEST

/* The backend's own: registers of any class and size pass, resets are the backend's, x86 has nothing to say. */
START_TEST(a_custom_architecture)
{
	const hy_reg byte = HY_REG(HY_ARCH_CUSTOM, 1, 200, 300), wide = HY_REG(HY_ARCH_CUSTOM, 16, 0, 7);
	const struct hy_x86_msr_range range = { .first = 1, .count = 1, .read = 1 };
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	union hy_value value = { .u128 = { 1, 2 } };
	char name[64];
	uint64_t number;
	unsigned resets;

	start();
	ck_assert_int_eq(hy_vcpu_destroy(vcpu), 0);
	ck_assert_int_eq(hy_vm_destroy(vm), 0);
	options.arch = HY_ARCH_CUSTOM;
	options.x86_msr_exits = &range;
	options.x86_msr_exit_count = 1;
	expect_error(try_vm(&options), HY_E_UNSUPPORTED, "x86_msr_exits");
	options.x86_msr_exit_count = 0;
	options.x86_cpuid_count = 1;
	expect_error(try_vm(&options), HY_E_UNSUPPORTED, "x86_cpuid");
	options.x86_cpuid_count = 0;
	ck_assert_int_eq(hy_vm_create(host, &options, &vm), 0);
	resets = fake->calls[FAKE_RESET];
	fake->calls[FAKE_SET_REGS] = 0;
	ck_assert_int_eq(hy_vcpu_create(vm, NULL, &vcpu), 0);
	ck_assert_int_eq(hy_vcpu_reset(vcpu), 0);
	ck_assert_uint_eq(fake->calls[FAKE_RESET], resets + 2);
	ck_assert_uint_eq(fake->calls[FAKE_SET_REGS], 0);
	ck_assert_int_eq(hy_vcpu_set_reg(vcpu, byte, 0x7f), 0);
	ck_assert_int_eq(hy_vcpu_get_reg(vcpu, byte, &number), 0);
	ck_assert_uint_eq(number, 0x7f);
	expect_error(hy_vcpu_set_reg(vcpu, byte, 0x100), HY_E_INVALID, "too wide");
	ck_assert_int_eq(hy_vcpu_set_regs(vcpu, &wide, &value, 1), 0);
	expect_error(hy_vcpu_get_reg(vcpu, HY_X86_RAX, &number), HY_E_INVALID, "no register");
	expect_error(hy_vcpu_get_reg(vcpu, HY_REG(HY_ARCH_CUSTOM, 0, 1, 1), &number), HY_E_INVALID, "no register");
	expect_error(hy_vcpu_get_reg(vcpu, HY_REG(HY_ARCH_CUSTOM, 17, 1, 1), &number), HY_E_INVALID, "wider");
	expect_error(hy_vcpu_get_reg(vcpu, byte | 1ull << 35, &number), HY_E_INVALID, "no register");
	ck_assert_int_eq(hy_reg_name(byte, name, sizeof(name)), 0);
	ck_assert_str_eq(name, "register 300 of class 200");
	end();
}
END_TEST

/* Each operation fails once on the way up; nothing stays behind, and the story is told. */
START_TEST(failures_on_the_way_leave_nothing)
{
	static const enum fake_op ops[] = { FAKE_VM_CREATE, FAKE_VCPU_CREATE, FAKE_RESET, FAKE_SET_REGS, FAKE_GET_REGS };

	fake = fake_load("fake");
	for (size_t i = 0; i < 2 * sizeof(ops) / sizeof(ops[0]); i++) {
		int status;

		host = fake_host(); /* a new one: its first reset is read back */
		fake->fail_silently = i % 2;
		fake->fail_at[ops[i / 2]] = 1;
		status = hy_vm_create(host, NULL, &vm);
		if (status == 0)
			status = hy_vcpu_create(vm, NULL, &vcpu);
		expect_error(status, HY_E_HOST, i % 2 ? "without saying why" : "fake: operation");
		if (i % 2 == 0)
			ck_assert_str_eq(hy_error()->host_name, "EFAKE");
		ck_assert_int_eq(hy_vm_destroy(vm), 0);
		fake_close_clean(host);
	}
}
END_TEST

static int child_of_fork(void)
{
	const struct hy_exit *exit;
	struct hy_host *own;
	uint64_t value;
	char byte;

	if (hy_vcpu_run(vcpu, &exit) != HY_E_FORKED || hy_vcpu_get_reg(vcpu, HY_X86_RAX, &value) != HY_E_FORKED)
		return 1;
	if (hy_vm_read(vm, 0, &byte, 1) != HY_E_FORKED || hy_vcpu_kick(vcpu) != HY_E_FORKED)
		return 2;
	if (hy_vcpu_destroy(vcpu) != 0 || hy_vm_destroy(vm) != 0 || hy_host_close(host) != 0)
		return 3;
	own = fake_host();
	return hy_host_close(own) == 0 ? 0 : 4;
}

START_TEST(a_forked_child_may_only_free)
{
	int status;
	pid_t child;

	start();
	ck_assert_int_eq(hy_vm_alloc_memory(vm, 0, 4096, HY_PROT_RWX, 0), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0)
		_exit(child_of_fork());
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(hy_vcpu_set_reg(vcpu, HY_X86_RAX, 1), 0);
	end();
}
END_TEST

/* --- Managed vCPUs and HY_STRICT ---------------------------------------------------- */

static void start_managed(void)
{
	struct hy_vcpu_options options = HY_VCPU_OPTIONS_INIT;

	fake = fake_load("fake");
	host = fake_host();
	options.flags = HY_VCPU_MANAGED;
	ck_assert_int_eq(hy_vm_create(host, NULL, &vm), 0);
	ck_assert_int_eq(hy_vcpu_create(vm, &options, &vcpu), 0);
}

static pthread_t guest_thread;

static int note_thread(struct hy_backend_vcpu *be)
{
	guest_thread = pthread_self();
	memset(be->exit, 0, sizeof(*be->exit));
	be->exit->kind = HY_EXIT_HALT;
	return 0;
}

static void *use_managed(void *unused)
{
	const struct hy_exit *exit;
	uint64_t value;

	(void)unused;
	ck_assert_int_eq(hy_vcpu_set_reg(vcpu, HY_X86_RAX, 5), 0);
	ck_assert_int_eq(hy_vcpu_get_reg(vcpu, HY_X86_RAX, &value), 0);
	ck_assert_uint_eq(value, 5);
	ck_assert_int_eq(hy_vcpu_run(vcpu, &exit), 0);
	ck_assert_uint_eq(exit->kind, HY_EXIT_HALT);
	ck_assert(!pthread_equal(guest_thread, pthread_self()));
	return NULL;
}

START_TEST(any_thread_uses_a_managed_vcpu)
{
	start_managed();
	fake->run = note_thread;
	in_thread(use_managed);
	use_managed(NULL);
	expect_error(hy_vcpu_bind(vcpu), HY_E_UNSUPPORTED, "managed");
	end();
}
END_TEST

START_TEST(a_managed_vcpus_failure_is_told_in_the_callers_thread)
{
	start_managed();
	fake->fail_at[FAKE_SET_REGS] = 1;
	expect_error(hy_vcpu_set_reg(vcpu, HY_X86_RAX, 5), HY_E_HOST, "fake: operation");
	ck_assert_str_eq(hy_error()->host_name, "EFAKE");
	ck_assert_str_eq(hy_error()->hint, "don't ask for failures");
	end();
}
END_TEST

static unsigned entered;

static int enter_and_stay(struct hy_backend_vcpu *be)
{
	__atomic_store_n(&entered, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&be->requests, __ATOMIC_SEQ_CST))
		sched_yield();
	return HY_RUN_INTERRUPTED;
}

static void *run_to_kick(void *unused)
{
	const struct hy_exit *exit;

	(void)unused;
	ck_assert_int_eq(hy_vcpu_run(vcpu, &exit), 0);
	ck_assert_uint_eq(exit->kind, HY_EXIT_CANCELED);
	return NULL;
}

START_TEST(a_managed_vcpu_does_one_call_at_a_time)
{
	pthread_t thread;
	uint64_t value;

	start_managed();
	entered = 0;
	fake->run = enter_and_stay;
	ck_assert_int_eq(pthread_create(&thread, NULL, run_to_kick, NULL), 0);
	while (!__atomic_load_n(&entered, __ATOMIC_SEQ_CST))
		sched_yield();
	expect_error(hy_vcpu_get_reg(vcpu, HY_X86_RAX, &value), HY_E_BUSY, "in use by another call");
	expect_error(hy_vcpu_destroy(vcpu), HY_E_BUSY, "in use by another call");
	ck_assert_int_eq(hy_vcpu_kick(vcpu), 0);
	pthread_join(thread, NULL);
	end();
}
END_TEST

START_TEST(a_managed_vcpu_that_fails_leaves_nothing)
{
	struct hy_vcpu_options options = HY_VCPU_OPTIONS_INIT;

	fake = fake_load("fake");
	host = fake_host();
	options.flags = HY_VCPU_MANAGED;
	ck_assert_int_eq(hy_vm_create(host, NULL, &vm), 0);
	fake->fail_at[FAKE_VCPU_CREATE] = 1;
	expect_error(hy_vcpu_create(vm, &options, &vcpu), HY_E_HOST, "fake: operation");
	ck_assert_ptr_null(vcpu);
	ck_assert_int_eq(hy_vm_destroy(vm), 0);
	fake_close_clean(host);
}
END_TEST

static void start_strict(void)
{
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;

	fake = fake_load("fake");
	setenv("HY_STRICT", "1", 1);
	options.path = getenv("HY_TEST_FAKE");
	options.backend = "fake";
	ck_assert_int_eq(hy_host_open(&options, &host), 0);
	unsetenv("HY_STRICT");
}

START_TEST(strict_has_the_limits_of_every_host)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	struct hy_vcpu_options second = HY_VCPU_OPTIONS_INIT;
	struct hy_vcpu *other;
	struct hy_vm *none;
	struct hy_cap cap;

	start_strict();
	options.vcpus = 2;
	second.id = 1;
	ck_assert_int_eq(hy_host_cap(host, HY_CAP_BIND, &cap), 0);
	ck_assert_uint_eq(cap.how, HY_CAP_ABSENT);
	ck_assert_int_eq(hy_vm_create(host, &options, &vm), 0);
	expect_error(hy_vm_create(host, NULL, &none), HY_E_LIMIT, "HY_STRICT=1");
	ck_assert_int_eq(hy_vcpu_create(vm, NULL, &vcpu), 0);
	expect_error(hy_vcpu_create(vm, &second, &other), HY_E_LIMIT, "at most 1 vCPUs");
	expect_error(hy_vcpu_bind(vcpu), HY_E_UNSUPPORTED, "HY_STRICT=1");
	second.flags = HY_VCPU_MANAGED;
	ck_assert_int_eq(hy_vcpu_create(vm, &second, &other), 0);
	ck_assert_int_eq(hy_vcpu_destroy(other), 0);
	end();
}
END_TEST

/* What 8 threads do at once, each with a VM of its own and in one shared VM. */
static void *life_cycles(void *arg)
{
	struct hy_vcpu_options options = HY_VCPU_OPTIONS_INIT;
	struct hy_vcpu *shared, *own;
	struct hy_vm *mine;

	options.id = (uint32_t)(uintptr_t)arg;
	for (int i = 0; i < 200; i++) {
		ck_assert_int_eq(hy_vm_create(host, NULL, &mine), 0);
		ck_assert_int_eq(hy_vm_alloc_memory(vm, options.id * 65536u, 65536, HY_PROT_RWX, 0), 0);
		ck_assert_int_eq(hy_vcpu_create(mine, NULL, &own), 0);
		ck_assert_int_eq(hy_vcpu_create(vm, &options, &shared), 0);
		ck_assert_int_eq(hy_vm_protect_memory(vm, options.id * 65536u + 4096, 4096, HY_PROT_RX, 0), 0);
		ck_assert_int_eq(hy_vcpu_destroy(own), 0);
		ck_assert_int_eq(hy_vcpu_destroy(shared), 0);
		ck_assert_int_eq(hy_vm_unmap_memory(vm, options.id * 65536u, 65536, 0), 0);
		ck_assert_int_eq(hy_vm_destroy(mine), 0);
	}
	return NULL;
}

START_TEST(threads_at_once)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	pthread_t thread[8];

	fake = fake_load("fake");
	host = fake_host();
	options.vcpus = 8;
	ck_assert_int_eq(hy_vm_create(host, &options, &vm), 0);
	for (uintptr_t i = 0; i < 8; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, life_cycles, (void *)i), 0);
	for (size_t i = 0; i < 8; i++)
		pthread_join(thread[i], NULL);
	ck_assert_int_eq(hy_vm_destroy(vm), 0);
	fake_close_clean(host);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		vm_options,
		msr_exits_are_checked,
		vm_limit_of_the_host,
		parents_outlive_children,
		vcpu_ids,
		only_the_owner_uses_a_vcpu,
		bind_moves_a_vcpu,
		a_running_vcpu_does_not_move,
		references_outlive_the_vcpu,
		reset_state_is_written,
		register_ids_are_checked,
		register_names,
		a_custom_architecture,
		failures_on_the_way_leave_nothing,
		a_forked_child_may_only_free,
		any_thread_uses_a_managed_vcpu,
		a_managed_vcpus_failure_is_told_in_the_callers_thread,
		a_managed_vcpu_does_one_call_at_a_time,
		a_managed_vcpu_that_fails_leaves_nothing,
		strict_has_the_limits_of_every_host,
		threads_at_once,
		NULL,
	};

	return run_suite("vcpu", tests, 60);
}
