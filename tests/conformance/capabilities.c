/* SPDX-License-Identifier: MIT */
/* What a backend says of itself, and that it is so. */
#include <string.h>

#include "conform.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint32_t features[] = {
	HY_CAP_MAP_MEMORY, HY_CAP_READ_ONLY, HY_CAP_NO_EXECUTE, HY_CAP_NO_READ,
	HY_CAP_PARTIAL_UNMAP, HY_CAP_PROTECT, HY_CAP_ATOMIC_CHANGE, HY_CAP_DEADLINE,
	HY_CAP_SIGNAL_KICK, HY_CAP_BIND, HY_CAP_HALT_EXIT, HY_CAP_MSR_EXIT,
	HY_CAP_CPUID, HY_CAP_XSAVE, HY_CAP_MMIO_EXOTIC, HY_CAP_PAGING32, HY_CAP_USER_CALLS,
};
static const uint32_t limits[] = {
	HY_CAP_MAX_VMS, HY_CAP_MAX_VCPUS, HY_CAP_MAX_VCPUS_PER_THREAD,
	HY_CAP_MAX_REGIONS, HY_CAP_GRANULE, HY_CAP_GPA_BITS,
};

static struct hy_cap cap_of(struct conform *t, uint32_t id)
{
	struct hy_cap cap;

	OK(hy_host_cap(t->host, id, &cap));
	return cap;
}

static bool is_absent(struct conform *t, uint32_t id)
{
	return cap_of(t, id).how == HY_CAP_ABSENT;
}

/* --- The answers ------------------------------------------------------------------------ */

static void check_named(uint32_t id)
{
	const char *name = hy_cap_name(id);

	if (!name || !name[0] || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name))
		FAIL("capability %u has the name '%s'", id, name ? name : "NULL");
}

static void names(struct conform *t)
{
	(void)t;
	for (size_t i = 0; i < COUNT(features); i++)
		check_named(features[i]);
	for (size_t i = 0; i < COUNT(limits); i++)
		check_named(limits[i]);
	CHECK(!hy_cap_name(0));
	CHECK(!hy_cap_name(UINT32_MAX));
}

static void check_feature(struct conform *t, uint32_t id)
{
	struct hy_cap cap = cap_of(t, id);

	if (cap.how > HY_CAP_LIBRARY)
		FAIL("%s: how is %u", hy_cap_name(id), cap.how);
	if (cap.value != 0 || cap.reserved != 0)
		FAIL("%s: a feature has no value", hy_cap_name(id));
	if (cap.how == HY_CAP_ABSENT && (!cap.reason || !cap.reason[0]))
		FAIL("%s is absent, and no reason is given", hy_cap_name(id));
	if (cap.reason && strpbrk(cap.reason, "\r\n"))
		FAIL("%s: the reason is more than a line", hy_cap_name(id));
}

static void features_answered(struct conform *t)
{
	for (size_t i = 0; i < COUNT(features); i++)
		check_feature(t, features[i]);
}

static void limits_answered(struct conform *t)
{
	for (size_t i = 0; i < COUNT(limits); i++) {
		struct hy_cap cap = cap_of(t, limits[i]);

		if (cap.how != HY_CAP_HOST && cap.how != HY_CAP_LIBRARY)
			FAIL("%s: how is %u", hy_cap_name(limits[i]), cap.how);
		CHECK_EQ(cap.reserved, 0);
	}
}

static void steady(struct conform *t)
{
	struct hy_cap before[COUNT(features)];

	for (size_t i = 0; i < COUNT(features); i++)
		before[i] = cap_of(t, features[i]);
	new_vm(t, NULL);
	for (size_t i = 0; i < COUNT(features); i++) {
		struct hy_cap after = cap_of(t, features[i]);

		CHECK_EQ(after.how, before[i].how);
		CHECK(!before[i].reason == !after.reason);
		if (after.reason)
			CHECK(strcmp(before[i].reason, after.reason) == 0);
	}
}

static void unknown_refused(struct conform *t)
{
	struct hy_cap cap;

	FAILS(hy_host_cap(t->host, 0, &cap), HY_E_INVALID, "0");
	FAILS(hy_host_cap(t->host, UINT32_MAX, &cap), HY_E_INVALID, "4294967295");
}

/* --- Limits ------------------------------------------------------------------------------- */

static void granule(struct conform *t)
{
	uint64_t size = cap_of(t, HY_CAP_GRANULE).value;
	struct hy_vm *vm = new_vm(t, NULL);

	CHECK(size >= 512);
	CHECK_EQ(size & (size - 1), 0);
	OK(hy_vm_alloc_memory(vm, size, size, HY_PROT_RWX, 0));
	FAILS(hy_vm_alloc_memory(vm, 4 * size, size / 2, HY_PROT_RWX, 0), HY_E_INVALID, "multiples");
	FAILS(hy_vm_alloc_memory(vm, 4 * size + size / 2, size, HY_PROT_RWX, 0), HY_E_INVALID, "multiples");
}

static void gpa_bits(struct conform *t)
{
	uint64_t bits = cap_of(t, HY_CAP_GPA_BITS).value;

	if (bits == 0)
		conform_skip("the width of a guest physical address isn't known");
	CHECK(bits >= 32 && bits <= 64);
}

static void max_vcpus(struct conform *t)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	uint64_t most = cap_of(t, HY_CAP_MAX_VCPUS).value;
	struct hy_vm *vm;

	if (most == 0 || most >= UINT32_MAX)
		conform_skip("the most vCPUs of a VM aren't known");
	options.vcpus = (uint32_t)most + 1;
	FAILS(hy_vm_create(t->host, &options, &vm), HY_E_LIMIT, "vcpus");
	CHECK(!vm);
}

static void max_vms(struct conform *t)
{
	uint64_t most = cap_of(t, HY_CAP_MAX_VMS).value;
	struct hy_vm *vm;

	if (most > CONFORM_OBJECTS)
		conform_skip("the most VMs of a process are too many to make");
	for (uint64_t i = 0; i < (most == 0 ? CONFORM_OBJECTS : most); i++)
		new_vm(t, NULL);
	if (most == 0) /* no limit: any number can be had */
		return;
	FAILS(hy_vm_create(t->host, NULL, &vm), HY_E_LIMIT, "VM");
	end_vm(t, t->vms[0]);
	new_vm(t, NULL);
}

/* --- What is absent fails, what is there works ------------------------------------------------- */

/* Memory with a right left out: refused by name, or as it was asked for. */
static void check_right(struct conform *t, uint32_t id, uint32_t prot, const char *word)
{
	uint64_t size = cap_of(t, HY_CAP_GRANULE).value;
	struct hy_vm *vm = new_vm(t, NULL);
	struct hy_region region;

	if (is_absent(t, id)) {
		FAILS(hy_vm_alloc_memory(vm, 0, size, prot, 0), HY_E_UNSUPPORTED, word);
		CHECK_EQ(hy_vm_next_region(vm, 0, &region), 0);
		return;
	}
	OK(hy_vm_alloc_memory(vm, 0, size, prot, 0));
	CHECK_EQ(hy_vm_next_region(vm, 0, &region), 1);
	CHECK_EQ(region.prot, prot);
}

static void read_only(struct conform *t)
{
	check_right(t, HY_CAP_READ_ONLY, HY_PROT_RX, "read-only");
}

static void no_execute(struct conform *t)
{
	check_right(t, HY_CAP_NO_EXECUTE, HY_PROT_READ | HY_PROT_WRITE, "non-executable");
}

static void no_read(struct conform *t)
{
	check_right(t, HY_CAP_NO_READ, HY_PROT_WRITE | HY_PROT_EXEC, "unreadable");
}

static void no_execute_on_protect(struct conform *t)
{
	uint64_t size = cap_of(t, HY_CAP_GRANULE).value;
	struct hy_vm *vm = new_vm(t, NULL);

	OK(hy_vm_alloc_memory(vm, 0, size, HY_PROT_RWX, 0));
	if (is_absent(t, HY_CAP_NO_EXECUTE))
		FAILS(hy_vm_protect_memory(vm, 0, size, HY_PROT_READ | HY_PROT_WRITE, 0), HY_E_UNSUPPORTED,
		      "non-executable");
	else
		OK(hy_vm_protect_memory(vm, 0, size, HY_PROT_READ | HY_PROT_WRITE, 0));
}

static uint8_t own_pages[2 * 65536];

static void map_memory(struct conform *t)
{
	uint64_t size = cap_of(t, HY_CAP_GRANULE).value;
	uint8_t *pages = own_pages + (size - (uintptr_t)own_pages % size) % size;
	struct hy_vm *vm = new_vm(t, NULL);

	CHECK(size <= sizeof(own_pages) / 2);
	if (is_absent(t, HY_CAP_MAP_MEMORY))
		FAILS(hy_vm_map_memory(vm, 0, pages, size, HY_PROT_RWX, 0), HY_E_UNSUPPORTED, "own memory");
	else
		OK(hy_vm_map_memory(vm, 0, pages, size, HY_PROT_RWX, 0));
}

static void msr_exit(struct conform *t)
{
	const struct hy_x86_msr_range range = { .first = 0x4b564d10, .count = 1, .read = 1, .write = 1 };
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	struct hy_vm *vm;

	options.x86_msr_exits = &range;
	options.x86_msr_exit_count = 1;
	if (is_absent(t, HY_CAP_MSR_EXIT))
		FAILS(hy_vm_create(t->host, &options, &vm), HY_E_UNSUPPORTED, "x86_msr_exits");
	else
		new_vm(t, &options);
}

static void cpuid(struct conform *t)
{
	const struct hy_x86_cpuid table[] = { { .leaf = 0, .eax = 1 }, { .leaf = 1, .edx = 0x1800010 } };
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	struct hy_vm *vm;

	options.x86_cpuid = table;
	options.x86_cpuid_count = COUNT(table);
	if (is_absent(t, HY_CAP_CPUID))
		FAILS(hy_vm_create(t->host, &options, &vm), HY_E_UNSUPPORTED, "x86_cpuid");
	else
		new_vm(t, &options);
}

static void xsave(struct conform *t)
{
	struct hy_vcpu *vcpu = new_vcpu(t, new_vm(t, NULL), 0);
	size_t size = 0;

	if (is_absent(t, HY_CAP_XSAVE))
		FAILS(hy_x86_get_xsave(vcpu, NULL, &size), HY_E_UNSUPPORTED, "");
	else
		FAILS(hy_x86_get_xsave(vcpu, NULL, &size), HY_E_LIMIT, "");
}

const struct conform_case conform_capabilities[] = {
	{ "capabilities/names", "HY-C11", names, 0, { 0 } },
	{ "capabilities/features", "HY-B10", features_answered, 0, { 0 } },
	{ "capabilities/limits", "HY-B11", limits_answered, 0, { 0 } },
	{ "capabilities/steady", "HY-B12", steady, 0, { 0 } },
	{ "capabilities/unknown-refused", "HY-C11", unknown_refused, 0, { 0 } },
	{ "capabilities/granule", "HY-B11 HY-C16", granule, 0, { 0 } },
	{ "capabilities/gpa-bits", "HY-B11", gpa_bits, 0, { 0 } },
	{ "capabilities/max-vcpus", "HY-C10", max_vcpus, 0, { 0 } },
	{ "capabilities/max-vms", "HY-C10", max_vms, 0, { 0 } },
	{ "capabilities/read-only", "HY-B12 HY-C8", read_only, 0, { 0 } },
	{ "capabilities/no-execute", "HY-C8 HY-C21", no_execute, 0, { 0 } },
	{ "capabilities/no-execute-on-protect", "HY-C8 HY-C21", no_execute_on_protect, 0, { 0 } },
	{ "capabilities/no-read", "HY-C8 HY-C21", no_read, 0, { 0 } },
	{ "capabilities/map-memory", "HY-B12 HY-C8", map_memory, 0, { 0 } },
	{ "capabilities/msr-exit", "HY-B12 HY-B13 HY-C8 HY-C26", msr_exit, HY_ARCH_X86_64, { 0 } },
	{ "capabilities/cpuid", "HY-B12 HY-B13 HY-C8", cpuid, HY_ARCH_X86_64, { 0 } },
	{ "capabilities/xsave", "HY-B12 HY-C8", xsave, HY_ARCH_X86_64, { 0 } },
	{ 0 },
};
