/* SPDX-License-Identifier: MIT */
/* What the host, a VM and a vCPU need on x86 beyond the rest. */
#include <stdlib.h>

#include "kvm.h"

#define SYNC_BITS (KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS)

const struct kvm_required kvm_arch_required[] = {
	{ KVM_CAP_USER_MEMORY, 0, "KVM_CAP_USER_MEMORY" },
	{ KVM_CAP_IMMEDIATE_EXIT, 0, "KVM_CAP_IMMEDIATE_EXIT" },
	{ KVM_CAP_SYNC_REGS, SYNC_BITS, "KVM_CAP_SYNC_REGS" },
	{ KVM_CAP_DEBUGREGS, 0, "KVM_CAP_DEBUGREGS" },
	{ KVM_CAP_VCPU_EVENTS, 0, "KVM_CAP_VCPU_EVENTS" },
	{ KVM_CAP_XSAVE, 0, "KVM_CAP_XSAVE" },
	{ 0, 0, NULL },
};

/*
 * Where an Intel processor without "unrestricted guest" gets the pages that KVM
 * needs for real mode: below 4 GiB, in the range that firmware occupies.
 */
#define TSS_ADDRESS 0xfeffd000u
#define IDENTITY_MAP_ADDRESS 0xfeffc000u
#define UNRESTRICTED_GUEST "/sys/module/kvm_intel/parameters/unrestricted_guest"

/* The most that an x86 physical address can have (SDM vol. 3, section 4.1.4). */
#define MAX_GPA_BITS 52
#define DEFAULT_GPA_BITS 36

/* Where the XSAVE image has PKRU (SDM vol. 1, section 13.2). */
#define LEAF_XSAVE 0xdu
#define SUBLEAF_PKRU 9

static uint32_t find_gpa_bits(const struct kvm_arch_host *arch)
{
	const struct hy_x86_cpuid *line =
		kvm_x86_cpuid_find(arch->cpuid, arch->cpuid_count, 0x80000008, 0);
	uint32_t bits = line ? line->eax & 0xff : DEFAULT_GPA_BITS;

	return bits > MAX_GPA_BITS ? MAX_GPA_BITS : bits;
}

static uint32_t find_pkru_offset(const struct kvm_arch_host *arch)
{
	const struct hy_x86_cpuid *line = kvm_x86_cpuid_find(arch->cpuid, arch->cpuid_count, LEAF_XSAVE, SUBLEAF_PKRU);

	return line && line->ebx + sizeof(uint32_t) <= X86_XSAVE_SIZE ? line->ebx : 0;
}

int kvm_arch_open(struct hy_backend_host *be)
{
	struct kvm_host *host = be->priv;
	struct kvm_arch_host *arch = &host->arch;
	int r = kvm_x86_cpuid_load(be);

	if (r)
		return r;
	arch->gpa_bits = find_gpa_bits(arch);
	arch->pkru_offset = find_pkru_offset(arch);
	arch->msr_exit = kvm_check(host->fd, KVM_CAP_X86_USER_SPACE_MSR) > 0 &&
	                 kvm_check(host->fd, KVM_CAP_X86_MSR_FILTER) > 0;
	arch->xcrs = kvm_check(host->fd, KVM_CAP_XCRS) > 0;
	arch->emulation_failure = kvm_check(host->fd, KVM_CAP_EXIT_ON_EMULATION_FAILURE) > 0;
	arch->exception_payload = kvm_check(host->fd, KVM_CAP_EXCEPTION_PAYLOAD) > 0;
	return 0;
}

void kvm_arch_close(struct hy_backend_host *be)
{
	struct kvm_host *host = be->priv;

	free(host->arch.cpuid);
}

void kvm_arch_cap(struct kvm_host *host, uint32_t id, struct hy_cap *cap)
{
	switch (id) {
	case HY_CAP_HALT_EXIT:
	case HY_CAP_CPUID:
	case HY_CAP_XSAVE:
		cap->how = HY_CAP_HOST;
		break;
	case HY_CAP_MSR_EXIT:
		if (host->arch.msr_exit)
			cap->how = HY_CAP_HOST;
		else
			cap->reason = "this kernel lacks KVM_CAP_X86_MSR_FILTER (Linux 5.10)";
		break;
	case HY_CAP_PAGING32:
		if (kvm_x86_has_paging32(host))
			cap->how = HY_CAP_HOST;
		else
			cap->reason = "this KVM drops CR0.PG outside of long mode";
		break;
	case HY_CAP_USER_CALLS:
		if (kvm_x86_has_user_calls(host))
			cap->how = HY_CAP_HOST;
		else
			cap->reason = "this KVM runs user mode natively and doesn't see them";
		break;
	case HY_CAP_MMIO_EXOTIC:
		cap->reason = "KVM's instruction emulator does these wrongly or not at all";
		break;
	case HY_CAP_GPA_BITS:
		cap->how = HY_CAP_HOST;
		cap->value = host->arch.gpa_bits;
		break;
	}
}

static int enable_cap(struct hy_backend_vm *be, uint32_t cap, const char *name)
{
	const struct kvm_vm *vm = be->priv;
	struct kvm_enable_cap arg = { .cap = cap, .args = { 1 } };
	int r = kvm_sys->ioctl(vm->fd, KVM_ENABLE_CAP, &arg);

	if (r < 0)
		return be->host->services->fail(kvm_status(-r), -r, NULL, NULL, "KVM_ENABLE_CAP %s",
		                                name);
	return 0;
}

/* Only Intel processors of before 2010, or a module parameter, want this. */
static int set_real_mode_pages(struct hy_backend_vm *be)
{
	const struct kvm_vm *vm = be->priv;
	uint64_t identity_map = IDENTITY_MAP_ADDRESS;
	char text[4];
	int r;

	if (kvm_sys->read_file(UNRESTRICTED_GUEST, text, sizeof(text)) < 1 || text[0] != 'N')
		return 0;
	r = kvm_sys->ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
	if (r < 0)
		return be->host->services->fail(kvm_status(-r), -r, NULL, NULL,
		                                "KVM_SET_IDENTITY_MAP_ADDR 0x%x",
		                                IDENTITY_MAP_ADDRESS);
	r = kvm_sys->ioctl(vm->fd, KVM_SET_TSS_ADDR, (void *)(uintptr_t)TSS_ADDRESS);
	if (r < 0)
		return be->host->services->fail(kvm_status(-r), -r, NULL, NULL,
		                                "KVM_SET_TSS_ADDR 0x%x", TSS_ADDRESS);
	return 0;
}

int kvm_arch_vm_create(struct hy_backend_vm *be)
{
	const struct kvm_arch_host *host = &kvm_host_of(be)->arch;
	struct kvm_vm *vm = be->priv;
	int size, r = 0;

	/* Without it what KVM can't emulate is a silent #UD at CPL 3. */
	if (host->emulation_failure)
		r = enable_cap(be, KVM_CAP_EXIT_ON_EMULATION_FAILURE,
		               "KVM_CAP_EXIT_ON_EMULATION_FAILURE");
	/* Keeps pending exceptions apart from injected ones. */
	if (!r && host->exception_payload)
		r = enable_cap(be, KVM_CAP_EXCEPTION_PAYLOAD, "KVM_CAP_EXCEPTION_PAYLOAD");
	if (!r)
		r = kvm_x86_msr_filter(be);
	if (!r)
		r = set_real_mode_pages(be);
	if (r)
		return r;
	size = kvm_check(vm->fd, KVM_CAP_XSAVE2);
	vm->arch.xsave_size = size > X86_XSAVE_SIZE ? (size_t)size : X86_XSAVE_SIZE;
	return 0;
}

int kvm_arch_vcpu_create(struct hy_backend_vcpu *be)
{
	struct kvm_cpu *cpu = kvm_cpu_of(be);
	int r = kvm_x86_cpuid_set(be);

	cpu->run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_EVENTS;
	return r ? r : kvm_x86_assist_create(be);
}

void kvm_arch_cpu_free(struct kvm_cpu *cpu)
{
	kvm_x86_assist_free(&cpu->arch);
}
