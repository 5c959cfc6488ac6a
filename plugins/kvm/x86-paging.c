/* SPDX-License-Identifier: MIT */
/*
 * Some paravirtual KVMs take CR0.PG outside of long mode without a word and
 * drop it.  Nothing in KVM's capabilities tells: a vCPU has to be asked.
 */
#include "kvm.h"

static const uint64_t paged = HY_X86_CR0_PE | HY_X86_CR0_ET | HY_X86_CR0_PG;

/* What became of CR0.PG; true where the question can't even be put. */
static bool keeps_paging(int vcpu)
{
	struct kvm_sregs sregs;

	if (kvm_sys->ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
		return true;
	sregs.cr0 = paged;
	if (kvm_sys->ioctl(vcpu, KVM_SET_SREGS, &sregs) < 0 || kvm_sys->ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
		return true;
	return sregs.cr0 & HY_X86_CR0_PG;
}

static bool ask(const struct kvm_host *host)
{
	int vm = kvm_sys->ioctl(host->fd, KVM_CREATE_VM, NULL);
	int vcpu = vm < 0 ? -1 : kvm_sys->ioctl(vm, KVM_CREATE_VCPU, NULL);
	bool keeps = vcpu < 0 || keeps_paging(vcpu);

	if (vcpu >= 0)
		kvm_sys->close(vcpu);
	if (vm >= 0)
		kvm_sys->close(vm);
	return keeps;
}

/* Two threads may ask at once, and get the same answer. */
bool kvm_x86_has_paging32(struct kvm_host *host)
{
	int answer = __atomic_load_n(&host->arch.paging32, __ATOMIC_RELAXED);

	if (answer == X86_NOT_ASKED) {
		answer = ask(host) ? X86_YES : X86_NO;
		__atomic_store_n(&host->arch.paging32, answer, __ATOMIC_RELAXED);
	}
	return answer == X86_YES;
}

int kvm_x86_check_paging(struct hy_backend_vcpu *be, const struct kvm_sregs *wanted)
{
	if (!(wanted->cr0 & HY_X86_CR0_PG) || !(wanted->cr0 & HY_X86_CR0_PE) || (wanted->efer & HY_X86_EFER_LMA) ||
	    kvm_x86_has_paging32(kvm_host_of(be->vm)))
		return 0;
	return kvm_services_of(be)->fail(HY_E_UNSUPPORTED, 0, NULL, "use long mode, or another host",
	                                 "cr0.PG of vCPU %u: this KVM drops it outside of long mode", be->id);
}
