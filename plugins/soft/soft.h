/* SPDX-License-Identifier: MIT */
/*
 * The software CPU: what its files share.
 *
 * plugins/assist executes the instructions.  Here is what is around it: the map
 * of guest memory, the ways in and out of the guest, registers, CPUID.
 *
 * A vCPU is "inside" while the executor may touch guest memory.  What changes
 * the map keeps every vCPU outside meanwhile, see memory.c; so nothing that the
 * executor looks up takes a lock.
 */
#ifndef HY_SOFT_H
#define HY_SOFT_H

#include <pthread.h>
#include <stdbool.h>

#include <hy/backend.h>
#include <hy/x86.h>

#include "assist.h"

/* Width of a guest physical address; CPUID says the same. */
#define SOFT_GPA_BITS 46
/* APIC ids have 8 bits, of which the last one is everybody's. */
#define SOFT_MAX_VCPUS 255
/* The guest's TSC counts nanoseconds. */
#define SOFT_TSC_HZ 1000000000u

/* --- Private state of the handles ----------------------------------------- */

struct soft_region {
	uint64_t gpa, size;
	uint8_t *host;
	uint32_t prot;
};

struct soft_vcpu;

struct soft_vm {
	uint64_t process; /* that made it: locks are no good in a child of fork() */

	/* In the order of addresses; changed only while every vCPU is outside. */
	struct soft_region *region;
	size_t count, room;
	uint64_t generation; /* of the map: what vCPUs have cached may be of an older one */

	pthread_mutex_t lock;
	pthread_cond_t changed;   /* a vCPU went outside, or a change is over */
	struct soft_vcpu **vcpu;  /* options->vcpus of them, by id, or NULL; by lock */
	uint32_t changing;        /* atomic, written by lock: keep outside */
};

struct soft_vcpu {
	struct hy_backend_vcpu *be;
	uint32_t attention; /* atomic: leave the guest, and look why */
	uint32_t inside;    /* atomic */
	uint64_t generation;

	/*
	 * General registers that the program has written while a port access
	 * waits: the executor begins its instruction anew with the old ones.
	 */
	bool rewritten;
	uint64_t gpr[16];

	struct xe_cpu cpu;
};

static inline struct soft_vcpu *soft_vcpu_of(const struct hy_backend_vcpu *be)
{
	return be->priv;
}

static inline const struct hy_services *soft_services_of(const struct hy_backend_vcpu *be)
{
	return be->vm->host->services;
}

/* --- vm.c --------------------------------------------------------------------- */

int soft_vm_create(struct hy_backend_vm *vm);
void soft_vm_destroy(struct hy_backend_vm *vm);

/* --- memory.c ------------------------------------------------------------------- */

int soft_memory_map(struct hy_backend_vm *vm, struct hy_backend_region *region);
int soft_memory_unmap(struct hy_backend_vm *vm, const struct hy_backend_region *region);
int soft_memory_protect(struct hy_backend_vm *vm, const struct hy_backend_region *region, uint32_t prot);

/* Around everything that lets the executor touch memory; owner's thread. */
void soft_enter(struct soft_vcpu *vcpu);
void soft_leave(struct soft_vcpu *vcpu);
/* As xe_bus.page, for a vCPU that is inside. */
uint8_t *soft_page(void *ctx, uint64_t gpa, uint32_t *prot);

/* --- vcpu.c ----------------------------------------------------------------------- */

int soft_vcpu_create(struct hy_backend_vcpu *vcpu);
void soft_vcpu_destroy(struct hy_backend_vcpu *vcpu);
int soft_vcpu_bind(struct hy_backend_vcpu *vcpu);
int soft_vcpu_reset(struct hy_backend_vcpu *vcpu);
void soft_vcpu_poke(struct hy_backend_vcpu *vcpu);

/* --- x86-run.c ---------------------------------------------------------------------- */

int soft_vcpu_run(struct hy_backend_vcpu *vcpu);
int soft_vcpu_complete(struct hy_backend_vcpu *vcpu);

/* --- x86-exits.c -------------------------------------------------------------------- */

/* Makes vcpu->exit of what the executor has come to; as vcpu_run returns. */
int soft_exit(struct hy_backend_vcpu *vcpu, enum xe_result result);

/* --- x86-regs.c --------------------------------------------------------------------- */

int soft_get_regs(struct hy_backend_vcpu *vcpu, const hy_reg *ids, union hy_value *values, size_t count);
int soft_set_regs(struct hy_backend_vcpu *vcpu, const hy_reg *ids, const union hy_value *values, size_t count);

/* --- x86-check.c -------------------------------------------------------------------- */

/* What is wrong with a register's value by itself, or NULL. */
const char *soft_check_value(const struct xe_cpu *cpu, hy_reg id, const union hy_value *value);
/* What is wrong with the registers together, or NULL. */
const char *soft_check_state(const struct xe_cpu *cpu);

/* --- x86-state.c -------------------------------------------------------------------- */

int soft_get_xsave(struct hy_backend_vcpu *vcpu, void *image, size_t *size);
int soft_set_xsave(struct hy_backend_vcpu *vcpu, const void *image, size_t size);

/* --- x86-cpuid.c -------------------------------------------------------------------- */

int soft_x86_cpuid(struct hy_backend_host *host, struct hy_x86_cpuid *table, size_t *count);
/* The line for a leaf and subleaf of the VM's table, or NULL. */
const struct hy_x86_cpuid *soft_cpuid_find(const struct hy_vm_options *options, uint32_t leaf, uint32_t subleaf);
/* What the guest's CPUID says of the width of a physical address. */
uint8_t soft_cpuid_phys_bits(const struct hy_vm_options *options);
/* As xe_bus.cpuid. */
void soft_cpuid(void *ctx, uint32_t leaf, uint32_t subleaf, uint32_t answer[4]);

#endif /* HY_SOFT_H */
