/* SPDX-License-Identifier: MIT */
/* How hosts, VMs and vCPUs come and go. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conform.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* mov DATA, %al; out %al, $0x42; hlt - in real mode */
static const uint8_t tell_code[] = { 0xa0, 0x00, 0x40, 0xe6, 0x42, 0xf4 };
static const struct guest tell = { tell_code, tell_code + sizeof(tell_code) };

/* in $0x42, %al; hlt */
static const uint8_t ask_code[] = { 0xe4, 0x42, 0xf4 };
static const struct guest ask = { ask_code, ask_code + sizeof(ask_code) };

/* A host's limit of VMs in a process leaves no room for more than one. */
static void need_vms(struct conform *t, uint64_t count)
{
	struct hy_cap cap;

	OK(hy_host_cap(t->host, HY_CAP_MAX_VMS, &cap));
	if (cap.value != 0 && cap.value < count)
		conform_skip("max-vms is %llu", (unsigned long long)cap.value);
}

/* Makes `vm` the one of the case's tools, for the time being. */
static void use(struct conform *t, struct hy_vm *vm, struct hy_vcpu *vcpu)
{
	t->vm = vm;
	t->vcpu = vcpu;
	t->exit = NULL;
}

/* --- Order --------------------------------------------------------------------------- */

static void nulls(struct conform *t)
{
	(void)t;
	OK(hy_vcpu_destroy(NULL));
	OK(hy_vm_destroy(NULL));
	OK(hy_host_close(NULL));
	hy_report_destroy(NULL);
	hy_vcpu_unref(NULL);
	CHECK(!hy_vcpu_ref(NULL));
}

/* Every order in which three vCPUs of a VM can end. */
static void orders(struct conform *t)
{
	static const uint32_t order[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		                             { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;

	options.vcpus = 3;
	for (size_t i = 0; i < COUNT(order); i++) {
		struct hy_vm *vm = new_vm(t, &options);
		struct hy_vcpu *vcpu[3];

		for (size_t n = 0; n < 3; n++)
			vcpu[order[i][n]] = new_vcpu(t, vm, order[i][n]);
		for (size_t n = 0; n < 3; n++)
			end_vcpu(t, vcpu[n]);
		end_vm(t, vm);
	}
}

static void vms_in_any_order(struct conform *t)
{
	struct hy_vm *first, *second;

	need_vms(t, 2);
	first = new_vm(t, NULL);
	second = new_vm(t, NULL);
	end_vm(t, first);
	first = new_vm(t, NULL);
	end_vm(t, second);
	end_vm(t, first);
}

static void host_is_busy(struct conform *t)
{
	struct hy_vm *vm = new_vm(t, NULL);

	FAILS(hy_host_close(t->host), HY_E_BUSY, "VM");
	CHECK(hy_error()->hint[0]);
	end_vm(t, vm);
}

static void vm_is_busy(struct conform *t)
{
	struct hy_vm *vm = new_vm(t, NULL);
	struct hy_vcpu *vcpu = new_vcpu(t, vm, 0);

	FAILS(hy_vm_destroy(vm), HY_E_BUSY, "vCPU");
	CHECK(hy_error()->hint[0]);
	end_vcpu(t, vcpu);
	end_vm(t, vm);
}

/* A refused end takes nothing away. */
static void busy_vm_goes_on(struct conform *t)
{
	conform_boot(t, REAL, ask);
	FAILS(hy_vm_destroy(t->vm), HY_E_BUSY, "vCPU");
	IN(t, 0x42, 1, 1);
	HALT(t);
}

/* --- Ids -------------------------------------------------------------------------------- */

static void id_taken(struct conform *t)
{
	struct hy_vm *vm = new_vm(t, NULL);
	struct hy_vcpu *vcpu = NULL;

	new_vcpu(t, vm, 0);
	FAILS(hy_vcpu_create(vm, NULL, &vcpu), HY_E_EXISTS, "0");
	CHECK(!vcpu);
}

static void id_out_of_range(struct conform *t)
{
	struct hy_vcpu_options options = HY_VCPU_OPTIONS_INIT;
	struct hy_vm_options of_vm = HY_VM_OPTIONS_INIT;
	struct hy_vcpu *vcpu;
	struct hy_vm *vm;

	of_vm.vcpus = 2;
	vm = new_vm(t, &of_vm);
	options.id = 2;
	FAILS(hy_vcpu_create(vm, &options, &vcpu), HY_E_INVALID, "2");
	options.id = UINT32_MAX;
	FAILS(hy_vcpu_create(vm, &options, &vcpu), HY_E_INVALID, "4294967295");
	new_vcpu(t, vm, 1);
}

static void id_again(struct conform *t)
{
	struct hy_vm *vm = new_vm(t, NULL);

	for (unsigned i = 0; i < 20; i++)
		end_vcpu(t, new_vcpu(t, vm, 0));
}

/* Destroys the case's vCPU and makes another of its id. */
static void make_again(struct conform *t)
{
	OK(hy_vcpu_destroy(t->vcpu));
	use(t, t->vm, NULL);
	OK(hy_vcpu_create(t->vm, NULL, &t->vcpu));
}

/* The second of an id knows nothing of the first's registers, access and kicks. */
static void reused_is_new(struct conform *t)
{
	conform_boot(t, REAL, ask);
	set_reg(t, HY_X86_RBX, 0x1234);
	RUN(t, HY_EXIT_IO);
	OK(hy_vcpu_kick(t->vcpu));
	make_again(t);
	CHECK(!hy_vcpu_data(t->vcpu, NULL));
	CHECK_EQ(get_reg(t, HY_X86_RBX), 0);
	CHECK_EQ(get_reg(t, HY_X86_RIP), 0xfff0);
	conform_place(t, t->vcpu, REAL, ask);
	IN(t, 0x42, 1, 1);
	HALT(t);
}

/* --- Several -------------------------------------------------------------------------------- */

/* Same addresses, other bytes: each guest tells its own. */
static void vms_are_apart(struct conform *t)
{
	struct hy_vm *vm[4];
	struct hy_vcpu *vcpu[4];

	need_vms(t, 4);
	for (uint8_t i = 0; i < 4; i++) {
		vm[i] = new_vm(t, NULL);
		OK(hy_vm_alloc_memory(vm[i], 0, RAM_SIZE, HY_PROT_RWX, 0));
		OK(hy_vm_write(vm[i], DATA, &i, 1));
		vcpu[i] = new_vcpu(t, vm[i], 0);
		use(t, vm[i], vcpu[i]);
		conform_place(t, vcpu[i], REAL, tell);
	}
	for (uint8_t i = 4; i-- > 0;) {
		use(t, vm[i], vcpu[i]);
		OUT(t, 0x42, 1, i);
		HALT(t);
	}
	use(t, NULL, NULL);
}

static void boot_on(struct conform *t, struct hy_host *host, uint8_t value)
{
	struct conform other = *t;

	other.host = host;
	conform_boot(&other, REAL, tell);
	write_ram(&other, DATA, &value, 1);
	OUT(&other, 0x42, 1, value);
	HALT(&other);
	OK(hy_vcpu_destroy(other.vcpu));
	OK(hy_vm_destroy(other.vm));
}

static void two_hosts(struct conform *t)
{
	struct hy_host *second;

	OK(hy_host_open(t->options, &second));
	boot_on(t, second, 2);
	boot_on(t, t->host, 1);
	OK(hy_host_close(t->host));
	t->host = NULL;
	boot_on(t, second, 3);
	OK(hy_host_close(second));
}

static void host_again(struct conform *t)
{
	for (uint8_t i = 0; i < 20; i++) {
		OK(hy_host_close(t->host));
		t->host = NULL;
		OK(hy_host_open(t->options, &t->host));
		boot_on(t, t->host, i);
	}
}

/* Open files of this process; 0 where the system doesn't tell. */
static unsigned count_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	if (!dir)
		return 0;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void cycles(struct conform *t)
{
	unsigned files;

	boot_on(t, t->host, 0);
	files = count_files();
	for (unsigned i = 0; i < 200; i++)
		boot_on(t, t->host, (uint8_t)i);
	CHECK_EQ(count_files(), files);
}

/* What fails half-way leaves nothing behind either. */
static void failures_leave_nothing(struct conform *t)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	struct hy_vm *vm = new_vm(t, NULL);
	unsigned files = count_files();
	struct hy_vcpu *vcpu;

	new_vcpu(t, vm, 0);
	files = count_files();
	options.flags = UINT32_MAX;
	for (unsigned i = 0; i < 100; i++) {
		struct hy_vm *none;

		FAILS(hy_vcpu_create(vm, NULL, &vcpu), HY_E_EXISTS, "");
		FAILS(hy_vm_create(t->host, &options, &none), HY_E_INVALID, "flags");
	}
	CHECK_EQ(count_files(), files);
}

/* --- References ------------------------------------------------------------------------------- */

static void reference_outlives(struct conform *t)
{
	struct hy_vcpu *vcpu = new_vcpu(t, new_vm(t, NULL), 0);
	const struct hy_exit *exit;
	uint64_t value;

	CHECK(hy_vcpu_ref(vcpu) == vcpu);
	end_vcpu(t, vcpu);
	OK(hy_vcpu_kick(vcpu));
	FAILS(hy_vcpu_run(vcpu, &exit), HY_E_GONE, "destroyed");
	FAILS(hy_vcpu_complete(vcpu, &exit), HY_E_GONE, "destroyed");
	FAILS(hy_vcpu_get_reg(vcpu, HY_X86_RIP, &value), HY_E_GONE, "destroyed");
	FAILS(hy_vcpu_set_reg(vcpu, HY_X86_RIP, 0), HY_E_GONE, "destroyed");
	FAILS(hy_vcpu_reset(vcpu), HY_E_GONE, "destroyed");
	FAILS(hy_vcpu_bind(vcpu), HY_E_GONE, "destroyed");
	FAILS(hy_vcpu_destroy(vcpu), HY_E_GONE, "destroyed");
	hy_vcpu_unref(vcpu);
}

/* The id is free, and a kick of the old handle isn't one of the new vCPU. */
static void old_reference_new_vcpu(struct conform *t)
{
	struct hy_vcpu *old;

	conform_boot(t, REAL, ask);
	old = hy_vcpu_ref(t->vcpu);
	make_again(t);
	conform_place(t, t->vcpu, REAL, ask);
	OK(hy_vcpu_kick(old));
	IN(t, 0x42, 1, 1);
	HALT(t);
	hy_vcpu_unref(old);
}

/* --- fork() -------------------------------------------------------------------------------------- */

/* Runs `child` in a child process, which must return true. */
static void in_child(struct conform *t, bool (*child)(struct conform *t))
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (pid == 0)
		_exit(child(t) ? 0 : 1);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_EQ((unsigned)status, 0);
}

static bool is_refused(struct conform *t)
{
	const struct hy_exit *exit;
	struct hy_vm *vm;
	struct hy_vcpu *vcpu;
	uint64_t value;
	struct hy_cap cap;
	uint8_t byte = 0;

	return hy_vcpu_run(t->vcpu, &exit) == HY_E_FORKED && hy_vcpu_complete(t->vcpu, &exit) == HY_E_FORKED &&
	       hy_vcpu_get_reg(t->vcpu, HY_X86_RIP, &value) == HY_E_FORKED &&
	       hy_vcpu_set_reg(t->vcpu, HY_X86_RIP, 0) == HY_E_FORKED && hy_vcpu_reset(t->vcpu) == HY_E_FORKED &&
	       hy_vcpu_bind(t->vcpu) == HY_E_FORKED && hy_vcpu_kick(t->vcpu) == HY_E_FORKED &&
	       hy_vm_read(t->vm, 0, &byte, 1) == HY_E_FORKED && hy_vm_write(t->vm, 0, &byte, 1) == HY_E_FORKED &&
	       hy_vm_unmap_memory(t->vm, 0, RAM_SIZE, 0) == HY_E_FORKED &&
	       hy_vcpu_create(t->vm, NULL, &vcpu) == HY_E_FORKED && hy_vm_create(t->host, NULL, &vm) == HY_E_FORKED &&
	       hy_host_cap(t->host, HY_CAP_GRANULE, &cap) == HY_E_FORKED;
}

static void child_is_refused(struct conform *t)
{
	conform_boot(t, REAL, ask);
	in_child(t, is_refused);
	IN(t, 0x42, 1, 1);
	HALT(t);
}

static bool frees_all(struct conform *t)
{
	return hy_vm_destroy(t->vm) == HY_E_BUSY && hy_vcpu_destroy(t->vcpu) == 0 && hy_vm_destroy(t->vm) == 0 &&
	       hy_host_close(t->host) == 0;
}

/* The parent's vCPU even has an access pending while the child frees its copy. */
static void child_may_free(struct conform *t)
{
	conform_boot(t, REAL, ask);
	RUN(t, HY_EXIT_IO);
	in_child(t, frees_all);
	OK(hy_vcpu_answer(t->vcpu, 0x55));
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX) & 0xff, 0x55);
}

static bool has_own_host(struct conform *t)
{
	struct hy_host *host;

	OK(hy_host_open(t->options, &host));
	boot_on(t, host, 0x11);
	return hy_host_close(host) == 0;
}

static void child_may_open(struct conform *t)
{
	need_vms(t, 2);
	conform_boot(t, REAL, ask);
	in_child(t, has_own_host);
	IN(t, 0x42, 1, 1);
	HALT(t);
}

/* What the parent's guest writes after fork() isn't the child's business. */
static void parent_goes_on(struct conform *t)
{
	uint8_t value = 7;

	conform_boot(t, REAL, tell);
	in_child(t, frees_all);
	write_ram(t, DATA, &value, 1);
	OUT(t, 0x42, 1, 7);
	HALT(t);
}

const struct conform_case conform_life[] = {
	{ "life/nulls", "HY-C44", nulls, 0, { 0 } },
	{ "life/orders", "HY-B67", orders, 0, { 0 } },
	{ "life/vms-in-any-order", "HY-B67", vms_in_any_order, 0, { 0 } },
	{ "life/host-is-busy", "HY-C14", host_is_busy, 0, { 0 } },
	{ "life/vm-is-busy", "HY-C14", vm_is_busy, 0, { 0 } },
	{ "life/busy-vm-goes-on", "HY-C14", busy_vm_goes_on, HY_ARCH_X86_64, { 0 } },
	{ "life/id-taken", "HY-C15", id_taken, 0, { 0 } },
	{ "life/id-out-of-range", "HY-C15", id_out_of_range, 0, { 0 } },
	{ "life/id-again", "HY-B15", id_again, 0, { 0 } },
	{ "life/reused-is-new", "HY-B15 HY-C36", reused_is_new, HY_ARCH_X86_64, { 0 } },
	{ "life/vms-are-apart", "HY-B14", vms_are_apart, HY_ARCH_X86_64, { 0 } },
	{ "life/two-hosts", "HY-B9 HY-B14", two_hosts, HY_ARCH_X86_64, { 0 } },
	{ "life/host-again", "HY-B9", host_again, HY_ARCH_X86_64, { 0 } },
	{ "life/cycles", "HY-B67", cycles, HY_ARCH_X86_64, { 0 } },
	{ "life/failures-leave-nothing", "HY-C46", failures_leave_nothing, 0, { 0 } },
	{ "life/reference-outlives", "HY-C47 HY-C32", reference_outlives, HY_ARCH_X86_64, { 0 } },
	{ "life/old-reference-new-vcpu", "HY-B15 HY-C47", old_reference_new_vcpu, HY_ARCH_X86_64, { 0 } },
	{ "life/child-is-refused", "HY-C42", child_is_refused, HY_ARCH_X86_64, { 0 } },
	{ "life/child-may-free", "HY-B63", child_may_free, HY_ARCH_X86_64, { 0 } },
	{ "life/child-may-open", "HY-C42 HY-B9", child_may_open, HY_ARCH_X86_64, { 0 } },
	{ "life/parent-goes-on", "HY-B63", parent_goes_on, HY_ARCH_X86_64, { 0 } },
	{ 0 },
};
