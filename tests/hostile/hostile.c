/* SPDX-License-Identifier: MIT */
/*
 * A backend that lies.  What it answers comes from a generator seeded by
 * HY_SEED, so that a round can be repeated.  It never lies where nobody could
 * tell: what it points to is there, in the size it says, and it uses no memory
 * that isn't its own.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <hy/backend.h>
#include <hy/x86.h>

#define PATIENCE 50 /* needless returns before a run leads to something */
#define DATA_SIZE 64

struct hostile_vcpu {
	uint8_t data[DATA_SIZE];
	uint32_t returns; /* of HY_RUN_INTERRUPTED without a reason */
};

static const struct hy_services *services;

/* --- Chance --------------------------------------------------------------------------- */

/* Shared by all threads, whose order is their own: a seed repeats a thread at most. */
static uint64_t state;

static uint64_t next(void)
{
	uint64_t x = __atomic_add_fetch(&state, UINT64_C(0x9e3779b97f4a7c15), __ATOMIC_RELAXED);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static bool one_in(unsigned n)
{
	return next() % n == 0;
}

static uint64_t absurd_number(void)
{
	static const uint64_t numbers[] = {
		0, 1, 2, 3, 4, 5, 8, 15, 16, 64, 77, 200, 255, 4095, 4096, 4097, 65536,
		UINT32_MAX, UINT64_C(1) << 32, UINT64_C(1) << 62, UINT64_C(1) << 63, UINT64_MAX,
	};

	return one_in(4) ? next() : numbers[next() % (sizeof(numbers) / sizeof(numbers[0]))];
}

/* A failure told or not, a success that isn't there, or none of these. */
static int absurd_status(void)
{
	static const int statuses[] = { 1, 2, 77, -1000, INT32_MIN, INT32_MAX, HY_E_HOST, HY_E_NOMEM,
		                        HY_E_LIMIT, HY_E_ABI, HY_E_PENDING, HY_E_FORKED };
	int status = statuses[next() % (sizeof(statuses) / sizeof(statuses[0]))];

	if (one_in(2))
		return services->fail(status, (int64_t)next(), one_in(2) ? "NAME" : NULL, NULL, "%s",
		                      one_in(2) ? "" : "told");
	return status;
}

/* 0 nearly always: a round must come somewhere. */
static int maybe_fail(unsigned one_in_n)
{
	return one_in(one_in_n) ? absurd_status() : 0;
}

static void seed(uint64_t salt)
{
	const char *text = getenv("HY_SEED");

	__atomic_store_n(&state, (text ? strtoull(text, NULL, 10) : 1) * 2654435761u + salt, __ATOMIC_RELAXED);
}

/* --- Host -------------------------------------------------------------------------------- */

static void hostile_probe(struct hy_probe *probe)
{
	seed(1);
	if (!one_in(8))
		return;
	probe->status = (uint32_t)absurd_number();
	memset(probe->reason, one_in(2) ? '\n' : 'x', sizeof(probe->reason));
	memset(probe->hint, 'y', sizeof(probe->hint));
	probe->host_code = (int64_t)next();
}

static int hostile_open(struct hy_backend_host *host)
{
	(void)host;
	seed(2);
	return maybe_fail(16);
}

static void hostile_close(struct hy_backend_host *host)
{
	(void)host;
}

static uint64_t likely_value(uint32_t id)
{
	switch (id) {
	case HY_CAP_GRANULE:
		return 4096;
	case HY_CAP_GPA_BITS:
		return 40;
	default:
		return 0;
	}
}

static int hostile_cap(struct hy_backend_host *host, uint32_t id, struct hy_cap *cap)
{
	(void)host;
	cap->how = one_in(64) ? 77 : (uint32_t)(next() % 3);
	cap->value = one_in(16) ? absurd_number() : likely_value(id);
	cap->reason = one_in(2) ? NULL : "so it is";
	return maybe_fail(200);
}

/* Says another number of lines at each call, and keeps to the room it is given. */
static int hostile_cpuid(struct hy_backend_host *host, struct hy_x86_cpuid *table, size_t *count)
{
	size_t room = *count;

	(void)host;
	for (size_t i = 0; table && i < room && i < 100; i++)
		table[i] = (struct hy_x86_cpuid){ .leaf = (uint32_t)(i & 1), .eax = (uint32_t)next(), .ecx = (uint32_t)next() };
	*count = one_in(4) ? (size_t)absurd_number() : next() % 100;
	if (one_in(8))
		return maybe_fail(1);
	return *count > room && !one_in(4) ? services->fail(HY_E_LIMIT, 0, NULL, NULL, "more room") : 0;
}

/* --- VM and memory ------------------------------------------------------------------------ */

static int hostile_vm_create(struct hy_backend_vm *vm)
{
	(void)vm;
	return maybe_fail(16);
}

static void hostile_vm_destroy(struct hy_backend_vm *vm)
{
	(void)vm;
}

/* Gives memory, or nothing and says that it did. */
static int hostile_alloc(struct hy_backend_vm *vm, uint64_t gpa, uint64_t size, void **host)
{
	int status = maybe_fail(16);

	(void)vm;
	(void)gpa;
	if (status != 0)
		return status;
	*host = one_in(16) || size > 1u << 24 ? NULL : calloc(1, (size_t)size);
	return *host || one_in(4) ? 0 : services->fail(HY_E_NOMEM, 0, NULL, NULL, "no memory");
}

static void hostile_free(struct hy_backend_vm *vm, uint64_t gpa, uint64_t size, void *host)
{
	(void)vm;
	(void)gpa;
	(void)size;
	free(host);
}

static int hostile_map(struct hy_backend_vm *vm, struct hy_backend_region *region)
{
	(void)vm;
	region->cookie = next();
	return maybe_fail(16);
}

static int hostile_unmap(struct hy_backend_vm *vm, const struct hy_backend_region *region)
{
	(void)vm;
	(void)region;
	return maybe_fail(8);
}

static int hostile_protect(struct hy_backend_vm *vm, const struct hy_backend_region *region, uint32_t prot)
{
	(void)vm;
	(void)region;
	(void)prot;
	return maybe_fail(4);
}

/* --- vCPU ----------------------------------------------------------------------------------- */

static int hostile_vcpu_create(struct hy_backend_vcpu *vcpu)
{
	(void)vcpu;
	return maybe_fail(16);
}

static void hostile_vcpu_destroy(struct hy_backend_vcpu *vcpu)
{
	(void)vcpu;
}

static int hostile_vcpu_op(struct hy_backend_vcpu *vcpu)
{
	(void)vcpu;
	return maybe_fail(8);
}

/* Data of the size that the exit says, up to what there is. */
static void set_data(struct hy_backend_vcpu *vcpu, uint64_t size)
{
	struct hostile_vcpu *hostile = vcpu->priv;
	struct hy_exit *exit = vcpu->exit;

	exit->data_size = one_in(8) ? (uint32_t)(next() % (DATA_SIZE + 1)) : (uint32_t)size;
	exit->data = one_in(8) || exit->data_size > DATA_SIZE ? NULL : hostile->data;
	exit->flags = one_in(8) ? (uint32_t)absurd_number() : HY_EXIT_PENDING;
}

static void make_io(struct hy_backend_vcpu *vcpu)
{
	struct hy_exit *exit = vcpu->exit;

	exit->io.port = (uint16_t)next();
	exit->io.size = one_in(8) ? (uint8_t)absurd_number() : (uint8_t)(1u << next() % 3);
	exit->io.count = one_in(8) ? (uint32_t)absurd_number() : (uint32_t)(1 + next() % 16);
	exit->io.write = one_in(8) ? (uint8_t)next() : (uint8_t)(next() & 1);
	set_data(vcpu, (uint64_t)exit->io.size * exit->io.count);
}

static void make_mmio(struct hy_backend_vcpu *vcpu)
{
	struct hy_exit *exit = vcpu->exit;

	exit->mmio.gpa = next();
	exit->mmio.size = one_in(8) ? (uint8_t)absurd_number() : (uint8_t)(1 + next() % 8);
	exit->mmio.write = one_in(8) ? (uint8_t)next() : (uint8_t)(next() & 1);
	set_data(vcpu, exit->mmio.size);
}

static void make_msr(struct hy_backend_vcpu *vcpu)
{
	struct hy_exit *exit = vcpu->exit;

	exit->msr.index = (uint32_t)next();
	exit->msr.write = one_in(8) ? (uint8_t)next() : (uint8_t)(next() & 1);
	set_data(vcpu, 8);
}

static void fill_randomly(void *place, size_t size)
{
	uint8_t *bytes = place;

	for (size_t i = 0; i < size; i++)
		bytes[i] = one_in(8) ? 0 : (uint8_t)next();
}

/* The rest of the exit is what the last one left, or noise. */
static void make_other(struct hy_exit *exit)
{
	if (one_in(2))
		fill_randomly(exit->room, sizeof(exit->room));
	else
		memset(exit->room, 0, sizeof(exit->room));
	if (one_in(2))
		exit->flags = one_in(2) ? 0 : (uint32_t)absurd_number();
	if (one_in(2)) {
		exit->data = NULL;
		exit->data_size = one_in(2) ? 0 : (uint32_t)absurd_number();
	}
}

static int make_exit(struct hy_backend_vcpu *vcpu)
{
	struct hy_exit *exit = vcpu->exit;

	exit->kind = one_in(16) ? (uint32_t)absurd_number() : (uint32_t)(next() % (HY_EXIT_UNKNOWN + 2));
	switch (exit->kind) {
	case HY_EXIT_IO:
		make_io(vcpu);
		break;
	case HY_EXIT_MMIO:
		make_mmio(vcpu);
		break;
	case HY_EXIT_MSR:
		make_msr(vcpu);
		break;
	default:
		make_other(exit);
	}
	return 0;
}

static int hostile_run(struct hy_backend_vcpu *vcpu)
{
	struct hostile_vcpu *hostile = vcpu->priv;

	if (hostile->returns < PATIENCE && one_in(2)) {
		hostile->returns++;
		return HY_RUN_INTERRUPTED;
	}
	hostile->returns = 0;
	if (one_in(8)) {
		make_exit(vcpu); /* in vain */
		return absurd_status();
	}
	return make_exit(vcpu);
}

static int hostile_complete(struct hy_backend_vcpu *vcpu)
{
	return one_in(2) ? HY_RUN_INTERRUPTED : hostile_run(vcpu);
}

static void hostile_poke(struct hy_backend_vcpu *vcpu)
{
	(void)vcpu;
}

static int hostile_get_regs(struct hy_backend_vcpu *vcpu, const hy_reg *ids, union hy_value *values, size_t count)
{
	(void)vcpu;
	(void)ids;
	fill_randomly(values, count * sizeof(*values));
	return maybe_fail(8);
}

static int hostile_set_regs(struct hy_backend_vcpu *vcpu, const hy_reg *ids, const union hy_value *values, size_t count)
{
	(void)vcpu;
	(void)ids;
	(void)values;
	(void)count;
	return maybe_fail(16);
}

static int hostile_get_xsave(struct hy_backend_vcpu *vcpu, void *image, size_t *size)
{
	(void)vcpu;
	if (*size > 0)
		fill_randomly(image, *size < 512 ? *size : 512);
	*size = (size_t)absurd_number();
	return maybe_fail(4);
}

static int hostile_set_xsave(struct hy_backend_vcpu *vcpu, const void *image, size_t size)
{
	(void)vcpu;
	(void)image;
	(void)size;
	return maybe_fail(4);
}

static const struct hy_backend table = {
	.size = sizeof(table),
	.abi_major = HY_BACKEND_ABI_MAJOR,
	.abi_minor = HY_BACKEND_ABI_MINOR,
	.priority = 10,
	.name = "hostile",
	.summary = "a backend that lies",
	.version = "1",
	.arches = HY_ARCH_BIT(HY_ARCH_X86_64),
	.vcpu_size = sizeof(struct hostile_vcpu),
	.probe = hostile_probe,
	.open = hostile_open,
	.close = hostile_close,
	.cap = hostile_cap,
	.x86_cpuid = hostile_cpuid,
	.vm_create = hostile_vm_create,
	.vm_destroy = hostile_vm_destroy,
	.memory_alloc = hostile_alloc,
	.memory_free = hostile_free,
	.memory_map = hostile_map,
	.memory_unmap = hostile_unmap,
	.memory_protect = hostile_protect,
	.vcpu_create = hostile_vcpu_create,
	.vcpu_destroy = hostile_vcpu_destroy,
	.vcpu_bind = hostile_vcpu_op,
	.vcpu_reset = hostile_vcpu_op,
	.vcpu_run = hostile_run,
	.vcpu_complete = hostile_complete,
	.vcpu_poke = hostile_poke,
	.vcpu_get_regs = hostile_get_regs,
	.vcpu_set_regs = hostile_set_regs,
	.x86_get_xsave = hostile_get_xsave,
	.x86_set_xsave = hostile_set_xsave,
};

const struct hy_backend *HY_BACKEND_ENTRY(const struct hy_services *given)
{
	services = given;
	return &table;
}
