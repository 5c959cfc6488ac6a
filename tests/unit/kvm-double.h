/* SPDX-License-Identifier: MIT */
/*
 * For the tests of the KVM backend: a core in miniature, and a stand-in for
 * the kernel behind the backend's table of host calls.
 */
#ifndef KVM_DOUBLE_H
#define KVM_DOUBLE_H

#include <hy/backend.h>
#include <hy/x86.h>

#include "plugins/kvm/kvm.h"

/* --- The core in miniature -------------------------------------------------- */

/* The last failure that the backend has reported; a code of 0: none. */
struct kvm_failure {
	int code;
	int64_t host_code;
	char hint[256];
	char text[256];
};
extern struct kvm_failure kvm_failure;

/* How many times the VM's lock is held, and the most that it ever was. */
extern int kvm_rig_locks, kvm_rig_most_locks;

#define KVM_RIG_REGIONS 8

/* A host with one VM and one vCPU. */
struct kvm_rig {
	const struct hy_backend *ops;
	struct hy_backend_host host;
	struct hy_backend_vm vm;
	struct hy_vm_options options;
	struct hy_x86_cpuid cpuid[512];
	struct hy_backend_region region[KVM_RIG_REGIONS];
	size_t regions;
	struct hy_backend_vcpu vcpu;
	struct hy_exit exit;
	bool host_open, vm_made, vcpu_made;
};

/* Each does one step; the first wants a zeroed rig. */
int kvm_rig_open(struct kvm_rig *rig);
int kvm_rig_vm(struct kvm_rig *rig);
int kvm_rig_map(struct kvm_rig *rig, uint64_t gpa, void *host, uint64_t size, uint32_t prot);
int kvm_rig_vcpu(struct kvm_rig *rig);
void kvm_rig_drop_vcpu(struct kvm_rig *rig);
/* Undoes the steps that were done, in any state. */
void kvm_rig_close(struct kvm_rig *rig);

int kvm_rig_run(struct kvm_rig *rig);
int kvm_rig_complete(struct kvm_rig *rig);
int kvm_rig_get(struct kvm_rig *rig, hy_reg id, uint64_t *value);
int kvm_rig_set(struct kvm_rig *rig, hy_reg id, uint64_t value);

/* --- The stand-in for the kernel ---------------------------------------------- */

#define KVM_DOUBLE_RUN_SIZE (3 * 4096)

/* MSRs that keep what is written, from this one on; the others read as 0. */
#define KVM_DOUBLE_MSR_FIRST 0xc0000100u
#define KVM_DOUBLE_MSRS 4

struct kvm_double {
	/* Call number `fail_at` (from 1) fails with `fail_with`; 0: none. */
	unsigned fail_at;
	int fail_with;
	unsigned calls;
	/* This request always fails; 0: none. */
	unsigned long bad_request;
	int bad_error;

	/* What the host is like. */
	int open_error;
	int api_version;
	unsigned long missing_cap;
	int xsave_size;
	uint32_t cpuid_lines;
	uint32_t bad_msr; /* neither reading nor writing works */
	uint32_t full_msr; /* reading works */
	const char *cpuinfo, *version, *unrestricted_guest;
	bool in_docker;
	struct kvm_node node;
	int create_vm_interrupts;

	/* Stands in for the guest; 0 with an exit in `run`, or -errno. */
	int (*guest)(struct kvm_run *run);

	/* What the backend has done. */
	int fds, maps;
	unsigned runs;
	bool blocked;          /* the signal, in the one thread there is */
	unsigned pending;      /* kicks that nobody has taken */
	pid_t tid;
	uint64_t run_mask;
	uint32_t last_slot;
	struct kvm_msr_filter filter;
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_debugregs debug;
	struct kvm_xcrs xcrs;
	struct kvm_vcpu_events events; /* the last ones that the backend has set */
	unsigned events_set;
	uint64_t msr[KVM_DOUBLE_MSRS];
	uint8_t xsave[8192];
	uint32_t cpuid_set;
	uint32_t apic_id;
};

extern struct kvm_double kvm_double;
extern const struct kvm_sys kvm_sys_double;

/* A host where all is well; the backend talks to the stand-in from here on. */
void kvm_double_reset(void);

#endif /* KVM_DOUBLE_H */
