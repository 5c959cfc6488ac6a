/* SPDX-License-Identifier: MIT */
/*
 * Registers.  The general ones are in the page that KVM shares with us: KVM
 * puts them there at each exit, and takes them from there at the next entry
 * where they are marked, so that neither reading nor writing is a system call.
 * The others are read and written a kind at a time.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kvm.h"

/* The kinds of calls that a set of registers takes. */
#define NEED_REGS 1u
#define NEED_SREGS 2u
#define NEED_DEBUG 4u
#define NEED_XCR 8u
#define NEED_CR8 16u
#define NEED_MSRS 32u

/* What the processor keeps of CR8 (SDM vol. 3, section 11.8.6). */
#define CR8_MAX 15

/* XCR0 after reset, and for ever where there is no XSAVE. */
#define XCR0_X87 1u

/* Everything that isn't in the shared page. */
struct bank {
	struct kvm_sregs sregs;
	struct kvm_debugregs debug;
	struct kvm_xcrs xcrs;
};

/* --- Where a register is ------------------------------------------------------------ */

__u64 *kvm_x86_general(struct kvm_regs *r, uint32_t n)
{
	__u64 *const place[] = {
		&r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp, &r->rsi, &r->rdi,
		&r->r8, &r->r9, &r->r10, &r->r11, &r->r12, &r->r13, &r->r14, &r->r15,
	};

	return n < sizeof(place) / sizeof(place[0]) ? place[n] : NULL;
}

static __u64 *general_place(struct kvm_regs *r, hy_reg id)
{
	uint32_t index = HY_REG_INDEX(id);

	switch (HY_REG_CLASS(id)) {
	case HY_X86_CLASS_GENERAL:
		return kvm_x86_general(r, index);
	case HY_X86_CLASS_IP:
		return index == 0 ? &r->rip : NULL;
	case HY_X86_CLASS_FLAGS:
		return index == 0 ? &r->rflags : NULL;
	default:
		return NULL;
	}
}

struct kvm_segment *kvm_x86_segment(struct kvm_sregs *s, uint32_t n)
{
	struct kvm_segment *const place[] = {
		&s->es, &s->cs, &s->ss, &s->ds, &s->fs, &s->gs, &s->ldt, &s->tr,
	};

	return n < sizeof(place) / sizeof(place[0]) ? place[n] : NULL;
}

static struct kvm_segment *segment_place(struct kvm_sregs *s, hy_reg id)
{
	return kvm_x86_segment(s, HY_REG_INDEX(id));
}

static struct kvm_dtable *table_place(struct kvm_sregs *s, hy_reg id)
{
	switch (id) {
	case HY_X86_GDTR:
		return &s->gdt;
	case HY_X86_IDTR:
		return &s->idt;
	default:
		return NULL;
	}
}

static __u64 *control_place(struct kvm_sregs *s, hy_reg id)
{
	switch (id) {
	case HY_X86_CR0:
		return &s->cr0;
	case HY_X86_CR2:
		return &s->cr2;
	case HY_X86_CR3:
		return &s->cr3;
	case HY_X86_CR4:
		return &s->cr4;
	case HY_X86_EFER:
		return &s->efer;
	default:
		return NULL;
	}
}

static __u64 *debug_place(struct kvm_debugregs *d, hy_reg id)
{
	switch (id) {
	case HY_X86_DR6:
		return &d->dr6;
	case HY_X86_DR7:
		return &d->dr7;
	default:
		return HY_REG_INDEX(id) < 4 ? &d->db[HY_REG_INDEX(id)] : NULL;
	}
}

/* NEED_*, or 0 where there is no such register. */
static unsigned need_control(hy_reg id)
{
	struct kvm_sregs sregs;

	if (id == HY_X86_CR8)
		return NEED_CR8;
	if (id == HY_X86_XCR0)
		return NEED_XCR;
	return control_place(&sregs, id) ? NEED_SREGS : 0;
}

static unsigned need(hy_reg id)
{
	struct kvm_regs regs;
	struct bank bank;

	switch (HY_REG_CLASS(id)) {
	case HY_X86_CLASS_GENERAL:
	case HY_X86_CLASS_IP:
	case HY_X86_CLASS_FLAGS:
		return general_place(&regs, id) ? NEED_REGS : 0;
	case HY_X86_CLASS_SEGMENT:
		return segment_place(&bank.sregs, id) ? NEED_SREGS : 0;
	case HY_X86_CLASS_TABLE:
		return table_place(&bank.sregs, id) ? NEED_SREGS : 0;
	case HY_X86_CLASS_CONTROL:
		return need_control(id);
	case HY_X86_CLASS_DEBUG:
		return debug_place(&bank.debug, id) ? NEED_DEBUG : 0;
	case HY_X86_CLASS_MSR:
		return NEED_MSRS;
	default:
		return 0;
	}
}

/* --- Texts ----------------------------------------------------------------------------- */

static int call_failed(const struct hy_backend_vcpu *be, int err, const char *request)
{
	return kvm_services_of(be)->fail(kvm_status(err), err, NULL, NULL, "%s of vCPU %u", request,
	                                 be->id);
}

/* Why KVM_SET_SREGS has refused, as far as its rules are known. */
static const char *sregs_complaint(const struct kvm_sregs *s)
{
	bool paging = s->cr0 & HY_X86_CR0_PG, lma = s->efer & HY_X86_EFER_LMA;

	if (paging && !(s->cr0 & HY_X86_CR0_PE))
		return "cr0.PG needs cr0.PE";
	if ((s->efer & HY_X86_EFER_LME) && paging) {
		if (!(s->cr4 & HY_X86_CR4_PAE))
			return "long mode (efer.LME with cr0.PG) needs cr4.PAE";
		if (!lma)
			return "efer.LMA must be set with efer.LME and cr0.PG";
	} else if (lma) {
		return "efer.LMA needs efer.LME and cr0.PG";
	} else if (s->cs.l) {
		return "a 64-bit cs (attribute L) needs long mode";
	}
	return "a reserved bit, or one that the CPUID table doesn't allow, in cr0, cr3, cr4 or efer";
}

/* --- Unfinished accesses -------------------------------------------------------------------- */

static int refuse_pending(struct hy_backend_vcpu *be, hy_reg id)
{
	char name[24];

	kvm_services_of(be)->reg_name(id, name, sizeof(name));
	return kvm_services_of(be)->fail(HY_E_PENDING, 0, NULL, "call hy_vcpu_complete first",
	                                 "%s of vCPU %u can't be had at an unfinished access", name,
	                                 be->id);
}

/*
 * Also says what the registers need.  Nothing is read or written before every
 * id has passed.
 */
static int check_ids(struct hy_backend_vcpu *be, const hy_reg *ids, size_t count, unsigned *needs)
{
	enum kvm_pending pending = kvm_cpu_of(be)->pending;
	enum x86_io_form form;
	int r;

	*needs = 0;
	for (size_t i = 0; i < count; i++) {
		unsigned n = need(ids[i]);

		if (!n)
			return kvm_services_of(be)->fail(HY_E_UNSUPPORTED, 0, NULL, NULL,
			                                 "register id 0x%" PRIx64 ": no such register",
			                                 ids[i]);
		if (pending != KVM_PENDING_NONE &&
		    (pending != KVM_PENDING_IO || HY_REG_CLASS(ids[i]) != HY_X86_CLASS_GENERAL))
			return refuse_pending(be, ids[i]);
		*needs |= n;
	}
	if (!count || pending != KVM_PENDING_IO)
		return 0;
	r = kvm_x86_io_form(be, &form);
	if (r)
		return r;
	return form == X86_IO_PLAIN ? 0 : refuse_pending(be, ids[0]);
}

/* --- Reading ----------------------------------------------------------------------------------- */

int kvm_x86_load_regs(struct hy_backend_vcpu *be)
{
	struct kvm_cpu *cpu = kvm_cpu_of(be);
	int r;

	if (cpu->arch.regs_valid)
		return 0;
	r = kvm_vcpu_ioctl(be, KVM_GET_REGS, &cpu->run->s.regs.regs);
	if (r < 0)
		return call_failed(be, -r, "KVM_GET_REGS");
	cpu->arch.regs_valid = true;
	return 0;
}

int kvm_x86_load_sregs(struct hy_backend_vcpu *be)
{
	struct kvm_cpu *cpu = kvm_cpu_of(be);
	int r;

	if (cpu->arch.sregs_valid)
		return 0;
	r = kvm_vcpu_ioctl(be, KVM_GET_SREGS, &cpu->run->s.regs.sregs);
	if (r < 0)
		return call_failed(be, -r, "KVM_GET_SREGS");
	cpu->arch.sregs_valid = true;
	return 0;
}

static int load_xcrs(struct hy_backend_vcpu *be, struct kvm_xcrs *xcrs)
{
	int r;

	memset(xcrs, 0, sizeof(*xcrs));
	xcrs->nr_xcrs = 1;
	xcrs->xcrs[0].value = XCR0_X87;
	/* A processor without XSAVE is one whose XCR0 never changes. */
	if (!kvm_host_of(be->vm)->arch.xcrs)
		return 0;
	r = kvm_vcpu_ioctl(be, KVM_GET_XCRS, xcrs);
	return r < 0 ? call_failed(be, -r, "KVM_GET_XCRS") : 0;
}

int kvm_x86_load_xcr0(struct hy_backend_vcpu *be, uint64_t *value)
{
	struct kvm_xcrs xcrs;
	int r = load_xcrs(be, &xcrs);

	*value = xcrs.xcrs[0].value;
	return r;
}

int kvm_x86_load_debug(struct hy_backend_vcpu *be, struct kvm_debugregs *debug)
{
	int r = kvm_vcpu_ioctl(be, KVM_GET_DEBUGREGS, debug);

	return r < 0 ? call_failed(be, -r, "KVM_GET_DEBUGREGS") : 0;
}

static int load_bank(struct hy_backend_vcpu *be, unsigned needs, struct bank *bank)
{
	int r = 0;

	if (needs & NEED_REGS)
		r = kvm_x86_load_regs(be);
	if (!r && (needs & NEED_SREGS)) {
		r = kvm_x86_load_sregs(be);
		bank->sregs = kvm_cpu_of(be)->run->s.regs.sregs;
	}
	if (!r && (needs & NEED_XCR))
		r = load_xcrs(be, &bank->xcrs);
	if (!r && (needs & NEED_DEBUG))
		r = kvm_x86_load_debug(be, &bank->debug);
	return r;
}

static void read_table(struct hy_segment *to, const struct kvm_dtable *from)
{
	to->base = from->base;
	to->limit = from->limit;
}

static void read_one(struct kvm_run *run, struct bank *bank, hy_reg id, union hy_value *value)
{
	switch (need(id)) {
	case NEED_REGS:
		value->u64 = *general_place(&run->s.regs.regs, id);
		break;
	case NEED_CR8:
		value->u64 = run->cr8;
		break;
	case NEED_XCR:
		value->u64 = bank->xcrs.xcrs[0].value;
		break;
	case NEED_DEBUG:
		value->u64 = *debug_place(&bank->debug, id);
		break;
	case NEED_SREGS:
		if (HY_REG_CLASS(id) == HY_X86_CLASS_SEGMENT)
			kvm_x86_segment_from_kvm(&value->segment, segment_place(&bank->sregs, id));
		else if (HY_REG_CLASS(id) == HY_X86_CLASS_TABLE)
			read_table(&value->segment, table_place(&bank->sregs, id));
		else
			value->u64 = *control_place(&bank->sregs, id);
		break;
	}
}

int kvm_x86_get_regs(struct hy_backend_vcpu *be, const hy_reg *ids, union hy_value *values,
                     size_t count)
{
	struct bank bank;
	unsigned needs;
	int r = check_ids(be, ids, count, &needs);

	if (!r)
		r = load_bank(be, needs, &bank);
	if (r)
		return r;
	for (size_t i = 0; i < count; i++)
		read_one(kvm_cpu_of(be)->run, &bank, ids[i], &values[i]);
	return needs & NEED_MSRS ? kvm_x86_get_msrs(be, ids, values, count) : 0;
}

/* --- Writing ----------------------------------------------------------------------------------- */

static int refuse_value(const struct hy_backend_vcpu *be, hy_reg id, uint64_t value, const char *why)
{
	char name[24];

	kvm_services_of(be)->reg_name(id, name, sizeof(name));
	return kvm_services_of(be)->fail(HY_E_INVALID, 0, NULL, NULL, "%s of vCPU %u = 0x%" PRIx64 ": %s",
	                                 name, be->id, value, why);
}

/* What KVM would take amiss only later, or not at all. */
static int check_value(const struct hy_backend_vcpu *be, hy_reg id, const union hy_value *value)
{
	if (id == HY_X86_CR8 && value->u64 > CR8_MAX)
		return refuse_value(be, id, value->u64, "it has four bits");
	if (HY_REG_CLASS(id) == HY_X86_CLASS_TABLE && value->segment.limit > UINT16_MAX)
		return refuse_value(be, id, value->segment.limit, "the limit has 16 bits");
	if (id == HY_X86_XCR0 && !kvm_host_of(be->vm)->arch.xcrs && value->u64 != XCR0_X87)
		return refuse_value(be, id, value->u64, "this processor has no XSAVE");
	return 0;
}

static int check_values(const struct hy_backend_vcpu *be, const hy_reg *ids,
                        const union hy_value *values, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int r = check_value(be, ids[i], &values[i]);

		if (r)
			return r;
	}
	return 0;
}

static void write_sreg(struct kvm_sregs *sregs, hy_reg id, const union hy_value *value)
{
	struct kvm_dtable *table;

	switch (HY_REG_CLASS(id)) {
	case HY_X86_CLASS_SEGMENT:
		kvm_x86_segment_to_kvm(segment_place(sregs, id), &value->segment);
		break;
	case HY_X86_CLASS_TABLE:
		table = table_place(sregs, id);
		table->base = value->segment.base;
		table->limit = (uint16_t)value->segment.limit;
		break;
	default:
		*control_place(sregs, id) = value->u64;
	}
}

/* Puts the values where store_bank takes them from. */
static void write_bank(struct bank *bank, const hy_reg *ids, const union hy_value *values, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		switch (need(ids[i])) {
		case NEED_SREGS:
			write_sreg(&bank->sregs, ids[i], &values[i]);
			break;
		case NEED_XCR:
			bank->xcrs.xcrs[0].value = values[i].u64;
			break;
		case NEED_DEBUG:
			*debug_place(&bank->debug, ids[i]) = values[i].u64;
			break;
		}
	}
}

int kvm_x86_store_sregs(struct hy_backend_vcpu *be, struct kvm_sregs *sregs)
{
	int r = kvm_x86_check_paging(be, sregs);

	if (r)
		return r;
	r = kvm_vcpu_ioctl(be, KVM_SET_SREGS, sregs);
	kvm_cpu_of(be)->arch.sregs_valid = false;
	if (r == -EINVAL)
		return kvm_services_of(be)->fail(HY_E_INVALID, EINVAL, NULL, NULL,
		                                 "KVM_SET_SREGS of vCPU %u: %s", be->id,
		                                 sregs_complaint(sregs));
	return r < 0 ? call_failed(be, -r, "KVM_SET_SREGS") : 0;
}

int kvm_x86_store_debug(struct hy_backend_vcpu *be, struct kvm_debugregs *debug)
{
	int r = kvm_vcpu_ioctl(be, KVM_SET_DEBUGREGS, debug);

	if (r == -EINVAL)
		return kvm_services_of(be)->fail(HY_E_INVALID, EINVAL, NULL, NULL,
		                                 "KVM_SET_DEBUGREGS of vCPU %u: the host refuses dr6 "
		                                 "or dr7", be->id);
	return r < 0 ? call_failed(be, -r, "KVM_SET_DEBUGREGS") : 0;
}

static int store_xcrs(struct hy_backend_vcpu *be, struct kvm_xcrs *xcrs)
{
	int r;

	if (!kvm_host_of(be->vm)->arch.xcrs)
		return 0;
	r = kvm_vcpu_ioctl(be, KVM_SET_XCRS, xcrs);
	if (r == -EINVAL)
		return refuse_value(be, HY_X86_XCR0, xcrs->xcrs[0].value,
		                    "not allowed by the processor or the CPUID table");
	return r < 0 ? call_failed(be, -r, "KVM_SET_XCRS") : 0;
}

int kvm_x86_store_xcr0(struct hy_backend_vcpu *be, uint64_t value)
{
	struct kvm_xcrs xcrs = { .nr_xcrs = 1 };

	xcrs.xcrs[0].value = value;
	return store_xcrs(be, &xcrs);
}

static int store_bank(struct hy_backend_vcpu *be, unsigned needs, struct bank *bank)
{
	int r = 0;

	if (needs & NEED_SREGS)
		r = kvm_x86_store_sregs(be, &bank->sregs);
	if (!r && (needs & NEED_XCR))
		r = store_xcrs(be, &bank->xcrs);
	if (!r && (needs & NEED_DEBUG))
		r = kvm_x86_store_debug(be, &bank->debug);
	return r;
}

/*
 * KVM drops a pending exception when it takes general registers, so that one
 * that is there must go in with them.
 */
void kvm_x86_mark_regs(struct kvm_run *run)
{
	const struct kvm_vcpu_events *events = &run->s.regs.events;

	run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
	if (events->exception.pending || events->exception.injected)
		run->kvm_dirty_regs |= KVM_SYNC_X86_EVENTS;
}

/* What is only in the shared page: it can't fail, so it comes last. */
static void write_page(struct kvm_run *run, unsigned needs, const hy_reg *ids,
                       const union hy_value *values, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		__u64 *place = general_place(&run->s.regs.regs, ids[i]);

		if (place)
			*place = values[i].u64;
		else if (ids[i] == HY_X86_CR8)
			run->cr8 = values[i].u64;
	}
	if (needs & NEED_REGS)
		kvm_x86_mark_regs(run);
}

int kvm_x86_set_regs(struct hy_backend_vcpu *be, const hy_reg *ids, const union hy_value *values,
                     size_t count)
{
	struct bank bank;
	unsigned needs;
	int r = check_ids(be, ids, count, &needs);

	if (!r)
		r = check_values(be, ids, values, count);
	if (!r)
		r = load_bank(be, needs, &bank);
	if (r)
		return r;
	write_bank(&bank, ids, values, count);
	r = store_bank(be, needs, &bank);
	/* After the segments: FS_BASE and GS_BASE are a part of those. */
	if (!r && (needs & NEED_MSRS))
		r = kvm_x86_set_msrs(be, ids, values, count);
	if (r)
		return r;
	write_page(kvm_cpu_of(be)->run, needs, ids, values, count);
	return 0;
}
