/* SPDX-License-Identifier: MIT */
/*
 * Reading guest memory at linear addresses, without a system call where it is
 * done at each exit of a loop: the registers that it takes come with the shared
 * page, and translations are kept.
 */
#include "kvm.h"

#define PAGE_MASK ((uint64_t)X86_PAGE_SIZE - 1)

bool kvm_x86_is_long(const struct kvm_sregs *sregs)
{
	return (sregs->efer & HY_X86_EFER_LMA) && sregs->cs.l;
}

/* Bases don't count in 64-bit code, but for FS and GS; nor do they wrap at 4 GiB. */
uint64_t kvm_x86_linear(const struct kvm_sregs *sregs, const struct kvm_segment *segment,
                        uint64_t offset)
{
	if (!kvm_x86_is_long(sregs))
		return (uint32_t)(segment->base + offset);
	if (segment == &sregs->fs || segment == &sregs->gs)
		return segment->base + offset;
	return offset;
}

/* Finds a guest physical address; HY_E_UNMAPPED, not recorded, where there is none. */
static int translate(struct hy_backend_vcpu *be, uint64_t linear, uint64_t *gpa)
{
	struct kvm_translation t = { .linear_address = linear };
	int r = kvm_vcpu_ioctl(be, KVM_TRANSLATE, &t);

	if (r < 0)
		return kvm_services_of(be)->fail(kvm_status(-r), -r, NULL, NULL, "KVM_TRANSLATE of vCPU %u",
		                                 be->id);
	if (!t.valid)
		return HY_E_UNMAPPED;
	*gpa = t.physical_address;
	return 0;
}

static bool page_is(const struct x86_page *page, const struct kvm_sregs *sregs, uint64_t linear)
{
	return page->valid && page->linear == linear && page->cr3 == sregs->cr3 &&
	       page->cr0 == sregs->cr0 && page->cr4 == sregs->cr4 && page->efer == sregs->efer;
}

/* Finds the guest physical address of a page. */
static int find_page(struct hy_backend_vcpu *be, uint64_t linear, uint64_t *gpa)
{
	struct kvm_cpu *cpu = kvm_cpu_of(be);
	const struct kvm_sregs *sregs = &cpu->run->s.regs.sregs;
	struct x86_page *page = &cpu->arch.page[linear / X86_PAGE_SIZE & 1];

	if (!(sregs->cr0 & HY_X86_CR0_PG)) {
		*gpa = linear;
		return 0;
	}
	if (!page_is(page, sregs, linear)) {
		page->valid = translate(be, linear, &page->gpa) == 0;
		page->linear = linear;
		page->cr0 = sregs->cr0;
		page->cr3 = sregs->cr3;
		page->cr4 = sregs->cr4;
		page->efer = sregs->efer;
	}
	*gpa = page->gpa;
	return page->valid ? 0 : HY_E_UNMAPPED;
}

size_t kvm_x86_read(struct hy_backend_vcpu *be, uint64_t linear, void *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		uint64_t at = linear + done, gpa;
		size_t part = X86_PAGE_SIZE - (size_t)(at & PAGE_MASK);

		if (part > size - done)
			part = size - done;
		if (find_page(be, at & ~PAGE_MASK, &gpa) ||
		    kvm_services_of(be)->vm_read(be->vm, gpa + (at & PAGE_MASK),
		                                 (uint8_t *)data + done, part))
			break;
		done += part;
	}
	return done;
}

void kvm_x86_forget_pages(struct hy_backend_vcpu *be)
{
	struct kvm_arch_cpu *arch = &kvm_cpu_of(be)->arch;

	for (size_t i = 0; i < sizeof(arch->page) / sizeof(arch->page[0]); i++)
		arch->page[i].valid = false;
}
