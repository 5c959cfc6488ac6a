/* SPDX-License-Identifier: MIT */
/*
 * Some paravirtual KVMs run the guest's user mode natively: SYSCALL comes to the
 * guest's kernel with CPL 3 still, and INT n is #GP(0), both without an exit.
 * Nothing in KVM's capabilities tells: a guest has to be asked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kvm.h"

/* A call may fail for want of memory or descriptors, and work the next time. */
#define MAX_TRIALS 2
/* How often the guest is entered when signals keep it from getting there. */
#define MAX_ENTRIES 100

/* The guest's memory, in pages. */
#define CODE 0u
#define PML4 0x1000u
#define PDPT 0x2000u
#define PD 0x3000u
#define MEMORY_SIZE 0x4000u

/* Present, writable, for user mode (SDM vol. 3, section 4.5); in a PD the page is of 2 MiB. */
#define PTE_ALL 0x7u
#define PTE_LARGE 0x80u

#define USER 0u
#define HANDLER 0x10u
#define USER_CS 0x33
#define USER_SS 0x2b
#define STAR (UINT64_C(0x08) << 32) /* CS; SS is 8 above */
#define MSRS 2u

struct trial {
	int vm, vcpu; /* negative: there is none */
	struct kvm_run *run;
	void *memory;
};

/* It ends in any case: in HLT, or in an exception, which without an IDT is a triple fault. */
static void write_guest(uint8_t *memory)
{
	static const uint8_t user[] = { 0x0f, 0x05, 0x0f, 0x0b }; /* syscall; ud2 */
	static const uint64_t pml4e = PDPT | PTE_ALL, pdpte = PD | PTE_ALL, pde = PTE_ALL | PTE_LARGE;
	static const uint8_t hlt = 0xf4;

	memcpy(memory + CODE + USER, user, sizeof(user));
	memcpy(memory + CODE + HANDLER, &hlt, sizeof(hlt));
	memcpy(memory + PML4, &pml4e, sizeof(pml4e));
	memcpy(memory + PDPT, &pdpte, sizeof(pdpte));
	memcpy(memory + PD, &pde, sizeof(pde));
}

/* --- Making the guest: each 0 or more, or a negative errno value ------------------- */

static int make_vm(struct trial *t, const struct kvm_host *host)
{
	struct kvm_userspace_memory_region slot = { .memory_size = MEMORY_SIZE };
	int r;

	t->vm = kvm_sys->ioctl(host->fd, KVM_CREATE_VM, NULL);
	if (t->vm < 0)
		return t->vm;
	r = kvm_sys->map_pages(MEMORY_SIZE, &t->memory);
	if (r < 0)
		return r;
	write_guest(t->memory);
	slot.userspace_addr = (uintptr_t)t->memory;
	return kvm_sys->ioctl(t->vm, KVM_SET_USER_MEMORY_REGION, &slot);
}

/* Long mode and SYSCALL are there for a vCPU that has them in its table. */
static int make_vcpu(struct trial *t, const struct kvm_host *host)
{
	struct kvm_cpuid2 *table;
	void *run;
	int r;

	t->vcpu = kvm_sys->ioctl(t->vm, KVM_CREATE_VCPU, NULL);
	if (t->vcpu < 0)
		return t->vcpu;
	r = kvm_sys->map(t->vcpu, host->run_size, &run);
	if (r < 0)
		return r;
	t->run = run;
	table = kvm_x86_cpuid_table(host->arch.cpuid, host->arch.cpuid_count, 0);
	if (!table)
		return -ENOMEM;
	r = kvm_sys->ioctl(t->vcpu, KVM_SET_CPUID2, table);
	free(table);
	return r;
}

static int set_sregs(const struct trial *t)
{
	static const struct hy_segment cs = { 0, UINT32_MAX, USER_CS, HY_X86_ATTR_CODE64 | HY_X86_SEG_DPL };
	static const struct hy_segment ss = { 0, UINT32_MAX, USER_SS, HY_X86_ATTR_DATA32 | HY_X86_SEG_DPL };
	struct kvm_sregs sregs;
	int r = kvm_sys->ioctl(t->vcpu, KVM_GET_SREGS, &sregs);

	if (r < 0)
		return r;
	kvm_x86_segment_to_kvm(&sregs.cs, &cs);
	kvm_x86_segment_to_kvm(&sregs.ss, &ss);
	sregs.idt.limit = 0;
	sregs.cr0 = HY_X86_CR0_PG | HY_X86_CR0_NE | HY_X86_CR0_ET | HY_X86_CR0_PE;
	sregs.cr3 = PML4;
	sregs.cr4 = HY_X86_CR4_PAE;
	sregs.efer = HY_X86_EFER_LMA | HY_X86_EFER_LME | HY_X86_EFER_SCE;
	return kvm_sys->ioctl(t->vcpu, KVM_SET_SREGS, &sregs);
}

static int set_msrs(const struct trial *t)
{
	static const struct kvm_msr_entry entries[MSRS] = {
		{ .index = HY_X86_MSR_STAR, .data = STAR },
		{ .index = HY_X86_MSR_LSTAR, .data = CODE + HANDLER },
	};
	union {
		struct kvm_msrs head;
		uint8_t room[sizeof(struct kvm_msrs) + sizeof(entries)];
	} list = { .head = { .nmsrs = MSRS } };
	int r;

	memcpy(list.room + sizeof(list.head), entries, sizeof(entries));
	r = kvm_sys->ioctl(t->vcpu, KVM_SET_MSRS, &list);
	return r >= 0 && r < (int)MSRS ? -EINVAL : r;
}

static void set_regs(const struct trial *t)
{
	struct kvm_run *run = t->run;

	memset(&run->s.regs.regs, 0, sizeof(run->s.regs.regs));
	run->s.regs.regs.rip = CODE + USER;
	run->s.regs.regs.rflags = HY_X86_RFLAGS_ONE;
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	run->kvm_valid_regs = KVM_SYNC_X86_SREGS;
}

/* --- Asking it ---------------------------------------------------------------------- */

static int enter(const struct trial *t)
{
	int r = -EINTR;

	for (int i = 0; (r == -EINTR || r == -EAGAIN) && i < MAX_ENTRIES; i++)
		r = kvm_sys->ioctl(t->vcpu, KVM_RUN, NULL);
	return r;
}

static bool has_come_to_handler(const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_HLT && run->s.regs.sregs.cs.dpl == 0;
}

static void end_trial(struct trial *t, const struct kvm_host *host)
{
	if (t->run)
		kvm_sys->unmap(t->run, host->run_size);
	if (t->vcpu >= 0)
		kvm_sys->close(t->vcpu);
	if (t->vm >= 0)
		kvm_sys->close(t->vm);
	if (t->memory)
		kvm_sys->unmap(t->memory, MEMORY_SIZE);
}

/* X86_NOT_ASKED: a call has failed. */
static int ask(const struct kvm_host *host)
{
	struct trial t = { .vm = -1, .vcpu = -1 };
	int answer = X86_NOT_ASKED;
	int r = make_vm(&t, host);

	if (r >= 0)
		r = make_vcpu(&t, host);
	if (r >= 0)
		r = set_sregs(&t);
	if (r >= 0)
		r = set_msrs(&t);
	if (r >= 0) {
		set_regs(&t);
		r = enter(&t);
	}
	if (r >= 0)
		answer = has_come_to_handler(t.run) ? X86_YES : X86_NO;
	end_trial(&t, host);
	return answer;
}

/*
 * Yes where the question can't even be put.  Of two threads that ask at once both
 * get what the first one to be done has found.
 */
bool kvm_x86_has_user_calls(struct kvm_host *host)
{
	int known = __atomic_load_n(&host->arch.user_calls, __ATOMIC_RELAXED);
	int answer = X86_NOT_ASKED;

	if (known != X86_NOT_ASKED)
		return known == X86_YES;
	for (int i = 0; answer == X86_NOT_ASKED && i < MAX_TRIALS; i++)
		answer = ask(host);
	if (answer == X86_NOT_ASKED)
		answer = X86_YES;
	if (!__atomic_compare_exchange_n(&host->arch.user_calls, &known, answer, false, __ATOMIC_RELAXED,
	                                 __ATOMIC_RELAXED))
		answer = known;
	return answer == X86_YES;
}
