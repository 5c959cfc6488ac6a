/* SPDX-License-Identifier: MIT */
/* As much as the backend says, and one more. */
#include "conform.h"

/* Beyond these a case takes too long. */
#define MANY_VCPUS 8
#define MANY_REGIONS 4096

static uint64_t limit_of(struct conform *t, uint32_t id)
{
	struct hy_cap cap;

	OK(hy_host_cap(t->host, id, &cap));
	return cap.value;
}

static uint32_t some_vcpus(struct conform *t)
{
	uint64_t most = limit_of(t, HY_CAP_MAX_VCPUS), here = limit_of(t, HY_CAP_MAX_VCPUS_PER_THREAD);

	if (here != 0 && (most == 0 || here < most))
		most = here;
	return most != 0 && most < MANY_VCPUS ? (uint32_t)most : MANY_VCPUS;
}

/* As many as the VM was made for, whatever the order of their ids. */
static void all_vcpus(struct conform *t)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	uint32_t count = some_vcpus(t);
	struct hy_vm *vm;

	options.vcpus = count;
	vm = new_vm(t, &options);
	for (uint32_t id = count; id-- > 0;)
		new_vcpu(t, vm, id);
}

static void vcpus_per_thread(struct conform *t)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	struct hy_vcpu_options of_vcpu = HY_VCPU_OPTIONS_INIT;
	uint64_t most = limit_of(t, HY_CAP_MAX_VCPUS_PER_THREAD);
	struct hy_vcpu *vcpu;
	struct hy_vm *vm;

	if (most == 0) {
		all_vcpus(t); /* no limit: a thread owns all that a VM has */
		return;
	}
	if (most >= CONFORM_OBJECTS)
		conform_skip("a thread may own very many vCPUs");
	options.vcpus = (uint32_t)most + 1;
	vm = new_vm(t, &options);
	for (uint32_t id = 0; id < most; id++)
		new_vcpu(t, vm, id);
	of_vcpu.id = (uint32_t)most;
	FAILS(hy_vcpu_create(vm, &of_vcpu, &vcpu), HY_E_LIMIT, "thread");
}

/* --- Regions ------------------------------------------------------------------------------ */

static void need_regions(struct conform *t, uint64_t count)
{
	uint64_t most = limit_of(t, HY_CAP_MAX_REGIONS);

	if (most != 0 && most < count)
		conform_skip("max-regions is %llu", (unsigned long long)most);
}

/* Granules with a gap after each; byte 0 of each holds its number. */
static void thousand_regions(struct conform *t)
{
	uint64_t granule = limit_of(t, HY_CAP_GRANULE);
	struct hy_vm *vm = new_vm(t, NULL);
	uint16_t number;

	need_regions(t, 1000);
	for (uint16_t i = 0; i < 1000; i++) {
		OK(hy_vm_alloc_memory(vm, i * 2 * granule, granule, HY_PROT_RWX, 0));
		OK(hy_vm_write(vm, i * 2 * granule, &i, sizeof(i)));
	}
	for (uint16_t i = 0; i < 1000; i++) {
		OK(hy_vm_read(vm, i * 2 * granule, &number, sizeof(number)));
		CHECK_EQ(number, i);
		FAILS(hy_vm_read(vm, (i * 2 + 1) * granule, &number, 1), HY_E_UNMAPPED, "");
	}
	for (uint16_t i = 0; i < 1000; i++)
		OK(hy_vm_unmap_memory(vm, i * 2 * granule, granule, 0));
}

static unsigned count_regions(struct hy_vm *vm)
{
	struct hy_region region = { 0 };
	unsigned count = 0;

	while (hy_vm_next_region(vm, region.gpa + region.size, &region) == 1)
		count++;
	return count;
}

/* Fills the host's table of regions; returns how many it took. */
static uint64_t fill_regions(struct hy_vm *vm, uint64_t most, uint64_t granule)
{
	uint64_t count = 0;

	while (hy_vm_alloc_memory(vm, count * 2 * granule, granule, HY_PROT_RWX, 0) == 0)
		CHECK(++count <= most);
	CHECK_EQ((uint64_t)-hy_error()->code, (uint64_t)-HY_E_LIMIT);
	return count;
}

/* Where no limit is known many can be had, and one of them can be cut. */
static void need_no_limit(struct hy_vm *vm, uint64_t granule)
{
	for (uint64_t i = 0; i < MANY_REGIONS; i++)
		OK(hy_vm_alloc_memory(vm, i * 2 * granule, granule, HY_PROT_RWX, 0));
	OK(hy_vm_unmap_memory(vm, UINT64_C(0x80000000) + granule, granule, 0));
	CHECK_EQ(count_regions(vm), MANY_REGIONS + 2);
}

/* The one too many is refused, and so is a cut that needs one more; all stays. */
static void too_many_regions(struct conform *t)
{
	uint64_t most = limit_of(t, HY_CAP_MAX_REGIONS), granule = limit_of(t, HY_CAP_GRANULE), count;
	struct hy_vm *vm = new_vm(t, NULL);
	unsigned before;

	if (most > MANY_REGIONS)
		conform_skip("max-regions is too many to fill");
	OK(hy_vm_alloc_memory(vm, UINT64_C(0x80000000), 3 * granule, HY_PROT_RWX, 0));
	if (most == 0) {
		need_no_limit(vm, granule);
		return;
	}
	count = fill_regions(vm, most, granule);
	before = count_regions(vm);
	FAILS(hy_vm_unmap_memory(vm, UINT64_C(0x80000000) + granule, granule, 0), HY_E_LIMIT, "");
	CHECK_EQ(count_regions(vm), before);
	OK(hy_vm_unmap_memory(vm, 0, granule, 0));
	OK(hy_vm_alloc_memory(vm, 2 * count * granule, granule, HY_PROT_RWX, 0));
}

/* --- Addresses ----------------------------------------------------------------------------- */

/* The first address that no guest has, 0 for 2^64. */
static uint64_t gpa_end(struct conform *t)
{
	uint64_t bits = limit_of(t, HY_CAP_GPA_BITS);

	if (bits == 0)
		conform_skip("gpa-bits isn't known");
	return bits < 64 ? UINT64_C(1) << bits : 0;
}

static void top_of_memory(struct conform *t)
{
	uint64_t granule = limit_of(t, HY_CAP_GRANULE), last = gpa_end(t) - granule, left = 0;
	struct hy_vm *vm = new_vm(t, NULL);
	uint8_t byte = 0;
	void *host;

	OK(hy_vm_alloc_memory(vm, last, granule, HY_PROT_RWX, 0));
	OK(hy_vm_write(vm, last + granule - 1, "\x5a", 1));
	OK(hy_vm_read(vm, last + granule - 1, &byte, 1));
	CHECK_EQ(byte, 0x5a);
	OK(hy_vm_host_ptr(vm, last + granule - 1, &host, &left));
	CHECK_EQ(left, 1);
	FAILS(hy_vm_read(vm, last + granule - 1, &byte, 2), last + granule == 0 ? HY_E_INVALID : HY_E_UNMAPPED, "");
	OK(hy_vm_unmap_memory(vm, last, granule, 0));
}

static void above_memory(struct conform *t)
{
	uint64_t granule = limit_of(t, HY_CAP_GRANULE), end = gpa_end(t);
	struct hy_vm *vm = new_vm(t, NULL);

	FAILS(hy_vm_alloc_memory(vm, end - granule, 2 * granule, HY_PROT_RWX, 0), HY_E_INVALID, "last address");
	if (end != 0)
		FAILS(hy_vm_alloc_memory(vm, end, granule, HY_PROT_RWX, 0), HY_E_INVALID, "last address");
	CHECK_EQ(count_regions(vm), 0);
}

static void wraps_round(struct conform *t)
{
	uint64_t granule = limit_of(t, HY_CAP_GRANULE);
	struct hy_vm *vm = new_vm(t, NULL);

	FAILS(hy_vm_alloc_memory(vm, 2 * granule, UINT64_MAX - granule + 1, HY_PROT_RWX, 0), HY_E_INVALID, "");
	FAILS(hy_vm_alloc_memory(vm, UINT64_MAX - granule + 1, 2 * granule, HY_PROT_RWX, 0), HY_E_INVALID, "");
	CHECK_EQ(count_regions(vm), 0);
}

const struct conform_case conform_limits[] = {
	{ "limits/all-vcpus", "HY-B11 HY-C15", all_vcpus, 0, { 0 } },
	{ "limits/vcpus-per-thread", "HY-C10", vcpus_per_thread, 0, { 0 } },
	{ "limits/thousand-regions", "HY-C20", thousand_regions, 0, { 0 } },
	{ "limits/too-many-regions", "HY-B20 HY-C19", too_many_regions, 0, { 0 } },
	{ "limits/top-of-memory", "HY-B11", top_of_memory, 0, { 0 } },
	{ "limits/above-memory", "HY-C16", above_memory, 0, { 0 } },
	{ "limits/wraps-round", "HY-C16", wraps_round, 0, { 0 } },
	{ 0 },
};
