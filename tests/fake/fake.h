/* SPDX-License-Identifier: MIT */
/*
 * A backend for the tests of core: guest memory is a list, registers are a
 * table, and the "guest" is a function of the test's.  It checks what the core
 * promises to backends and counts what it breaks.
 */
#ifndef HY_TESTS_FAKE_H
#define HY_TESTS_FAKE_H

#include <hy/backend.h>
#include <hy/hy.h>

#define FAKE_REGIONS 4096
#define FAKE_REGS 128
#define FAKE_CAPS 128

enum fake_op {
	FAKE_OPEN,
	FAKE_VM_CREATE,
	FAKE_ALLOC,
	FAKE_MAP,
	FAKE_UNMAP,
	FAKE_PROTECT,
	FAKE_VCPU_CREATE,
	FAKE_BIND,
	FAKE_RESET,
	FAKE_GET_REGS,
	FAKE_SET_REGS,
	FAKE_OPS
};

struct fake_vcpu {
	hy_reg id[FAKE_REGS];
	union hy_value value[FAKE_REGS];
	size_t count;
	unsigned pokes;
	uint64_t data; /* for exits */
};

/*
 * The one instance, exported by the plugin as `fake_control`.  There are two
 * plugins: "fake" lacks every optional operation of memory, "fakefull" has them.
 */
struct fake_control {
	/* Set by a test before it opens the host. */
	struct hy_cap cap[FAKE_CAPS];

	/* The guest; NULL: stays in until a request comes. */
	int (*run)(struct hy_backend_vcpu *vcpu);
	int (*complete)(struct hy_backend_vcpu *vcpu);
	/* How many vCPUs are in the guest: must be 0 when a region is unmapped. */
	const unsigned *inside;

	/* The operation `op` fails with HY_E_HOST at its nth call from now; 0: never. */
	unsigned fail_at[FAKE_OPS];
	bool fail_for_ever; /* and at all calls after it */
	bool fail_silently; /* without services->fail */
	unsigned calls[FAKE_OPS];

	/* What is with the "host". */
	struct hy_backend_region region[FAKE_REGIONS];
	const struct hy_backend_vm *owner[FAKE_REGIONS];
	size_t regions;
	int allocated; /* memory_alloc without memory_free */
	int hosts, vms, vcpus;

	/* Promises that the core broke. */
	unsigned broken;
	const char *last_broken;
};

#endif /* HY_TESTS_FAKE_H */
