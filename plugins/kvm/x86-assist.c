/* SPDX-License-Identifier: MIT */
/*
 * Instructions that the kernel's emulator gives up on: SSE and AVX at MMIO, on
 * some hosts a lot more.  plugins/assist executes them on the vCPU's state, one
 * at a time, and the guest runs on in the kernel behind it.
 *
 * While an access waits for its answer the vCPU's registers are as before the
 * instruction, and the xe_cpu has what is under way.
 */
#include <stdlib.h>
#include <string.h>

#include "x86-assist.h"

#define DB_VECTOR 1
#define UD_VECTOR 6
#define PF_VECTOR 14

/* A #DB clears it, so that its handler can use the debug registers (SDM vol. 3, section 18.2.4). */
#define DR7_GD 0x2000u

static struct x86_assist *assist_of(const struct hy_backend_vcpu *be)
{
	return kvm_cpu_of(be)->arch.assist;
}

/* --- What the executor asks for -------------------------------------------------------- */

static uint8_t *find_page(void *ctx, uint64_t gpa, uint32_t *prot)
{
	const struct x86_assist *assist = ctx;

	return kvm_services_of(assist->be)->vm_find(assist->be->vm, gpa, NULL, prot);
}

static bool load_parts(void *ctx, unsigned parts)
{
	struct x86_assist *assist = ctx;

	assist->error = kvm_x86_assist_load_parts(assist, parts);
	return assist->error == 0;
}

static void answer_cpuid(void *ctx, uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	const struct x86_assist *assist = ctx;

	kvm_x86_cpuid_answer(assist->be, leaf, subleaf, answer);
}

static bool msr_exits(void *ctx, uint32_t index, bool write)
{
	const struct x86_assist *assist = ctx;
	const struct hy_vm_options *options = assist->be->vm->options;

	for (size_t i = 0; i < options->x86_msr_exit_count; i++) {
		const struct hy_x86_msr_range *range = &options->x86_msr_exits[i];

		if (index - range->first < range->count && (write ? range->write : range->read))
			return true;
	}
	return false;
}

static uint64_t read_tsc(void *ctx)
{
	return ((const struct x86_assist *)ctx)->tsc;
}

static const struct xe_bus bus = {
	.page = find_page,
	.load = load_parts,
	.cpuid = answer_cpuid,
	.msr_exits = msr_exits,
	.tsc = read_tsc,
};

/* --- Life ---------------------------------------------------------------------------------- */

int kvm_x86_assist_create(struct hy_backend_vcpu *be)
{
	const struct hy_vm_options *options = be->vm->options;
	const struct kvm_arch_host *host = &kvm_host_of(be->vm)->arch;
	size_t image_size = kvm_x86_xsave_size(be);
	struct x86_assist *assist = calloc(1, sizeof(*assist) + image_size);

	if (!assist)
		return kvm_services_of(be)->fail(HY_E_NOMEM, 0, NULL, NULL, "memory for vCPU %u's instructions",
		                                 be->id);
	assist->image_size = image_size;
	assist->pkru_offset = host->pkru_offset;
	assist->cpu.features = xe_features(options->x86_cpuid, options->x86_cpuid_count);
	assist->cpu.phys_bits = (uint8_t)host->gpa_bits;
	assist->cpu.bus = &bus;
	assist->cpu.ctx = assist;
	assist->cpu.interrupt = -1;
	kvm_cpu_of(be)->arch.assist = assist;
	return 0;
}

void kvm_x86_assist_free(struct kvm_arch_cpu *cpu)
{
	free(cpu->assist);
	cpu->assist = NULL;
}

/* --- Exits ------------------------------------------------------------------------------------ */

static int begin_access(struct hy_backend_vcpu *be)
{
	static const uint32_t kinds[] = {
		[XE_ACCESS_IO] = HY_EXIT_IO, [XE_ACCESS_MMIO] = HY_EXIT_MMIO, [XE_ACCESS_MSR] = HY_EXIT_MSR,
	};
	struct xe_access *access = &assist_of(be)->cpu.access;
	struct hy_exit *exit = be->exit;

	kvm_exit_access(be, kinds[access->kind], access->data, access->size, access->write);
	switch (access->kind) {
	case XE_ACCESS_IO:
		exit->io.port = (uint16_t)access->address;
		exit->io.size = access->size;
		exit->io.write = access->write;
		exit->io.count = 1;
		break;
	case XE_ACCESS_MMIO:
		exit->mmio.gpa = access->address;
		exit->mmio.size = access->size;
		exit->mmio.write = access->write;
		break;
	default:
		exit->msr.index = (uint32_t)access->address;
		exit->msr.write = access->write;
	}
	kvm_cpu_of(be)->pending = KVM_PENDING_ASSIST;
	return 0;
}

static int simple_exit(struct hy_backend_vcpu *be, uint32_t kind)
{
	memset(be->exit, 0, sizeof(*be->exit));
	be->exit->kind = kind;
	return 0;
}

/* --- Exceptions ------------------------------------------------------------------------------- */

/* What the processor has recorded before it delivers: CR2 of a #PF, DR6 and DR7 of a #DB. */
static int record_exception(struct x86_assist *assist, const struct xe_event *event)
{
	struct xe_cpu *cpu = &assist->cpu;
	int r = 0;

	if (event->vector == PF_VECTOR)
		cpu->cr2 = event->address;
	if (event->vector != DB_VECTOR)
		return 0;
	if (!(cpu->parts & XE_PART_DEBUG))
		r = kvm_x86_assist_load_parts(assist, XE_PART_DEBUG);
	cpu->dr[6] |= event->dr6;
	cpu->dr[7] &= ~(uint64_t)DR7_GD;
	cpu->parts |= XE_PART_DEBUG;
	cpu->changed |= XE_PART_DEBUG;
	return r;
}

/*
 * Gives the guest an exception: the kernel delivers it at the next entry.  It is
 * "injected", not "pending", so what goes with it has to be recorded here.
 */
static int inject(struct x86_assist *assist, const struct xe_event *event)
{
	struct kvm_run *run = kvm_cpu_of(assist->be)->run;
	struct kvm_vcpu_events *events = &run->s.regs.events;
	int r = record_exception(assist, event);

	/* Faults but #DB have RF in the flags that they save (SDM vol. 3, section 18.3.1.1). */
	if (event->kind == XE_EVENT_FAULT && event->vector != DB_VECTOR)
		assist->cpu.rflags |= HY_X86_RFLAGS_RF;
	if (!r)
		r = kvm_x86_assist_store(assist);
	if (r)
		return r;
	memset(&events->exception, 0, sizeof(events->exception));
	events->exception.injected = 1;
	events->exception.nr = event->vector;
	events->exception.has_error_code = event->has_error;
	events->exception.error_code = event->error;
	run->kvm_dirty_regs |= KVM_SYNC_X86_EVENTS;
	return KVM_RUN_AGAIN;
}

/* --- Execution -------------------------------------------------------------------------------- */

/* With the VM's memory as it is. */
static enum xe_result execute(struct x86_assist *assist)
{
	const struct hy_services *services = kvm_services_of(assist->be);
	struct xe_cpu *cpu = &assist->cpu;
	enum xe_result result;

	services->vm_lock(assist->be->vm);
	result = xe_execute(cpu);
	/* INT n and its like look at gates as no injected exception does. */
	if (result == XE_EXCEPTION && cpu->event.kind != XE_EVENT_FAULT && cpu->event.kind != XE_EVENT_TRAP)
		result = xe_deliver(cpu, &cpu->event);
	services->vm_unlock(assist->be->vm);
	return result;
}

/* The instruction is done; single-stepping has it followed by a #DB. */
static int finish(struct x86_assist *assist)
{
	struct xe_event event = { .kind = XE_EVENT_TRAP, .vector = DB_VECTOR, .dr6 = assist->cpu.trap };

	if (!event.dr6)
		return kvm_x86_assist_store(assist);
	assist->cpu.trap = 0;
	return inject(assist, &event);
}

static int end_with_exit(struct x86_assist *assist, uint32_t kind)
{
	int r = finish(assist);

	return r < 0 ? r : simple_exit(assist->be, kind);
}

static int refuse(struct x86_assist *assist)
{
	int r = kvm_x86_assist_store(assist);

	return r ? r : kvm_x86_refused(assist->be, &assist->cpu.refusal);
}

static int finish_with(struct x86_assist *assist, enum xe_result result)
{
	int r;

	switch (result) {
	case XE_OK:
		r = finish(assist);
		return r ? r : KVM_RUN_AGAIN;
	case XE_EXCEPTION:
		return inject(assist, &assist->cpu.event);
	case XE_HALT:
		return end_with_exit(assist, HY_EXIT_HALT);
	case XE_SHUTDOWN:
		return end_with_exit(assist, HY_EXIT_SHUTDOWN);
	default:
		return refuse(assist);
	}
}

int kvm_arch_assist(struct hy_backend_vcpu *be)
{
	struct x86_assist *assist = assist_of(be);
	enum xe_result result;

	kvm_cpu_of(be)->pending = KVM_PENDING_NONE;
	assist->be = be;
	assist->error = 0;
	assist->cpu.access.refused = be->refused != 0;
	result = execute(assist);
	if (assist->error) {
		xe_drop(&assist->cpu);
		return assist->error;
	}
	return result == XE_ACCESS ? begin_access(be) : finish_with(assist, result);
}

/* Old kernels leave a #UD pending, which the guest must not get on top of what comes. */
static void drop_undefined(struct kvm_run *run)
{
	struct kvm_vcpu_events *events = &run->s.regs.events;

	if (events->exception.nr != UD_VECTOR ||
	    !(events->exception.pending || events->exception.injected))
		return;
	memset(&events->exception, 0, sizeof(events->exception));
	run->kvm_dirty_regs |= KVM_SYNC_X86_EVENTS;
}

int kvm_arch_emulation_failure(struct hy_backend_vcpu *be)
{
	struct x86_assist *assist = assist_of(be);
	int r;

	drop_undefined(kvm_cpu_of(be)->run);
	assist->be = be;
	r = kvm_x86_assist_load(assist);
	return r ? r : kvm_arch_assist(be);
}

void kvm_arch_drop(struct hy_backend_vcpu *be)
{
	xe_drop(&assist_of(be)->cpu);
	kvm_cpu_of(be)->pending = KVM_PENDING_NONE;
}
