/* SPDX-License-Identifier: MIT */
/* Between an access and its end: what can be had, and how it is finished. */
#include <string.h>

#include "conform.h"

USE_GUEST(phases_out);
USE_GUEST(phases_in);
USE_GUEST(phases_outs);
USE_GUEST(phases_ins);
USE_GUEST(phases_rep_outs);
USE_GUEST(phases_rep_ins);
USE_GUEST(phases_load);
USE_GUEST(phases_store);
USE_GUEST(phases_add);
USE_GUEST(phases_rep_movs);
USE_GUEST(phases_rdmsr);
USE_GUEST(phases_wrmsr);
USE_GUEST(phases_rdmsr_twice);
USE_GUEST(phases_wrmsr_rdmsr);
USE_GUEST(phases_skip);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PORT 0x42
#define PATTERN UINT64_C(0x1122334455667788)

/* Where these guests want their registers to point. */
static void point(struct conform *t)
{
	set_reg(t, HY_X86_RAX, 1);
	set_reg(t, HY_X86_RBX, HOLE);
	set_reg(t, HY_X86_RCX, 4);
	set_reg(t, HY_X86_RDX, PORT);
	set_reg(t, HY_X86_RSI, DATA);
	set_reg(t, HY_X86_RDI, DATA);
}

static void boot(struct conform *t, struct guest guest)
{
	conform_boot(t, LONG, guest);
	point(t);
}

/* Another guest in the same vCPU. */
static void place(struct conform *t, struct guest guest)
{
	conform_place(t, t->vcpu, LONG, guest);
	point(t);
}

/* --- Registers: refused ----------------------------------------------------------- */

static const hy_reg general[] = { HY_X86_RAX, HY_X86_RSP, HY_X86_RSI, HY_X86_R15 };

/* Some of each other class. */
static const hy_reg others[] = {
	HY_X86_RIP,  HY_X86_RFLAGS, HY_X86_CS,
	HY_X86_DS,   HY_X86_LDTR,   HY_X86_TR,
	HY_X86_GDTR, HY_X86_IDTR,   HY_X86_CR0,
	HY_X86_CR2,  HY_X86_CR3,    HY_X86_CR4,
	HY_X86_CR8,  HY_X86_EFER,   HY_X86_XCR0,
	HY_X86_DR0,  HY_X86_DR7,    HY_X86_MSR(HY_X86_MSR_PAT),
};

static void check_refused(struct conform *t, const hy_reg *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		union hy_value value = { .u64 = 0 };
		char name[24];

		OK(hy_reg_name(ids[i], name, sizeof(name)));
		FAILS(hy_vcpu_get_regs(t->vcpu, &ids[i], &value, 1), HY_E_PENDING, name);
		FAILS(hy_vcpu_set_regs(t->vcpu, &ids[i], &value, 1), HY_E_PENDING, name);
	}
}

static void check_xsave_refused(struct conform *t)
{
	uint8_t image[4096] = { 0 };
	size_t size = sizeof(image);
	struct hy_cap cap;

	OK(hy_host_cap(t->host, HY_CAP_XSAVE, &cap));
	if (cap.how == HY_CAP_ABSENT)
		return;
	FAILS(hy_x86_get_xsave(t->vcpu, image, &size), HY_E_PENDING, "");
	FAILS(hy_x86_set_xsave(t->vcpu, image, sizeof(image)), HY_E_PENDING, "");
}

static void check_others_refused(struct conform *t)
{
	check_refused(t, others, COUNT(others));
	check_xsave_refused(t);
}

static void check_all_refused(struct conform *t)
{
	check_refused(t, general, COUNT(general));
	check_others_refused(t);
}

/* All but what the instruction at hand changes. */
struct state {
	union hy_value values[COUNT(others)];
};

static void get_state(struct conform *t, struct state *state)
{
	OK(hy_vcpu_get_regs(t->vcpu, others, state->values, COUNT(others)));
}

/* From the third on: RIP and RFLAGS come first. */
static void check_state(struct conform *t, const struct state *before)
{
	struct state now;

	get_state(t, &now);
	for (size_t i = 2; i < COUNT(others); i++) {
		if (memcmp(&now.values[i], &before->values[i], sizeof(now.values[i])) != 0)
			FAIL("register %zu of the list has changed", i);
	}
}

/* Refused at the guest's first exit, and unchanged at the end. */
static void refuses(struct conform *t, struct guest guest, uint32_t kind,
                    void (*check)(struct conform *t))
{
	struct state before;

	boot(t, guest);
	get_state(t, &before);
	RUN(t, kind);
	check(t);
	COMPLETE(t);
	check_state(t, &before);
	HALT(t);
}

static void out_refuses(struct conform *t)
{
	refuses(t, phases_out, HY_EXIT_IO, check_others_refused);
}

static void in_refuses(struct conform *t)
{
	refuses(t, phases_in, HY_EXIT_IO, check_others_refused);
}

static void outs_refuses(struct conform *t)
{
	refuses(t, phases_outs, HY_EXIT_IO, check_all_refused);
}

static void ins_refuses(struct conform *t)
{
	refuses(t, phases_ins, HY_EXIT_IO, check_all_refused);
}

static void load_refuses(struct conform *t)
{
	refuses(t, phases_load, HY_EXIT_MMIO, check_all_refused);
}

static void store_refuses(struct conform *t)
{
	refuses(t, phases_store, HY_EXIT_MMIO, check_all_refused);
}

static void add_refuses(struct conform *t)
{
	boot(t, phases_add);
	MMIO_READ(t, HOLE, 4, 1);
	check_all_refused(t);
	MMIO_WRITE(t, HOLE, 4, 2);
	check_all_refused(t);
	HALT(t);
}

static void rep_refuses(struct conform *t)
{
	boot(t, phases_rep_outs);
	while (any_exit(t)->kind == HY_EXIT_IO)
		check_all_refused(t);
	CHECK_EQ(t->exit->kind, HY_EXIT_HALT);
}

/* One register that is refused spoils the call. */
static void batch_refused(struct conform *t)
{
	const hy_reg ids[] = { HY_X86_RCX, HY_X86_RIP };
	union hy_value values[2] = { { .u64 = 77 }, { .u64 = CODE } };

	boot(t, phases_out);
	RUN(t, HY_EXIT_IO);
	FAILS(hy_vcpu_set_regs(t->vcpu, ids, values, 2), HY_E_PENDING, "rip");
	FAILS(hy_vcpu_get_regs(t->vcpu, ids, values, 2), HY_E_PENDING, "rip");
	CHECK_EQ(get_reg(t, HY_X86_RCX), 4);
	HALT(t);
}

/* --- Registers: allowed ----------------------------------------------------------- */

static void check_allowed(struct conform *t)
{
	struct state state;

	for (unsigned i = 0; i < 16; i++)
		set_reg(t, HY_X86_GENERAL(i), get_reg(t, HY_X86_GENERAL(i)));
	get_state(t, &state);
	OK(hy_vcpu_set_regs(t->vcpu, others, state.values, COUNT(others)));
	check_state(t, &state);
}

static void new_allows(struct conform *t)
{
	boot(t, phases_out);
	check_allowed(t);
	OUT(t, PORT, 1, 1);
	HALT(t);
}

static void completed_allows(struct conform *t)
{
	boot(t, phases_store);
	MMIO_WRITE(t, HOLE, 4, 1);
	COMPLETE(t);
	check_allowed(t);
	HALT(t);
}

static void halt_allows(struct conform *t)
{
	boot(t, phases_out);
	OUT(t, PORT, 1, 1);
	HALT(t);
	check_allowed(t);
	set_reg(t, HY_X86_RIP, CODE);
	OUT(t, PORT, 1, 1);
}

static void canceled_allows(struct conform *t)
{
	boot(t, phases_out);
	OK(hy_vcpu_kick(t->vcpu));
	RUN(t, HY_EXIT_CANCELED);
	check_allowed(t);
	OUT(t, PORT, 1, 1);
	HALT(t);
}

/* --- Completing ------------------------------------------------------------------- */

/* Completes to the next access of the same instruction. */
static void complete_to(struct conform *t, uint64_t gpa, uint8_t size, uint8_t write)
{
	OK(hy_vcpu_complete(t->vcpu, &t->exit));
	CHECK(t->exit);
	CHECK_EQ(t->exit->kind, HY_EXIT_MMIO);
	CHECK_EQ(t->exit->flags, HY_EXIT_PENDING);
	CHECK_EQ(t->exit->mmio.gpa, gpa);
	CHECK_EQ(t->exit->mmio.size, size);
	CHECK_EQ(t->exit->mmio.write, write);
}

static void complete_nothing(struct conform *t)
{
	boot(t, phases_out);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RIP), CODE);
	OUT(t, PORT, 1, 1);
	HALT(t);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RIP), CODE + 3);
}

static void complete_twice(struct conform *t)
{
	boot(t, phases_in);
	IN(t, PORT, 1, 0x5a);
	for (unsigned i = 0; i < 3; i++) {
		COMPLETE(t);
		CHECK_EQ(get_reg(t, HY_X86_RIP), CODE + 2);
		CHECK_EQ(get_reg(t, HY_X86_RAX), 0x5a);
	}
	HALT(t);
}

static void complete_rmw(struct conform *t)
{
	boot(t, phases_add);
	MMIO_READ(t, HOLE, 4, 5);
	complete_to(t, HOLE, 4, 1);
	CHECK_EQ(hy_exit_value(t->exit, 0), 6);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RIP), CODE + 2);
	HALT(t);
}

static void complete_load_over_page(struct conform *t)
{
	boot(t, phases_load);
	set_reg(t, HY_X86_RBX, HOLE + PAGE - 3);
	MMIO_READ(t, HOLE + PAGE - 3, 3, 0x332211);
	complete_to(t, HOLE + PAGE, 1, 0);
	OK(hy_vcpu_answer(t->vcpu, 0x44));
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0x44332211);
	HALT(t);
}

static void complete_store_over_page(struct conform *t)
{
	boot(t, phases_store);
	set_reg(t, HY_X86_RAX, 0x44332211);
	set_reg(t, HY_X86_RBX, HOLE + PAGE - 2);
	MMIO_WRITE(t, HOLE + PAGE - 2, 2, 0x2211);
	complete_to(t, HOLE + PAGE, 2, 1);
	CHECK_EQ(hy_exit_value(t->exit, 0), 0x4433);
	COMPLETE(t);
	HALT(t);
}

/* An item has a read and a write; behind them is a place between two pieces. */
static void complete_rep_movs(struct conform *t)
{
	boot(t, phases_rep_movs);
	set_reg(t, HY_X86_RSI, HOLE);
	set_reg(t, HY_X86_RDI, HOLE + PAGE);
	set_reg(t, HY_X86_RCX, 2);
	MMIO_READ(t, HOLE, 4, 0x11);
	complete_to(t, HOLE + PAGE, 4, 1);
	CHECK_EQ(hy_exit_value(t->exit, 0), 0x11);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RIP), CODE);
	CHECK_EQ(get_reg(t, HY_X86_RCX), 1);
	CHECK_EQ(get_reg(t, HY_X86_RSI), HOLE + 4);
	CHECK_EQ(get_reg(t, HY_X86_RDI), HOLE + PAGE + 4);
	MMIO_READ(t, HOLE + 4, 4, 0x22);
	MMIO_WRITE(t, HOLE + PAGE + 4, 4, 0x22);
	HALT(t);
}

/* --- Kicks ------------------------------------------------------------------------ */

/* The kick of before is answered, once, at this place. */
static void canceled_at(struct conform *t, uint64_t ip)
{
	RUN(t, HY_EXIT_CANCELED);
	CHECK_EQ(t->exit->flags, 0);
	CHECK_EQ(get_reg(t, HY_X86_RIP), ip);
}

static void kick_at_out(struct conform *t)
{
	boot(t, phases_out);
	OUT(t, PORT, 1, 1);
	OK(hy_vcpu_kick(t->vcpu));
	canceled_at(t, CODE + 2);
	HALT(t);
}

static void kick_at_in(struct conform *t)
{
	boot(t, phases_in);
	RUN(t, HY_EXIT_IO);
	OK(hy_vcpu_kick(t->vcpu));
	OK(hy_vcpu_answer(t->vcpu, 0x5a));
	canceled_at(t, CODE + 2);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0x5a);
	HALT(t);
}

static void kick_at_load(struct conform *t)
{
	boot(t, phases_load);
	MMIO_READ(t, HOLE, 4, PATTERN);
	OK(hy_vcpu_kick(t->vcpu));
	canceled_at(t, CODE + 2);
	CHECK_EQ(get_reg(t, HY_X86_RAX), (uint32_t)PATTERN);
	HALT(t);
}

static void kick_at_store(struct conform *t)
{
	boot(t, phases_store);
	MMIO_WRITE(t, HOLE, 4, 1);
	OK(hy_vcpu_kick(t->vcpu));
	canceled_at(t, CODE + 2);
	HALT(t);
}

static void kick_then_complete(struct conform *t)
{
	boot(t, phases_in);
	IN(t, PORT, 1, 0x5a);
	OK(hy_vcpu_kick(t->vcpu));
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RIP), CODE + 2);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0x5a);
	canceled_at(t, CODE + 2);
	HALT(t);
}

static void kick_at_rmw(struct conform *t)
{
	boot(t, phases_add);
	MMIO_READ(t, HOLE, 4, 5);
	OK(hy_vcpu_kick(t->vcpu));
	MMIO_WRITE(t, HOLE, 4, 6);
	canceled_at(t, CODE + 2);
	HALT(t);
}

static void kick_then_complete_rmw(struct conform *t)
{
	boot(t, phases_add);
	MMIO_READ(t, HOLE, 4, 5);
	OK(hy_vcpu_kick(t->vcpu));
	complete_to(t, HOLE, 4, 1);
	COMPLETE(t);
	canceled_at(t, CODE + 2);
	HALT(t);
}

static void kick_over_page(struct conform *t)
{
	boot(t, phases_load);
	set_reg(t, HY_X86_RBX, HOLE + PAGE - 3);
	MMIO_READ(t, HOLE + PAGE - 3, 3, 0x332211);
	OK(hy_vcpu_kick(t->vcpu));
	MMIO_READ(t, HOLE + PAGE, 1, 0x44);
	canceled_at(t, CODE + 2);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0x44332211);
	HALT(t);
}

/* CANCELED may come between two pieces; no item is lost or doubled for it. */
static void kick_at_rep_outs(struct conform *t)
{
	uint8_t bytes[64], got[64];
	size_t count = 0, canceled = 0;

	boot(t, phases_rep_outs);
	set_reg(t, HY_X86_RCX, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i + 1);
	write_ram(t, DATA, bytes, sizeof(bytes));
	for (;;) {
		OK(hy_vcpu_run(t->vcpu, &t->exit));
		if (t->exit->kind == HY_EXIT_CANCELED) {
			canceled++;
			continue;
		}
		if (t->exit->kind != HY_EXIT_IO)
			break;
		if (count == 0)
			OK(hy_vcpu_kick(t->vcpu));
		CHECK(t->exit->io.count <= sizeof(got) - count);
		memcpy(got + count, t->exit->data, t->exit->io.count);
		count += t->exit->io.count;
	}
	CHECK_EQ(t->exit->kind, HY_EXIT_HALT);
	CHECK_EQ(canceled, 1);
	CHECK_EQ(count, sizeof(got));
	CHECK(memcmp(got, bytes, sizeof(got)) == 0);
}

/* --- Reset ------------------------------------------------------------------------ */

/* The vCPU is as new, and another guest runs as if nothing had been. */
static void reset_drops(struct conform *t)
{
	OK(hy_vcpu_reset(t->vcpu));
	CHECK(!hy_vcpu_data(t->vcpu, NULL));
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RIP), 0xfff0);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0);
	place(t, phases_add);
	MMIO_READ(t, HOLE, 4, 5);
	MMIO_WRITE(t, HOLE, 4, 6);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 1);
}

static void reset_at(struct conform *t, struct guest guest, uint32_t kind)
{
	boot(t, guest);
	RUN(t, kind);
	reset_drops(t);
}

static void reset_at_out(struct conform *t)
{
	reset_at(t, phases_out, HY_EXIT_IO);
}

static void reset_at_in(struct conform *t)
{
	reset_at(t, phases_in, HY_EXIT_IO);
}

static void reset_at_rep_outs(struct conform *t)
{
	reset_at(t, phases_rep_outs, HY_EXIT_IO);
}

static void reset_at_rep_ins(struct conform *t)
{
	reset_at(t, phases_rep_ins, HY_EXIT_IO);
}

static void reset_at_load(struct conform *t)
{
	reset_at(t, phases_load, HY_EXIT_MMIO);
}

static void reset_at_store(struct conform *t)
{
	reset_at(t, phases_store, HY_EXIT_MMIO);
}

static void reset_at_rmw(struct conform *t)
{
	boot(t, phases_add);
	MMIO_READ(t, HOLE, 4, 5);
	MMIO_WRITE(t, HOLE, 4, 6);
	reset_drops(t);
}

/* The second access of the instruction never comes. */
static void reset_amid_rmw(struct conform *t)
{
	reset_at(t, phases_add, HY_EXIT_MMIO);
}

/* --- Answers and records ---------------------------------------------------------- */

static void check_answerable(struct conform *t, size_t wanted)
{
	size_t size = 0;

	CHECK(hy_vcpu_data(t->vcpu, &size) == t->exit->data);
	CHECK_EQ(size, wanted);
	CHECK_EQ(t->exit->data_size, wanted);
	OK(hy_vcpu_answer(t->vcpu, 0));
}

static void check_unanswerable(struct conform *t)
{
	size_t size = 1;

	CHECK(!hy_vcpu_data(t->vcpu, &size));
	CHECK_EQ(size, 0);
	FAILS(hy_vcpu_answer(t->vcpu, 0), HY_E_INVALID, "");
}

static void check_unrefusable(struct conform *t)
{
	FAILS(hy_vcpu_refuse(t->vcpu), HY_E_INVALID, "");
}

static void reads_take_answers(struct conform *t)
{
	boot(t, phases_in);
	RUN(t, HY_EXIT_IO);
	check_answerable(t, 1);
	check_unrefusable(t);
	COMPLETE(t);
	check_unanswerable(t);
	place(t, phases_load);
	RUN(t, HY_EXIT_MMIO);
	check_answerable(t, 4);
	check_unrefusable(t);
	COMPLETE(t);
	check_unanswerable(t);
}

static void others_take_none(struct conform *t)
{
	boot(t, phases_out);
	check_unanswerable(t);
	RUN(t, HY_EXIT_IO);
	check_unanswerable(t);
	check_unrefusable(t);
	HALT(t);
	check_unanswerable(t);
	check_unrefusable(t);
	place(t, phases_store);
	RUN(t, HY_EXIT_MMIO);
	check_unanswerable(t);
	check_unrefusable(t);
	OK(hy_vcpu_kick(t->vcpu));
	RUN(t, HY_EXIT_CANCELED);
	check_unanswerable(t);
	check_unrefusable(t);
}

/* The last answer counts, in each item. */
static void answer_fills(struct conform *t)
{
	uint16_t got[4];

	boot(t, phases_rep_ins);
	for (uint32_t done = 0; done < 4; done += t->exit->io.count) {
		RUN(t, HY_EXIT_IO);
		OK(hy_vcpu_answer(t->vcpu, 0));
		OK(hy_vcpu_answer(t->vcpu, 0xdead1234));
		for (uint32_t i = 0; i < t->exit->io.count; i++)
			CHECK_EQ(hy_exit_value(t->exit, i), 0x1234);
		CHECK_EQ(hy_exit_value(t->exit, t->exit->io.count), 0);
	}
	HALT(t);
	read_ram(t, DATA, got, sizeof(got));
	for (size_t i = 0; i < COUNT(got); i++)
		CHECK_EQ(got[i], 0x1234);
}

/* What the program does meanwhile, short of running. */
static void meddle(struct conform *t)
{
	uint64_t value;

	write_ram(t, DATA, &t->exit->kind, sizeof(t->exit->kind));
	read_ram(t, CODE, &value, sizeof(value));
	OK(hy_vm_alloc_memory(t->vm, HOLE + 16 * PAGE, PAGE, HY_PROT_RWX, 0));
	OK(hy_vm_unmap_memory(t->vm, HOLE + 16 * PAGE, PAGE, 0));
	CHECK(hy_vcpu_get_reg(t->vcpu, HY_X86_RIP, &value) == HY_E_PENDING);
	CHECK(hy_vcpu_refuse(t->vcpu) == HY_E_INVALID);
	OK(hy_vcpu_kick(t->vcpu));
}

static void record_stays(struct conform *t, struct guest guest, uint32_t kind)
{
	struct hy_exit before;
	uint64_t value;

	boot(t, guest);
	RUN(t, kind);
	memcpy(&before, t->exit, sizeof(before));
	value = hy_exit_value(t->exit, 0);
	meddle(t);
	CHECK(memcmp(&before, t->exit, sizeof(before)) == 0);
	CHECK_EQ(hy_exit_value(t->exit, 0), value);
	canceled_at(t, CODE + 2);
	HALT(t);
}

static void record_of_out(struct conform *t)
{
	record_stays(t, phases_out, HY_EXIT_IO);
}

static void record_of_load(struct conform *t)
{
	record_stays(t, phases_load, HY_EXIT_MMIO);
}

static void record_of_store(struct conform *t)
{
	record_stays(t, phases_store, HY_EXIT_MMIO);
}

/* --- MSRs ------------------------------------------------------------------------- */

#define MSR 0x1234 /* there is none of this number */
#define IDT UINT64_C(0x5000)
#define HANDLER UINT64_C(0x6000)
#define GP_VECTOR 13

static void boot_msr(struct conform *t, struct guest guest, const struct hy_x86_msr_range *range)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;

	options.x86_msr_exits = range;
	options.x86_msr_exit_count = 1;
	OK(hy_vm_create(t->host, &options, &t->vm));
	OK(hy_vm_alloc_memory(t->vm, 0, RAM_SIZE, HY_PROT_RWX, 0));
	OK(hy_vcpu_create(t->vm, NULL, &t->vcpu));
	place(t, guest);
	set_reg(t, HY_X86_RCX, range->first);
}

static const struct hy_x86_msr_range any_access = { MSR, 1, 1, 1 };

static void run_to_msr(struct conform *t, uint8_t write)
{
	RUN(t, HY_EXIT_MSR);
	CHECK_EQ(t->exit->flags, HY_EXIT_PENDING);
	CHECK_EQ(t->exit->msr.index, MSR);
	CHECK_EQ(t->exit->msr.write, write);
	CHECK_EQ(t->exit->data_size, 8);
}

static void rdmsr(struct conform *t)
{
	boot_msr(t, phases_rdmsr, &any_access);
	set_reg(t, HY_X86_RAX, UINT64_MAX);
	set_reg(t, HY_X86_RDX, UINT64_MAX);
	run_to_msr(t, 0);
	check_answerable(t, 8);
	OK(hy_vcpu_answer(t->vcpu, PATTERN));
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RIP), CODE + 2);
	CHECK_EQ(get_reg(t, HY_X86_RAX), (uint32_t)PATTERN);
	CHECK_EQ(get_reg(t, HY_X86_RDX), PATTERN >> 32);
	HALT(t);
}

static void rdmsr_unanswered(struct conform *t)
{
	boot_msr(t, phases_rdmsr, &any_access);
	run_to_msr(t, 0);
	CHECK_EQ(hy_exit_value(t->exit, 0), UINT64_MAX);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), UINT32_MAX);
	CHECK_EQ(get_reg(t, HY_X86_RDX), UINT32_MAX);
}

static void wrmsr(struct conform *t)
{
	boot_msr(t, phases_wrmsr, &any_access);
	set_reg(t, HY_X86_RAX, UINT64_C(0xffffffff00000000) | (uint32_t)PATTERN);
	set_reg(t, HY_X86_RDX, PATTERN >> 32);
	run_to_msr(t, 1);
	CHECK_EQ(hy_exit_value(t->exit, 0), PATTERN);
	check_unanswerable(t);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RIP), CODE + 2);
	HALT(t);
}

static void rdmsr_refuses(struct conform *t)
{
	boot_msr(t, phases_rdmsr, &any_access);
	run_to_msr(t, 0);
	check_all_refused(t);
	HALT(t);
}

static void wrmsr_refuses(struct conform *t)
{
	boot_msr(t, phases_wrmsr, &any_access);
	run_to_msr(t, 1);
	check_all_refused(t);
	HALT(t);
}

/* An interrupt gate of 64-bit code (SDM vol. 3, figure 6-8) to the handler. */
static void set_handler(struct conform *t)
{
	const uint64_t gate[2] = { HANDLER | UINT64_C(0x8) << 16 | UINT64_C(0x8e) << 40, 0 };
	const union hy_value table = { .segment = { .base = IDT, .limit = 0xfff } };
	const hy_reg id = HY_X86_IDTR;

	write_ram(t, IDT + GP_VECTOR * sizeof(gate), gate, sizeof(gate));
	write_ram(t, HANDLER, phases_skip.start, (size_t)(phases_skip.end - phases_skip.start));
	OK(hy_vcpu_set_regs(t->vcpu, &id, &table, 1));
}

/* The handler tells error code 0 and the instruction's place, and skips it. */
static void check_fault(struct conform *t)
{
	OUT(t, 0x44, 4, 0);
	OUT(t, 0x45, 4, CODE);
}

static void rdmsr_refused(struct conform *t)
{
	boot_msr(t, phases_rdmsr, &any_access);
	set_handler(t);
	run_to_msr(t, 0);
	OK(hy_vcpu_refuse(t->vcpu));
	check_fault(t);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RDX), PORT);
	CHECK_EQ(get_reg(t, HY_X86_RIP), CODE + 3);
}

static void wrmsr_refused(struct conform *t)
{
	boot_msr(t, phases_wrmsr, &any_access);
	set_handler(t);
	run_to_msr(t, 1);
	OK(hy_vcpu_refuse(t->vcpu));
	check_fault(t);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RIP), CODE + 3);
}

/* Finished apart from the run that follows. */
static void refused_and_completed(struct conform *t)
{
	boot_msr(t, phases_rdmsr, &any_access);
	set_handler(t);
	run_to_msr(t, 0);
	OK(hy_vcpu_refuse(t->vcpu));
	COMPLETE(t);
	check_unrefusable(t);
	check_fault(t);
	HALT(t);
}

static void refused_once(struct conform *t)
{
	boot_msr(t, phases_rdmsr_twice, &any_access);
	set_handler(t);
	run_to_msr(t, 0);
	OK(hy_vcpu_refuse(t->vcpu));
	check_fault(t);
	run_to_msr(t, 0);
	OK(hy_vcpu_answer(t->vcpu, PATTERN));
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), (uint32_t)PATTERN);
}

static void kick_at_msr(struct conform *t)
{
	boot_msr(t, phases_rdmsr, &any_access);
	run_to_msr(t, 0);
	OK(hy_vcpu_answer(t->vcpu, PATTERN));
	OK(hy_vcpu_kick(t->vcpu));
	canceled_at(t, CODE + 2);
	CHECK_EQ(get_reg(t, HY_X86_RAX), (uint32_t)PATTERN);
	HALT(t);
}

static void reset_at_msr(struct conform *t)
{
	boot_msr(t, phases_rdmsr, &any_access);
	run_to_msr(t, 0);
	reset_drops(t);
}

static void msr_of_no_list(struct conform *t)
{
	boot_msr(t, phases_wrmsr_rdmsr, &any_access);
	set_reg(t, HY_X86_RCX, HY_X86_MSR_SYSENTER_EIP);
	set_reg(t, HY_X86_RAX, 0x5678);
	set_reg(t, HY_X86_RDX, 0);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0x5678);
}

static void msr_reads_only(struct conform *t)
{
	static const struct hy_x86_msr_range reads = { HY_X86_MSR_SYSENTER_EIP, 1, 1, 0 };

	boot_msr(t, phases_wrmsr_rdmsr, &reads);
	set_reg(t, HY_X86_RDX, 0);
	RUN(t, HY_EXIT_MSR);
	CHECK_EQ(t->exit->msr.index, HY_X86_MSR_SYSENTER_EIP);
	CHECK_EQ(t->exit->msr.write, 0);
	OK(hy_vcpu_answer(t->vcpu, 7));
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 7);
}

static void msr_writes_only(struct conform *t)
{
	static const struct hy_x86_msr_range writes = { HY_X86_MSR_SYSENTER_EIP, 1, 0, 1 };

	boot_msr(t, phases_wrmsr_rdmsr, &writes);
	set_reg(t, HY_X86_RDX, 0);
	RUN(t, HY_EXIT_MSR);
	CHECK_EQ(t->exit->msr.index, HY_X86_MSR_SYSENTER_EIP);
	CHECK_EQ(t->exit->msr.write, 1);
	HALT(t);
}

const struct conform_case conform_phases[] = {
	{ "phases/out-refuses", "HY-B45", out_refuses, HY_ARCH_X86_64, { 0 } },
	{ "phases/in-refuses", "HY-B45", in_refuses, HY_ARCH_X86_64, { 0 } },
	{ "phases/outs-refuses", "HY-B45", outs_refuses, HY_ARCH_X86_64, { 0 } },
	{ "phases/ins-refuses", "HY-B45", ins_refuses, HY_ARCH_X86_64, { 0 } },
	{ "phases/load-refuses", "HY-B45", load_refuses, HY_ARCH_X86_64, { 0 } },
	{ "phases/store-refuses", "HY-B45", store_refuses, HY_ARCH_X86_64, { 0 } },
	{ "phases/rmw-refuses", "HY-B45", add_refuses, HY_ARCH_X86_64, { 0 } },
	{ "phases/rep-refuses", "HY-B45", rep_refuses, HY_ARCH_X86_64, { 0 } },
	{ "phases/batch-refused", "HY-B45", batch_refused, HY_ARCH_X86_64, { 0 } },
	{ "phases/new-allows", "HY-B52", new_allows, HY_ARCH_X86_64, { 0 } },
	{ "phases/completed-allows", "HY-B46", completed_allows, HY_ARCH_X86_64, { 0 } },
	{ "phases/halt-allows", "HY-B35 HY-B52", halt_allows, HY_ARCH_X86_64, { 0 } },
	{ "phases/canceled-allows", "HY-C31 HY-B52", canceled_allows, HY_ARCH_X86_64, { 0 } },
	{ "phases/complete-nothing", "HY-C28", complete_nothing, HY_ARCH_X86_64, { 0 } },
	{ "phases/complete-twice", "HY-B46 HY-C28", complete_twice, HY_ARCH_X86_64, { 0 } },
	{ "phases/complete-rmw", "HY-B46 HY-B33", complete_rmw, HY_ARCH_X86_64, { 0 } },
	{ "phases/complete-load-over-page", "HY-B46 HY-B32", complete_load_over_page,
	  HY_ARCH_X86_64, { 0 } },
	{ "phases/complete-store-over-page", "HY-B46 HY-B32", complete_store_over_page,
	  HY_ARCH_X86_64, { 0 } },
	{ "phases/complete-rep-movs", "HY-B46 HY-B33", complete_rep_movs, HY_ARCH_X86_64, { 0 } },
	{ "phases/kick-at-out", "HY-B49 HY-C31", kick_at_out, HY_ARCH_X86_64, { 0 } },
	{ "phases/kick-at-in", "HY-B49 HY-C31", kick_at_in, HY_ARCH_X86_64, { 0 } },
	{ "phases/kick-at-load", "HY-B49 HY-C31", kick_at_load, HY_ARCH_X86_64, { 0 } },
	{ "phases/kick-at-store", "HY-B49 HY-C31", kick_at_store, HY_ARCH_X86_64, { 0 } },
	{ "phases/kick-then-complete", "HY-C30", kick_then_complete, HY_ARCH_X86_64, { 0 } },
	{ "phases/kick-at-rmw", "HY-B49 HY-C30", kick_at_rmw, HY_ARCH_X86_64, { 0 } },
	{ "phases/kick-then-complete-rmw", "HY-C30 HY-B46", kick_then_complete_rmw,
	  HY_ARCH_X86_64, { 0 } },
	{ "phases/kick-over-page", "HY-B49 HY-C30", kick_over_page, HY_ARCH_X86_64, { 0 } },
	{ "phases/kick-at-rep-outs", "HY-B27 HY-B49 HY-C30", kick_at_rep_outs,
	  HY_ARCH_X86_64, { 0 } },
	{ "phases/reset-at-out", "HY-B47", reset_at_out, HY_ARCH_X86_64, { 0 } },
	{ "phases/reset-at-in", "HY-B47", reset_at_in, HY_ARCH_X86_64, { 0 } },
	{ "phases/reset-at-rep-outs", "HY-B47", reset_at_rep_outs, HY_ARCH_X86_64, { 0 } },
	{ "phases/reset-at-rep-ins", "HY-B47", reset_at_rep_ins, HY_ARCH_X86_64, { 0 } },
	{ "phases/reset-at-load", "HY-B47", reset_at_load, HY_ARCH_X86_64, { 0 } },
	{ "phases/reset-at-store", "HY-B47", reset_at_store, HY_ARCH_X86_64, { 0 } },
	{ "phases/reset-at-rmw", "HY-B47", reset_at_rmw, HY_ARCH_X86_64, { 0 } },
	{ "phases/reset-amid-rmw", "HY-B47", reset_amid_rmw, HY_ARCH_X86_64, { 0 } },
	{ "phases/reads-take-answers", "HY-C29 HY-C27", reads_take_answers, HY_ARCH_X86_64, { 0 } },
	{ "phases/others-take-none", "HY-C29 HY-C27", others_take_none, HY_ARCH_X86_64, { 0 } },
	{ "phases/answer-fills", "HY-C29", answer_fills, HY_ARCH_X86_64, { 0 } },
	{ "phases/record-of-out", "HY-C29", record_of_out, HY_ARCH_X86_64, { 0 } },
	{ "phases/record-of-load", "HY-C29", record_of_load, HY_ARCH_X86_64, { 0 } },
	{ "phases/record-of-store", "HY-C29", record_of_store, HY_ARCH_X86_64, { 0 } },
	{ "phases/rdmsr", "HY-B38", rdmsr, HY_ARCH_X86_64, { HY_CAP_MSR_EXIT } },
	{ "phases/rdmsr-unanswered", "HY-B26 HY-B38", rdmsr_unanswered,
	  HY_ARCH_X86_64, { HY_CAP_MSR_EXIT } },
	{ "phases/wrmsr", "HY-B38", wrmsr, HY_ARCH_X86_64, { HY_CAP_MSR_EXIT } },
	{ "phases/rdmsr-refuses", "HY-B45", rdmsr_refuses, HY_ARCH_X86_64, { HY_CAP_MSR_EXIT } },
	{ "phases/wrmsr-refuses", "HY-B45", wrmsr_refuses, HY_ARCH_X86_64, { HY_CAP_MSR_EXIT } },
	{ "phases/rdmsr-refused", "HY-B39", rdmsr_refused, HY_ARCH_X86_64, { HY_CAP_MSR_EXIT } },
	{ "phases/wrmsr-refused", "HY-B39", wrmsr_refused, HY_ARCH_X86_64, { HY_CAP_MSR_EXIT } },
	{ "phases/refused-and-completed", "HY-B39 HY-B46", refused_and_completed,
	  HY_ARCH_X86_64, { HY_CAP_MSR_EXIT } },
	{ "phases/refused-once", "HY-B39 HY-C27", refused_once,
	  HY_ARCH_X86_64, { HY_CAP_MSR_EXIT } },
	{ "phases/kick-at-msr", "HY-B49 HY-C31", kick_at_msr, HY_ARCH_X86_64, { HY_CAP_MSR_EXIT } },
	{ "phases/reset-at-msr", "HY-B47", reset_at_msr, HY_ARCH_X86_64, { HY_CAP_MSR_EXIT } },
	{ "phases/msr-of-no-list", "HY-B38", msr_of_no_list, HY_ARCH_X86_64, { HY_CAP_MSR_EXIT } },
	{ "phases/msr-reads-only", "HY-B38", msr_reads_only, HY_ARCH_X86_64, { HY_CAP_MSR_EXIT } },
	{ "phases/msr-writes-only", "HY-B38", msr_writes_only,
	  HY_ARCH_X86_64, { HY_CAP_MSR_EXIT } },
	{ 0 },
};
