/* SPDX-License-Identifier: MIT */
/*
 * Between a vCPU and the xe_cpu that executes an instruction for it.  What most
 * instructions look at is in the shared page; the rest is loaded when it is asked
 * for, and only what has changed goes back.
 */
#include <string.h>

#include "x86-assist.h"

/* The XSAVE image (SDM vol. 1, section 13.4). */
#define XSAVE_XSTATE_BV 512
#define XSAVE_EXTENDED 576
#define XSTATE_X87_SSE 3u
#define XSTATE_AVX 4u
#define XSTATE_PKRU 0x200u

#define CR4_PKE 0x400000u
#define PAE_CR3_BASE 0xffffffe0u

/* --- MSRs ------------------------------------------------------------------------------- */

#define MSR_APIC_BASE 0x1bu
#define MSR_MISC_ENABLE 0x1a0u
#define MSR_MTRR_DEF_TYPE 0x2ffu
#define MSR_TSC_AUX 0xc0000103u

/* The first is no member of struct xe_msrs: see load_msrs. */
static const struct {
	uint32_t index;
	size_t offset;
} msr_places[] = {
	{ HY_X86_MSR_TSC, offsetof(struct xe_msrs, tsc_offset) },
	{ HY_X86_MSR_SYSENTER_CS, offsetof(struct xe_msrs, sysenter_cs) },
	{ HY_X86_MSR_SYSENTER_ESP, offsetof(struct xe_msrs, sysenter_esp) },
	{ HY_X86_MSR_SYSENTER_EIP, offsetof(struct xe_msrs, sysenter_eip) },
	{ HY_X86_MSR_STAR, offsetof(struct xe_msrs, star) },
	{ HY_X86_MSR_LSTAR, offsetof(struct xe_msrs, lstar) },
	{ HY_X86_MSR_CSTAR, offsetof(struct xe_msrs, cstar) },
	{ HY_X86_MSR_FMASK, offsetof(struct xe_msrs, fmask) },
	{ HY_X86_MSR_KERNEL_GS_BASE, offsetof(struct xe_msrs, kernel_gs_base) },
	{ HY_X86_MSR_PAT, offsetof(struct xe_msrs, pat) },
	{ MSR_APIC_BASE, offsetof(struct xe_msrs, apic_base) },
	{ MSR_MISC_ENABLE, offsetof(struct xe_msrs, misc_enable) },
	{ MSR_MTRR_DEF_TYPE, offsetof(struct xe_msrs, mtrr_def_type) },
	{ MSR_TSC_AUX, offsetof(struct xe_msrs, tsc_aux) },
};
#define MSRS (sizeof(msr_places) / sizeof(msr_places[0]))

union msr_batch {
	struct kvm_msrs head;
	uint8_t room[sizeof(struct kvm_msrs) + MSRS * sizeof(struct kvm_msr_entry)];
};

static struct kvm_msr_entry *add_msr(union msr_batch *batch, uint32_t index)
{
	struct kvm_msr_entry *entry =
		(struct kvm_msr_entry *)(batch->room + sizeof(batch->head)) + batch->head.nmsrs++;

	entry->index = index;
	return entry;
}

static uint64_t get_msr(const struct xe_msrs *msrs, size_t i)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)msrs + msr_places[i].offset, sizeof(value));
	return value;
}

static void put_msr(struct xe_msrs *msrs, size_t i, uint64_t value)
{
	memcpy((uint8_t *)msrs + msr_places[i].offset, &value, sizeof(value));
}

static int call_failed(const struct x86_assist *assist, int err, const char *request)
{
	return kvm_services_of(assist->be)->fail(kvm_status(err), err, NULL, NULL, "%s of vCPU %u", request,
	                                         assist->be->id);
}

/* Reads from msr_places[i] on; how far it came: KVM stops at the first that the vCPU hasn't got. */
static int read_msrs(struct x86_assist *assist, size_t i)
{
	union msr_batch batch;
	int r;

	memset(&batch, 0, sizeof(batch));
	for (size_t n = i; n < MSRS; n++)
		add_msr(&batch, msr_places[n].index);
	r = kvm_vcpu_ioctl(assist->be, KVM_GET_MSRS, &batch.head);
	if (r < 0)
		return call_failed(assist, -r, "KVM_GET_MSRS");
	for (size_t n = 0; n < (size_t)r; n++)
		put_msr(&assist->msrs, i + n, batch.head.entries[n].data);
	return r;
}

/* Those that the vCPU hasn't got are 0.  The guest's TSC is that of this moment, with an offset of 0. */
static int load_msrs(struct x86_assist *assist)
{
	memset(&assist->msrs, 0, sizeof(assist->msrs));
	for (size_t i = 0; i < MSRS; i++) {
		int r = read_msrs(assist, i);

		if (r < 0)
			return r;
		i += (size_t)r;
	}
	assist->tsc = assist->msrs.tsc_offset;
	assist->msrs.tsc_offset = 0;
	assist->cpu.msr = assist->msrs;
	return 0;
}

static int store_msrs(struct x86_assist *assist)
{
	union msr_batch batch;
	int r;

	memset(&batch, 0, sizeof(batch));
	for (size_t i = 0; i < MSRS; i++) {
		uint64_t value = get_msr(&assist->cpu.msr, i);

		if (value == get_msr(&assist->msrs, i))
			continue;
		if (msr_places[i].index == HY_X86_MSR_TSC)
			value += assist->tsc;
		add_msr(&batch, msr_places[i].index)->data = value;
	}
	if (!batch.head.nmsrs)
		return 0;
	r = kvm_vcpu_ioctl(assist->be, KVM_SET_MSRS, &batch.head);
	if (r < 0)
		return call_failed(assist, -r, "KVM_SET_MSRS");
	if ((uint32_t)r < batch.head.nmsrs)
		return kvm_services_of(assist->be)->fail(HY_E_HOST, 0, NULL, NULL,
		                                         "KVM_SET_MSRS of vCPU %u: the kernel refuses MSR 0x%x",
		                                         assist->be->id, batch.head.entries[r].index);
	return 0;
}

/* --- x87 and vectors ------------------------------------------------------------------------ */

static uint64_t get_xstate_bv(const uint8_t *image)
{
	uint64_t value;

	memcpy(&value, image + XSAVE_XSTATE_BV, sizeof(value));
	return value;
}

static void put_xstate_bv(uint8_t *image, uint64_t value)
{
	memcpy(image + XSAVE_XSTATE_BV, &value, sizeof(value));
}

static void load_pkru(struct x86_assist *assist)
{
	uint32_t offset = assist->pkru_offset;

	assist->pkru = 0;
	if (offset && (get_xstate_bv(assist->image) & XSTATE_PKRU))
		memcpy(&assist->pkru, assist->image + offset, sizeof(assist->pkru));
	assist->cpu.pkru = assist->pkru;
}

static int load_fpu(struct x86_assist *assist)
{
	uint8_t ours[XE_XSAVE_SIZE];
	size_t size = assist->image_size;
	int r = kvm_x86_get_xsave(assist->be, assist->image, &size);

	if (!r)
		r = kvm_x86_load_xcr0(assist->be, &assist->xcr0);
	if (r)
		return r;
	assist->cpu.xcr0 = assist->xcr0;
	load_pkru(assist);
	memcpy(ours, assist->image, sizeof(ours));
	put_xstate_bv(ours, get_xstate_bv(ours) & (XSTATE_X87_SSE | XSTATE_AVX));
	if (!xe_set_xsave(&assist->cpu, ours))
		return kvm_services_of(assist->be)->fail(HY_E_HOST, 0, NULL, NULL,
		                                         "KVM_GET_XSAVE of vCPU %u: reserved bits in the image",
		                                         assist->be->id);
	return 0;
}

/* Puts what the executor knows of into the image that KVM gave. */
static void merge_image(struct x86_assist *assist)
{
	uint64_t known = kvm_x86_xstate(assist->be->vm->options) & (XSTATE_X87_SSE | XSTATE_AVX);
	uint64_t present = get_xstate_bv(assist->image) & ~known;
	uint8_t ours[XE_XSAVE_SIZE];

	xe_get_xsave(&assist->cpu, ours);
	present |= get_xstate_bv(ours) & known;
	memcpy(assist->image, ours, XSAVE_XSTATE_BV);
	if (known & XSTATE_AVX)
		memcpy(assist->image + XSAVE_EXTENDED, ours + XSAVE_EXTENDED, sizeof(ours) - XSAVE_EXTENDED);
	if (assist->pkru_offset && assist->cpu.pkru != assist->pkru) {
		memcpy(assist->image + assist->pkru_offset, &assist->cpu.pkru, sizeof(assist->cpu.pkru));
		present |= XSTATE_PKRU;
	}
	put_xstate_bv(assist->image, present);
}

static int store_fpu(struct x86_assist *assist)
{
	int r = 0;

	if (assist->cpu.xcr0 != assist->xcr0)
		r = kvm_x86_store_xcr0(assist->be, assist->cpu.xcr0);
	if (r)
		return r;
	merge_image(assist);
	return kvm_x86_set_xsave(assist->be, assist->image, assist->image_size);
}

/* --- Debug registers ------------------------------------------------------------------------- */

static int load_debug(struct x86_assist *assist)
{
	struct kvm_debugregs debug;
	int r = kvm_x86_load_debug(assist->be, &debug);

	if (r)
		return r;
	memcpy(assist->cpu.dr, debug.db, sizeof(debug.db));
	assist->cpu.dr[6] = debug.dr6;
	assist->cpu.dr[7] = debug.dr7;
	return 0;
}

static int store_debug(struct x86_assist *assist)
{
	struct kvm_debugregs debug = { .dr6 = assist->cpu.dr[6], .dr7 = assist->cpu.dr[7] };

	memcpy(debug.db, assist->cpu.dr, sizeof(debug.db));
	return kvm_x86_store_debug(assist->be, &debug);
}

/* --- Segments and control registers ------------------------------------------------------------ */

static void load_sregs(struct xe_cpu *cpu, struct kvm_sregs *sregs)
{
	for (unsigned i = 0; i < XE_SEGMENTS; i++)
		kvm_x86_segment_from_kvm(&cpu->seg[i], kvm_x86_segment(sregs, i));
	cpu->gdtr = (struct hy_segment){ .base = sregs->gdt.base, .limit = sregs->gdt.limit };
	cpu->idtr = (struct hy_segment){ .base = sregs->idt.base, .limit = sregs->idt.limit };
	cpu->cr0 = sregs->cr0;
	cpu->cr2 = sregs->cr2;
	cpu->cr3 = sregs->cr3;
	cpu->cr4 = sregs->cr4;
	cpu->efer = sregs->efer;
}

/* The processor keeps these from when CR3 was loaded; KVM's are to be had since Linux 5.14 only. */
static void load_pdptes(struct x86_assist *assist)
{
	struct xe_cpu *cpu = &assist->cpu;
	bool pae = (cpu->cr0 & HY_X86_CR0_PG) && (cpu->cr4 & HY_X86_CR4_PAE) && !(cpu->efer & HY_X86_EFER_LMA);

	memset(cpu->pdpte, 0, sizeof(cpu->pdpte));
	if (pae)
		kvm_services_of(assist->be)->vm_read(assist->be->vm, cpu->cr3 & PAE_CR3_BASE, cpu->pdpte,
		                                     sizeof(cpu->pdpte));
}

static bool replace(__u64 *to, uint64_t from)
{
	bool differs = *to != from;

	*to = from;
	return differs;
}

static bool replace_table(struct kvm_dtable *to, const struct hy_segment *from)
{
	bool differs = to->base != from->base || to->limit != from->limit;

	to->base = from->base;
	to->limit = (uint16_t)from->limit;
	return differs;
}

/* Segments as we see them: hosts have several ways to say "unusable". */
static bool replace_segment(struct kvm_segment *to, const struct hy_segment *from)
{
	struct hy_segment before;

	kvm_x86_segment_from_kvm(&before, to);
	if (memcmp(&before, from, sizeof(before)) == 0)
		return false;
	kvm_x86_segment_to_kvm(to, from);
	return true;
}

static int store_sregs(struct x86_assist *assist)
{
	const struct xe_cpu *cpu = &assist->cpu;
	struct kvm_sregs sregs = kvm_cpu_of(assist->be)->run->s.regs.sregs;
	bool changed = false;

	for (unsigned i = 0; i < XE_SEGMENTS; i++)
		changed |= replace_segment(kvm_x86_segment(&sregs, i), &cpu->seg[i]);
	changed |= replace_table(&sregs.gdt, &cpu->gdtr);
	changed |= replace_table(&sregs.idt, &cpu->idtr);
	changed |= replace(&sregs.cr0, cpu->cr0);
	changed |= replace(&sregs.cr2, cpu->cr2);
	changed |= replace(&sregs.cr3, cpu->cr3);
	changed |= replace(&sregs.cr4, cpu->cr4);
	changed |= replace(&sregs.efer, cpu->efer);
	return changed ? kvm_x86_store_sregs(assist->be, &sregs) : 0;
}

/* --- The shared page ---------------------------------------------------------------------------- */

static void load_page(struct x86_assist *assist)
{
	struct kvm_run *run = kvm_cpu_of(assist->be)->run;
	const struct kvm_vcpu_events *events = &run->s.regs.events;
	struct xe_cpu *cpu = &assist->cpu;

	for (unsigned i = 0; i < 16; i++)
		cpu->gpr[i] = *kvm_x86_general(&run->s.regs.regs, i);
	cpu->rip = run->s.regs.regs.rip;
	cpu->rflags = run->s.regs.regs.rflags;
	cpu->cr8 = run->cr8;
	cpu->shadow = events->interrupt.shadow != 0;
	cpu->shadow_ss = (events->interrupt.shadow & KVM_X86_SHADOW_INT_MOV_SS) != 0;
	cpu->nmi_masked = events->nmi.masked != 0;
	cpu->trap = 0;
}

static uint8_t shadow_of(const struct xe_cpu *cpu)
{
	if (cpu->shadow_ss)
		return KVM_X86_SHADOW_INT_MOV_SS;
	return cpu->shadow ? KVM_X86_SHADOW_INT_STI : 0;
}

static void store_events(struct kvm_run *run, const struct xe_cpu *cpu)
{
	struct kvm_vcpu_events *events = &run->s.regs.events;
	uint8_t shadow = shadow_of(cpu);

	if (events->interrupt.shadow == shadow && events->nmi.masked == cpu->nmi_masked)
		return;
	events->interrupt.shadow = shadow;
	events->nmi.masked = cpu->nmi_masked;
	events->flags |= KVM_VCPUEVENT_VALID_SHADOW;
	run->kvm_dirty_regs |= KVM_SYNC_X86_EVENTS;
}

static void store_page(struct x86_assist *assist)
{
	struct kvm_run *run = kvm_cpu_of(assist->be)->run;
	const struct xe_cpu *cpu = &assist->cpu;

	for (unsigned i = 0; i < 16; i++)
		*kvm_x86_general(&run->s.regs.regs, i) = cpu->gpr[i];
	run->s.regs.regs.rip = cpu->rip;
	run->s.regs.regs.rflags = cpu->rflags;
	run->cr8 = cpu->cr8;
	kvm_x86_mark_regs(run);
	store_events(run, cpu);
}

/* --- All of it ------------------------------------------------------------------------------------ */

int kvm_x86_assist_load_parts(struct x86_assist *assist, unsigned parts)
{
	int r = 0;

	if (parts & XE_PART_FPU)
		r = load_fpu(assist);
	if (!r && (parts & XE_PART_MSRS))
		r = load_msrs(assist);
	if (!r && (parts & XE_PART_DEBUG))
		r = load_debug(assist);
	return r;
}

/*
 * Breakpoints on data aren't watched, as the kernel's own emulator doesn't: asking
 * for DR7 each time would cost a call.
 */
int kvm_x86_assist_load(struct x86_assist *assist)
{
	struct kvm_run *run = kvm_cpu_of(assist->be)->run;
	struct xe_cpu *cpu = &assist->cpu;
	int r = kvm_x86_load_regs(assist->be);

	if (!r)
		r = kvm_x86_load_sregs(assist->be);
	if (r)
		return r;
	/* Where one instruction is executed here others follow: let KVM bring these along. */
	run->kvm_valid_regs |= KVM_SYNC_X86_SREGS;
	load_page(assist);
	load_sregs(cpu, &run->s.regs.sregs);
	load_pdptes(assist);
	cpu->parts = cpu->changed = 0;
	cpu->dr[7] = 0;
	/* Protection keys are looked at with each access to memory. */
	if (cpu->cr4 & CR4_PKE) {
		r = load_fpu(assist);
		cpu->parts = XE_PART_FPU;
	}
	xe_state_changed(cpu);
	return r;
}

/* What can't fail, the shared page, comes last. */
int kvm_x86_assist_store(struct x86_assist *assist)
{
	const struct xe_cpu *cpu = &assist->cpu;
	bool keys = (cpu->parts & XE_PART_FPU) && cpu->pkru != assist->pkru;
	int r = 0;

	if ((cpu->changed & XE_PART_FPU) || keys)
		r = store_fpu(assist);
	if (!r && (cpu->changed & XE_PART_DEBUG))
		r = store_debug(assist);
	if (!r)
		r = store_sregs(assist);
	/* After the segments, whose bases some of them are. */
	if (!r && (cpu->changed & XE_PART_MSRS))
		r = store_msrs(assist);
	if (r)
		return r;
	store_page(assist);
	return 0;
}
