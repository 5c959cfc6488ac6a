/* SPDX-License-Identifier: MIT */
/*
 * Drives the public API on a backend that lies (hostile.c): the library must
 * not crash, leak or hang, and what it passes on must be what the headers say.
 * Every seed is a round; HY_SEED=N repeats one, HY_FULL=1 takes more.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hy/hy.h>
#include <hy/x86.h>

#define ROUNDS 2000
#define ROUNDS_FULL 20000
#define BATCH 50 /* rounds in a process */
#define BATCH_SECONDS 60
#define RUNS 30 /* of a vCPU in a round */
#define VMS 2
#define VCPUS 3

static struct hy_host_options options = HY_HOST_OPTIONS_INIT;

/* --- What must hold --------------------------------------------------------------------- */

#define CHECK(condition)                        \
	do {                                    \
		if (!(condition))               \
			fail(__LINE__, #condition); \
	} while (0)

static void fail(int line, const char *condition)
{
	printf("# test-hostile.c:%d: %s; hy_error(): %s: %s\n", line, condition, hy_status_name(hy_error()->code),
	       hy_error()->text);
	fflush(stdout);
	abort();
}

/* A status is one of hy/types.h, and a failure has its story.  Whether it is 0. */
static bool good(int status)
{
	CHECK(status <= 0 && strcmp(hy_status_name(status), "HY_E_?") != 0);
	if (status == 0)
		return true;
	CHECK(hy_error()->code == status);
	CHECK(hy_error()->text[0] && hy_error()->hint && hy_error()->host_name);
	return false;
}

static uint64_t sum_data(const struct hy_exit *exit)
{
	const uint8_t *data = exit->data;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < exit->data_size; i++)
		sum += data[i];
	return sum;
}

static void check_access(const struct hy_exit *exit, uint64_t size, uint8_t write)
{
	CHECK(exit->flags == HY_EXIT_PENDING);
	CHECK(exit->data && exit->data_size == size);
	CHECK(write <= 1);
	CHECK(sum_data(exit) <= UINT64_C(255) * exit->data_size);
	for (size_t i = 0; i <= exit->data_size; i++)
		(void)hy_exit_value(exit, i);
}

static void check_fault(const struct hy_exit *exit)
{
	CHECK(exit->fault.reason >= HY_FAULT_EMULATION && exit->fault.reason <= HY_FAULT_MEMORY);
	CHECK(exit->fault.access == 0 || exit->fault.access == HY_PROT_READ || exit->fault.access == HY_PROT_WRITE ||
	      exit->fault.access == HY_PROT_EXEC);
	CHECK(exit->fault.insn_size <= sizeof(exit->fault.insn));
	CHECK(memchr(exit->fault.text, '\0', sizeof(exit->fault.text)));
}

static void check_plain(const struct hy_exit *exit)
{
	CHECK(exit->flags == 0);
	CHECK(!exit->data && exit->data_size == 0);
	if (exit->kind == HY_EXIT_FAULT)
		check_fault(exit);
	if (exit->kind == HY_EXIT_SYSTEM)
		CHECK(exit->system.event == HY_SYSTEM_RESET || exit->system.event == HY_SYSTEM_POWER_OFF);
	if (exit->kind == HY_EXIT_UNKNOWN)
		CHECK(exit->unknown.raw_size <= sizeof(exit->unknown.raw));
}

static void check_exit(const struct hy_exit *exit)
{
	CHECK(exit->kind > HY_EXIT_NONE && exit->kind <= HY_EXIT_UNKNOWN);
	switch (exit->kind) {
	case HY_EXIT_IO:
		CHECK(exit->io.size == 1 || exit->io.size == 2 || exit->io.size == 4);
		CHECK(exit->io.count > 0);
		check_access(exit, (uint64_t)exit->io.size * exit->io.count, exit->io.write);
		break;
	case HY_EXIT_MMIO:
		CHECK(exit->mmio.size >= 1 && exit->mmio.size <= 8);
		check_access(exit, exit->mmio.size, exit->mmio.write);
		break;
	case HY_EXIT_MSR:
		check_access(exit, 8, exit->msr.write);
		break;
	default:
		check_plain(exit);
	}
}

/* --- vCPUs ----------------------------------------------------------------------------------- */

static void use_registers(struct hy_vcpu *vcpu)
{
	hy_reg ids[] = { HY_X86_RAX, HY_X86_CS, HY_X86_CR0, HY_X86_MSR(HY_X86_MSR_PAT) };
	union hy_value values[4];
	uint8_t image[4096];
	size_t size = sizeof(image);
	uint64_t value;

	if (good(hy_vcpu_get_regs(vcpu, ids, values, 4)))
		good(hy_vcpu_set_regs(vcpu, ids, values, 4));
	good(hy_vcpu_get_reg(vcpu, HY_X86_RIP, &value));
	good(hy_vcpu_set_reg(vcpu, HY_X86_RIP, value));
	if (good(hy_x86_get_xsave(vcpu, image, &size))) {
		CHECK(size <= sizeof(image));
		good(hy_x86_set_xsave(vcpu, image, size));
	}
}

static bool is_read(const struct hy_exit *exit)
{
	switch (exit->kind) {
	case HY_EXIT_IO:
		return !exit->io.write;
	case HY_EXIT_MMIO:
		return !exit->mmio.write;
	case HY_EXIT_MSR:
		return !exit->msr.write;
	default:
		return false;
	}
}

static void use_exit(struct hy_vcpu *vcpu, const struct hy_exit *exit, unsigned i)
{
	const struct hy_exit *next;
	size_t size;
	void *data;

	check_exit(exit);
	data = hy_vcpu_data(vcpu, &size);
	CHECK((data != NULL) == is_read(exit) && size == (data ? exit->data_size : 0));
	if (data)
		memset(data, 0x5a, size);
	good(hy_vcpu_answer(vcpu, UINT64_MAX));
	if (i % 5 == 0)
		good(hy_vcpu_refuse(vcpu));
	if (i % 2 == 0 && good(hy_vcpu_complete(vcpu, &next)) && next)
		check_exit(next);
}

static void run(struct hy_vcpu *vcpu, unsigned i)
{
	bool kicked = i % 4 == 0, timed = i % 3 == 0;
	const struct hy_exit *exit;
	int status;

	if (kicked)
		CHECK(hy_vcpu_kick(vcpu) == 0);
	status = timed ? hy_vcpu_run_until(vcpu, hy_now() + i * 1000, &exit) : hy_vcpu_run(vcpu, &exit);
	if (!good(status)) {
		CHECK(!exit);
		return;
	}
	CHECK(exit->kind != HY_EXIT_DEADLINE || timed);
	use_exit(vcpu, exit, i);
}

static void use_vcpu(struct hy_vcpu *vcpu)
{
	for (unsigned i = 0; i < RUNS; i++) {
		run(vcpu, i);
		if (i % 8 == 0)
			use_registers(vcpu);
		if (i % 16 == 0)
			good(hy_vcpu_reset(vcpu));
	}
}

/* --- Memory ------------------------------------------------------------------------------------- */

static void check_regions(struct hy_vm *vm)
{
	struct hy_region region;
	uint64_t gpa = 0, left;
	char byte = 1;
	void *host;

	for (unsigned i = 0; i < 100 && hy_vm_next_region(vm, gpa, &region) == 1; i++) {
		CHECK(region.size > 0 && region.gpa + region.size - 1 >= gpa && region.host);
		CHECK(hy_vm_write(vm, region.gpa + region.size - 1, &byte, 1) == 0);
		CHECK(hy_vm_read(vm, region.gpa, &byte, 1) == 0);
		CHECK(hy_vm_host_ptr(vm, region.gpa, &host, &left) == 0 && host == region.host && left == region.size);
		gpa = region.gpa + region.size;
		if (gpa == 0)
			break;
	}
}

static void change_memory(struct hy_vm *vm, uint64_t granule, unsigned flags)
{
	good(hy_vm_protect_memory(vm, granule, granule, HY_PROT_RX, flags | HY_MAP_WEAKEN));
	check_regions(vm);
	good(hy_vm_unmap_memory(vm, 2 * granule, granule, flags));
	check_regions(vm);
	good(hy_vm_alloc_memory(vm, 2 * granule, granule, HY_PROT_RWX, 0));
	check_regions(vm);
}

static void use_memory(struct hy_vm *vm, uint64_t granule)
{
	good(hy_vm_alloc_memory(vm, 0, 4 * granule, HY_PROT_RWX, 0));
	good(hy_vm_alloc_memory(vm, 8 * granule, granule, HY_PROT_READ, HY_MAP_WEAKEN));
	check_regions(vm);
	for (unsigned i = 0; i < 3; i++)
		change_memory(vm, granule, i % 2 ? HY_MAP_NONATOMIC : 0);
}

struct mapper {
	struct hy_vm *vm;
	uint64_t granule;
};

static void *map_along(void *arg)
{
	const struct mapper *mapper = arg;

	use_memory(mapper->vm, mapper->granule);
	return NULL;
}

/* --- Hosts ---------------------------------------------------------------------------------------- */

/* What the backend says of its granule, which the test keeps within reason. */
static uint64_t use_caps(struct hy_host *host)
{
	uint64_t granule = 4096;
	struct hy_cap cap;

	for (uint32_t id = 0; id < 80; id++) {
		if (!good(hy_host_cap(host, id, &cap)))
			continue;
		CHECK(cap.how <= HY_CAP_LIBRARY && hy_cap_name(id));
		if (id == HY_CAP_GRANULE && cap.value > 0 && cap.value <= 1u << 20)
			granule = cap.value;
	}
	return granule;
}

static void use_cpuid(struct hy_host *host)
{
	struct hy_x86_cpuid lines[64];
	size_t count = 64;

	if (good(hy_x86_host_cpuid(host, lines, &count)))
		CHECK(count <= 64);
}

static void destroy_vcpus(struct hy_vcpu **vcpu)
{
	for (unsigned i = 0; i < VCPUS; i++)
		CHECK(hy_vcpu_destroy(vcpu[i]) == 0);
}

static void use_vcpus(struct hy_vm *vm, uint64_t granule)
{
	struct hy_vcpu_options own = HY_VCPU_OPTIONS_INIT;
	struct mapper mapper = { vm, granule };
	struct hy_vcpu *vcpu[VCPUS] = { NULL };
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, map_along, &mapper) == 0);
	for (unsigned i = 0; i < VCPUS; i++) {
		own.id = i;
		own.flags = i == 2 ? HY_VCPU_MANAGED : 0;
		if (!good(hy_vcpu_create(vm, &own, &vcpu[i])))
			continue;
		if (i == 1)
			good(hy_vcpu_bind(vcpu[i]));
		use_vcpu(vcpu[i]);
	}
	pthread_join(thread, NULL);
	destroy_vcpus(vcpu);
}

static void use_host(struct hy_host *host)
{
	struct hy_vm_options wanted = HY_VM_OPTIONS_INIT;
	uint64_t granule = use_caps(host);
	struct hy_vm *vm[VMS];

	wanted.vcpus = VCPUS;
	use_cpuid(host);
	for (unsigned i = 0; i < VMS; i++) {
		if (good(hy_vm_create(host, &wanted, &vm[i])))
			use_vcpus(vm[i], granule);
	}
	for (unsigned i = 0; i < VMS; i++)
		CHECK(hy_vm_destroy(vm[i]) == 0);
}

static void check_report(void)
{
	const struct hy_candidate *candidate;
	struct hy_report *report;

	if (!good(hy_report_create(&options, &report)))
		return;
	for (size_t i = 0; (candidate = hy_report_candidate(report, i)) != NULL; i++)
		CHECK(strlen(candidate->reason) < 1000 && strlen(candidate->hint) < 1000 && !strchr(candidate->reason, '\n'));
	hy_report_destroy(report);
}

/* --- Rounds ----------------------------------------------------------------------------------------- */

static void play(unsigned long seed)
{
	struct hy_host *host;
	char text[32];

	snprintf(text, sizeof(text), "%lu", seed);
	setenv("HY_SEED", text, 1);
	check_report();
	if (!good(hy_host_open(&options, &host)))
		return;
	use_host(host);
	CHECK(hy_host_close(host) == 0);
}

static void ignore(void *data, enum hy_log_level level, const char *text)
{
	(void)data;
	(void)level;
	(void)text;
}

/* Plays rounds in a process of their own; its wait status. */
static int play_apart(unsigned long first, unsigned long count)
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		hy_set_log(ignore, NULL);
		alarm(BATCH_SECONDS);
		for (unsigned long i = 0; i < count; i++)
			play(first + i);
		exit(0); /* not _exit: the leak checker looks then */
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	return status;
}

/* Finds the seeds in a batch that went wrong; how many. */
static unsigned long find_bad(unsigned long first, unsigned long count)
{
	unsigned long bad = 0;

	for (unsigned long seed = first; seed < first + count; seed++) {
		int status = play_apart(seed, 1);

		if (status == 0)
			continue;
		printf("# HY_SEED=%lu %s %d\n", seed, WIFSIGNALED(status) ? "was ended by signal" : "exited with",
		       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		bad++;
	}
	return bad > 0 ? bad : 1; /* it doesn't show alone, but it was there */
}

static unsigned long play_all(unsigned long rounds)
{
	unsigned long bad = 0;

	for (unsigned long seed = 1; seed <= rounds; seed += BATCH) {
		unsigned long count = rounds - seed + 1 < BATCH ? rounds - seed + 1 : BATCH;

		if (play_apart(seed, count) != 0)
			bad += find_bad(seed, count);
	}
	printf("%lu passed, %lu failed, 0 skipped\n", rounds - bad, bad);
	return bad;
}

int main(void)
{
	const char *seed = getenv("HY_SEED");

	options.backend = "hostile";
	options.path = getenv("HY_TEST_HOSTILE");
	if (!options.path) {
		fputs("test-hostile: HY_TEST_HOSTILE names no directory\n", stderr);
		return 2;
	}
	if (seed)
		return play_apart(strtoul(seed, NULL, 10), 1) == 0 ? 0 : 1;
	return play_all(getenv("HY_FULL") ? ROUNDS_FULL : ROUNDS) == 0 ? 0 : 1;
}
