/* SPDX-License-Identifier: MIT */
/*
 * Instructions that the kernel can't emulate and the KVM backend executes itself,
 * against a stand-in for the kernel that can emulate none.
 */
#include <errno.h>
#include <check.h>
#include <string.h>

#include "kvm-double.h"
#include "suite.h"

#define CODE 0x100
#define DATA 0x800
#define DIRECTORY 0x1000 /* of 32-bit paging: the first 4 MiB to themselves */
#define PML4 0x2000      /* of 64-bit paging: the first GiB */
#define HOLE 0x200000
#define NOWHERE 0x400000 /* where the directory has nothing */

#define CR4_PSE_OSFXSR (HY_X86_CR4_PSE | HY_X86_CR4_OSFXSR)
#define BS 0x4000u
#define GD 0x2000u

/* The XSAVE image. */
#define XMM(n) (160 + 16 * (n))
#define XSTATE_BV 512

static struct kvm_rig rig;
static uint8_t ram[0x8000] __attribute__((aligned(4096)));
static uint8_t ran[16]; /* what the first bytes of DATA were when the guest ran on */

static const uint8_t pattern[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

/* --- A guest that runs into it ------------------------------------------------------ */

/* The first entry fails; whatever follows is another HLT of the guest's. */
static int guest_fails(struct kvm_run *run)
{
	if (kvm_double.runs > 1) {
		memcpy(ran, ram + DATA, sizeof(ran));
		run->exit_reason = KVM_EXIT_HLT;
		return 0;
	}
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->emulation_failure.ndata = 0;
	return 0;
}

static void set_segments(struct kvm_sregs *sregs, const struct hy_segment *code, const struct hy_segment *data)
{
	kvm_x86_segment_to_kvm(&sregs->cs, code);
	for (unsigned i = 0; i < 6; i++)
		if (i != 1)
			kvm_x86_segment_to_kvm(kvm_x86_segment(sregs, i), data);
}

/* 32-bit code, flat, EBX at the hole and ESI at memory. */
static void setup(void)
{
	const struct hy_segment code = { 0, 0xffffffff, 8, HY_X86_ATTR_CODE32 };
	const struct hy_segment data = { 0, 0xffffffff, 16, HY_X86_ATTR_DATA32 };

	kvm_double_reset();
	memset(ram, 0, sizeof(ram));
	kvm_rig_locks = kvm_rig_most_locks = 0;
	kvm_double.guest = guest_fails;
	set_segments(&kvm_double.sregs, &code, &data);
	kvm_double.sregs.cr0 = HY_X86_CR0_PE | HY_X86_CR0_ET;
	kvm_double.sregs.cr4 = CR4_PSE_OSFXSR;
	kvm_double.xcrs.nr_xcrs = 1;
	kvm_double.xcrs.xcrs[0].value = 7;
	kvm_double.regs.rip = CODE;
	kvm_double.regs.rflags = HY_X86_RFLAGS_ONE;
	kvm_double.regs.rbx = HOLE;
	kvm_double.regs.rsi = DATA;
	kvm_double.regs.rsp = 0x700;
}

static void teardown(void)
{
	kvm_rig_close(&rig);
	ck_assert_int_eq(kvm_double.fds, 0);
	ck_assert_int_eq(kvm_double.maps, 0);
	ck_assert_int_eq(kvm_rig_locks, 0);
	ck_assert_int_le(kvm_rig_most_locks, 1);
}

static void put_code(const char *bytes, size_t size)
{
	memcpy(ram + CODE, bytes, size);
}
#define CODE_IS(bytes) put_code(bytes, sizeof(bytes) - 1)

/* Makes the vCPU; its reset leaves the vectors at 0, so they are set after it. */
static int make_vcpu(void)
{
	const uint32_t mxcsr = 0x1f80;
	int r = kvm_rig_open(&rig);

	if (!r)
		r = kvm_rig_vm(&rig);
	if (!r)
		r = kvm_rig_map(&rig, 0, ram, sizeof(ram), HY_PROT_RWX);
	if (!r)
		r = kvm_rig_vcpu(&rig);
	memset(kvm_double.xsave, 0, sizeof(kvm_double.xsave));
	memcpy(kvm_double.xsave + 24, &mxcsr, sizeof(mxcsr));
	memcpy(kvm_double.xsave + XMM(1), pattern, sizeof(pattern));
	kvm_double.xsave[XSTATE_BV] = 2;
	return r;
}

static void boot(void)
{
	ck_assert_msg(make_vcpu() == 0, "%s", kvm_failure.text);
}

static uint64_t get(hy_reg id)
{
	uint64_t value;

	ck_assert_msg(kvm_rig_get(&rig, id, &value) == 0, "%s", kvm_failure.text);
	return value;
}

static void run_to(uint32_t kind)
{
	int r = kvm_rig_run(&rig);

	ck_assert_msg(r == 0, "%d: %s", r, kvm_failure.text);
	ck_assert_msg(rig.exit.kind == kind, "exit %u: %s", rig.exit.kind,
	              rig.exit.kind == HY_EXIT_FAULT ? rig.exit.fault.text : "");
}

static void check_mmio(uint64_t gpa, uint8_t size, uint8_t write)
{
	ck_assert_uint_eq(rig.exit.kind, HY_EXIT_MMIO);
	ck_assert_uint_eq(rig.exit.flags, HY_EXIT_PENDING);
	ck_assert_uint_eq(rig.exit.mmio.gpa, gpa);
	ck_assert_uint_eq(rig.exit.mmio.size, size);
	ck_assert_uint_eq(rig.exit.mmio.write, write);
	ck_assert_uint_eq(rig.exit.data_size, size);
}

static void answer(const void *data, size_t size)
{
	memcpy((void *)(uintptr_t)rig.exit.data, data, size);
}

static void run_to_mmio(uint64_t gpa, uint8_t size, uint8_t write)
{
	run_to(HY_EXIT_MMIO);
	check_mmio(gpa, size, write);
}

static void check_refused(void)
{
	uint64_t value;

	ck_assert_int_eq(kvm_rig_get(&rig, HY_X86_RAX, &value), HY_E_PENDING);
	ck_assert_int_eq(kvm_rig_set(&rig, HY_X86_RAX, 1), HY_E_PENDING);
	ck_assert_int_eq(kvm_rig_get(&rig, HY_X86_RIP, &value), HY_E_PENDING);
	ck_assert_int_eq(kvm_rig_get(&rig, HY_X86_CR3, &value), HY_E_PENDING);
}

/* --- Accesses -------------------------------------------------------------------------- */

#define STORE "\x0f\x29\x0b"       /* movaps %xmm1, (%ebx) */
#define LOAD "\x0f\x10\x13"        /* movups (%ebx), %xmm2 */
#define LOAD_MEMORY "\x0f\x10\x16" /* movups (%esi), %xmm2 */

START_TEST(a_store_is_two_accesses)
{
	CODE_IS(STORE);
	boot();
	run_to_mmio(HOLE, 8, 1);
	ck_assert_mem_eq(rig.exit.data, pattern, 8);
	check_refused();
	ck_assert_int_eq(kvm_rig_complete(&rig), 0);
	check_mmio(HOLE + 8, 8, 1);
	ck_assert_mem_eq(rig.exit.data, pattern + 8, 8);
	check_refused();
	ck_assert_int_eq(kvm_rig_complete(&rig), HY_RUN_INTERRUPTED);
	ck_assert_uint_eq(get(HY_X86_RIP), CODE + 3);
	/* All of that without the kernel, which gets the registers when the guest runs on. */
	ck_assert_uint_eq(kvm_double.runs, 1);
	run_to(HY_EXIT_HALT);
	ck_assert_uint_eq(kvm_double.runs, 2);
	ck_assert_uint_eq(kvm_double.regs.rip, CODE + 3);
	ck_assert_uint_eq(kvm_double.events_set, 0);
}
END_TEST

START_TEST(a_load_ends_in_the_register)
{
	static const uint8_t ones[8] = { 255, 255, 255, 255, 255, 255, 255, 255 };

	CODE_IS(LOAD);
	boot();
	/* A component that the executor doesn't know stays. */
	kvm_double.xsave[XSTATE_BV] |= 0x20;
	kvm_double.xsave[1200] = 0x77;
	run_to_mmio(HOLE, 8, 0);
	ck_assert_mem_eq(rig.exit.data, ones, 8);
	answer(pattern, 8);
	run_to_mmio(HOLE + 8, 8, 0);
	answer(pattern + 8, 8);
	run_to(HY_EXIT_HALT);
	ck_assert_mem_eq(kvm_double.xsave + XMM(2), pattern, 16);
	ck_assert_mem_eq(kvm_double.xsave + XMM(1), pattern, 16);
	ck_assert_uint_eq(kvm_double.xsave[XSTATE_BV] & 0x22, 0x22);
	ck_assert_uint_eq(kvm_double.xsave[1200], 0x77);
	ck_assert_uint_eq(kvm_double.regs.rip, CODE + 3);
}
END_TEST

START_TEST(memory_needs_no_exit)
{
	CODE_IS("\x0f\x29\x0e"); /* movaps %xmm1, (%esi) */
	boot();
	run_to(HY_EXIT_HALT);
	ck_assert_mem_eq(ran, pattern, 16);
	ck_assert_uint_eq(kvm_double.runs, 2);
}
END_TEST

START_TEST(read_only_memory_is_not_written)
{
	CODE_IS("\x0f\x29\x0e"); /* movaps %xmm1, (%esi) */
	boot();
	rig.region[0].prot = HY_PROT_RX;
	run_to_mmio(DATA, 8, 1);
	run_to_mmio(DATA + 8, 8, 1);
	run_to(HY_EXIT_HALT);
	ck_assert_uint_eq(ran[0], 0);
}
END_TEST

START_TEST(a_segment_comes_from_mmio)
{
	/* A null selector: no descriptor is looked at. */
	CODE_IS("\x8e\x03"); /* mov (%ebx), %es */
	boot();
	run_to_mmio(HOLE, 2, 0);
	answer("\0\0", 2);
	run_to(HY_EXIT_HALT);
	ck_assert_uint_eq(kvm_double.sregs.es.selector, 0);
	ck_assert_uint_eq(kvm_double.sregs.es.present, 0);
	ck_assert_uint_eq(kvm_double.sregs.ds.selector, 16);
}
END_TEST

START_TEST(ports_are_accesses_too)
{
	CODE_IS("\xe4\x10\xe6\x11"); /* in $0x10, %al; out %al, $0x11 */
	boot();
	run_to(HY_EXIT_IO);
	ck_assert_uint_eq(rig.exit.io.port, 0x10);
	ck_assert_uint_eq(rig.exit.io.size, 1);
	ck_assert_uint_eq(rig.exit.io.count, 1);
	ck_assert_uint_eq(rig.exit.io.write, 0);
	check_refused();
	answer("\x42", 1);
	ck_assert_int_eq(kvm_rig_complete(&rig), HY_RUN_INTERRUPTED);
	ck_assert_uint_eq(get(HY_X86_RAX), 0x42);
	ck_assert_uint_eq(get(HY_X86_RIP), CODE + 2);
}
END_TEST

static const struct hy_x86_msr_range range = { 0x600, 1, 1, 1 };

static void boot_with_msrs(void)
{
	rig.options.x86_msr_exits = &range;
	rig.options.x86_msr_exit_count = 1;
	boot();
	kvm_double.regs.rcx = 0x600;
}

START_TEST(msrs_of_the_list_are_exits)
{
	const uint64_t value = UINT64_C(0x1122334455667788);

	CODE_IS("\x0f\x32"); /* rdmsr */
	boot_with_msrs();
	run_to(HY_EXIT_MSR);
	ck_assert_uint_eq(rig.exit.msr.index, 0x600);
	ck_assert_uint_eq(rig.exit.msr.write, 0);
	answer(&value, sizeof(value));
	run_to(HY_EXIT_HALT);
	ck_assert_uint_eq(kvm_double.regs.rax, 0x55667788);
	ck_assert_uint_eq(kvm_double.regs.rdx, 0x11223344);
}
END_TEST

START_TEST(a_refused_msr_is_an_exception)
{
	CODE_IS("\x0f\x30"); /* wrmsr */
	boot_with_msrs();
	run_to(HY_EXIT_MSR);
	ck_assert_uint_eq(rig.exit.msr.write, 1);
	rig.vcpu.refused = 1;
	run_to(HY_EXIT_HALT);
	rig.vcpu.refused = 0;
	ck_assert_uint_eq(kvm_double.events.exception.nr, 13);
	ck_assert_uint_eq(kvm_double.regs.rip, CODE);
}
END_TEST

/* --- What isn't an access ----------------------------------------------------------------- */

START_TEST(a_halt_is_an_exit)
{
	CODE_IS("\xf4");
	boot();
	run_to(HY_EXIT_HALT);
	ck_assert_uint_eq(kvm_double.runs, 1);
	ck_assert_uint_eq(get(HY_X86_RIP), CODE + 1);
}
END_TEST

static void boot_paged(void)
{
	const uint32_t entry = 0x83; /* 4 MiB */

	memcpy(ram + DIRECTORY, &entry, sizeof(entry));
	kvm_double.sregs.cr0 |= HY_X86_CR0_PG;
	kvm_double.sregs.cr3 = DIRECTORY;
	kvm_double.regs.rbx = NOWHERE;
	boot();
}

START_TEST(a_page_fault_is_injected)
{
	CODE_IS(STORE);
	boot_paged();
	run_to(HY_EXIT_HALT);
	ck_assert_uint_eq(kvm_double.runs, 2);
	ck_assert_uint_eq(kvm_double.events.exception.injected, 1);
	ck_assert_uint_eq(kvm_double.events.exception.pending, 0);
	ck_assert_uint_eq(kvm_double.events.exception.nr, 14);
	ck_assert_uint_eq(kvm_double.events.exception.has_error_code, 1);
	ck_assert_uint_eq(kvm_double.events.exception.error_code, 2); /* a write */
	ck_assert_uint_eq(kvm_double.sregs.cr2, NOWHERE);
	ck_assert_uint_eq(kvm_double.regs.rip, CODE);
	ck_assert_uint_eq(kvm_double.regs.rflags, HY_X86_RFLAGS_ONE | HY_X86_RFLAGS_RF);
}
END_TEST

START_TEST(an_exception_without_error_code)
{
	CODE_IS(STORE);
	kvm_double.sregs.cr0 |= HY_X86_CR0_TS;
	boot();
	run_to(HY_EXIT_HALT);
	ck_assert_uint_eq(kvm_double.events.exception.injected, 1);
	ck_assert_uint_eq(kvm_double.events.exception.nr, 7);
	ck_assert_uint_eq(kvm_double.events.exception.has_error_code, 0);
}
END_TEST

START_TEST(single_stepping_goes_on)
{
	CODE_IS(LOAD_MEMORY);
	kvm_double.regs.rflags |= HY_X86_RFLAGS_TF;
	kvm_double.debug.dr6 = 0xffff0ff0;
	kvm_double.debug.dr7 = 0x400 | GD;
	boot();
	run_to(HY_EXIT_HALT);
	ck_assert_uint_eq(kvm_double.events.exception.injected, 1);
	ck_assert_uint_eq(kvm_double.events.exception.nr, 1);
	ck_assert_uint_eq(kvm_double.events.exception.has_error_code, 0);
	ck_assert_uint_eq(kvm_double.debug.dr6, 0xffff0ff0 | BS);
	ck_assert_uint_eq(kvm_double.debug.dr7, 0x400);
	ck_assert_uint_eq(kvm_double.regs.rip, CODE + 3);
	ck_assert_uint_eq(kvm_double.regs.rflags, HY_X86_RFLAGS_ONE | HY_X86_RFLAGS_TF);
}
END_TEST

/* The #UD that old kernels leave pending isn't the guest's. */
static int guest_fails_with_undefined(struct kvm_run *run)
{
	if (kvm_double.runs == 1) {
		run->s.regs.events.exception.nr = 6;
		run->s.regs.events.exception.injected = 1;
	}
	return guest_fails(run);
}

START_TEST(the_kernels_undefined_is_dropped)
{
	CODE_IS(LOAD_MEMORY);
	kvm_double.guest = guest_fails_with_undefined;
	boot();
	run_to(HY_EXIT_HALT);
	ck_assert_uint_eq(kvm_double.events_set, 1);
	ck_assert_uint_eq(kvm_double.events.exception.injected, 0);
}
END_TEST

static int guest_fails_in_a_shadow(struct kvm_run *run)
{
	if (kvm_double.runs == 1)
		run->s.regs.events.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
	return guest_fails(run);
}

START_TEST(the_shadow_of_sti_is_over)
{
	CODE_IS(LOAD_MEMORY);
	kvm_double.guest = guest_fails_in_a_shadow;
	boot();
	run_to(HY_EXIT_HALT);
	ck_assert_uint_eq(kvm_double.events_set, 1);
	ck_assert_uint_eq(kvm_double.events.interrupt.shadow, 0);
	ck_assert_uint_ne(kvm_double.events.flags & KVM_VCPUEVENT_VALID_SHADOW, 0);
}
END_TEST

/* 64-bit code, the first GiB to itself. */
static void boot_long(void)
{
	const struct hy_segment code = { 0, 0xffffffff, 8, HY_X86_ATTR_CODE64 };
	const struct hy_segment data = { 0x1234, 0xffffffff, 16, HY_X86_ATTR_DATA32 };
	const uint64_t entry[] = { (PML4 + 0x1000) | 7, (PML4 + 0x2000) | 7, 0x83 };

	for (unsigned i = 0; i < 3; i++)
		memcpy(ram + PML4 + i * 0x1000, &entry[i], sizeof(entry[i]));
	set_segments(&kvm_double.sregs, &code, &data);
	kvm_double.sregs.cr0 |= HY_X86_CR0_PG;
	kvm_double.sregs.cr3 = PML4;
	kvm_double.sregs.cr4 |= HY_X86_CR4_PAE;
	kvm_double.sregs.efer = HY_X86_EFER_LME | HY_X86_EFER_LMA;
	boot();
}

START_TEST(msrs_change_with_the_instruction)
{
	CODE_IS("\x0f\x01\xf8"); /* swapgs */
	kvm_double.msr[2] = 0x5678; /* KERNEL_GS_BASE */
	kvm_double.msr[3] = 0x99;   /* TSC_AUX, which stays */
	boot_long();
	run_to(HY_EXIT_HALT);
	ck_assert_uint_eq(kvm_double.sregs.gs.base, 0x5678);
	ck_assert_uint_eq(kvm_double.msr[2], 0x1234);
	ck_assert_uint_eq(kvm_double.msr[3], 0x99);
	ck_assert_uint_eq(kvm_double.regs.rip, CODE + 3);
}
END_TEST

/* KVM stops at the first MSR that the vCPU hasn't got: those behind it are read all the same. */
START_TEST(msrs_that_are_absent_are_passed_over)
{
	CODE_IS("\x0f\x01\xf8"); /* swapgs */
	kvm_double.msr[2] = 0x5678;
	boot_long();
	kvm_double.bad_msr = HY_X86_MSR_SYSENTER_CS;
	run_to(HY_EXIT_HALT);
	ck_assert_uint_eq(kvm_double.sregs.gs.base, 0x5678);
}
END_TEST

START_TEST(no_memory_to_fetch_from)
{
	kvm_double.regs.rip = HOLE;
	boot();
	run_to(HY_EXIT_FAULT);
	ck_assert_uint_eq(rig.exit.fault.reason, HY_FAULT_FETCH);
	ck_assert_uint_eq(rig.exit.fault.access, HY_PROT_EXEC);
	ck_assert_uint_eq(rig.exit.fault.gpa, HOLE);
	ck_assert_uint_eq(rig.exit.fault.ip, HOLE);
	ck_assert_str_eq(rig.exit.fault.text, "32-bit, CPL 0, rip 0x200000: no memory at 0x200000 to fetch from");
}
END_TEST

START_TEST(what_nobody_can_do_is_a_fault)
{
	CODE_IS("\x66\x0f\x38\xdd\xc1"); /* aesenclast %xmm1, %xmm0 */
	boot();
	run_to(HY_EXIT_FAULT);
	ck_assert_uint_eq(rig.exit.fault.reason, HY_FAULT_EMULATION);
	ck_assert_uint_eq(rig.exit.fault.host_code, KVM_INTERNAL_ERROR_EMULATION);
	ck_assert_uint_eq(rig.exit.fault.ip, CODE);
	ck_assert_uint_eq(rig.exit.fault.insn_size, 15);
	ck_assert_mem_eq(rig.exit.fault.insn, ram + CODE, 15);
	ck_assert_ptr_eq(strstr(rig.exit.fault.text, "32-bit, CPL 0, rip 0x100: 66 0f 38 dd c1"), rig.exit.fault.text);
	ck_assert_uint_eq(get(HY_X86_RIP), CODE);
}
END_TEST

/* --- Reset, kicks, failures -------------------------------------------------------------------- */

START_TEST(a_reset_drops_it)
{
	CODE_IS(STORE);
	boot();
	run_to_mmio(HOLE, 8, 1);
	ck_assert_int_eq(rig.ops->vcpu_reset(&rig.vcpu), 0);
	ck_assert_uint_eq(get(HY_X86_RIP), CODE);
	ck_assert_uint_eq(kvm_double.runs, 1);
	run_to(HY_EXIT_HALT);
	ck_assert_uint_eq(kvm_double.runs, 2);
	ck_assert_uint_eq(kvm_double.regs.rip, CODE);
}
END_TEST

/* The next vCPU of that id has nothing of it either. */
START_TEST(destroyed_with_an_access)
{
	CODE_IS(STORE);
	boot();
	run_to_mmio(HOLE, 8, 1);
	kvm_rig_drop_vcpu(&rig);
	ck_assert_int_eq(kvm_rig_vcpu(&rig), 0);
	ck_assert_uint_eq(get(HY_X86_RIP), CODE);
	run_to(HY_EXIT_HALT);
	ck_assert_uint_eq(kvm_double.regs.rip, CODE);
}
END_TEST

START_TEST(a_kick_waits_for_the_access)
{
	CODE_IS(STORE);
	boot();
	run_to_mmio(HOLE, 8, 1);
	rig.vcpu.requests = HY_REQUEST_KICK;
	rig.ops->vcpu_poke(&rig.vcpu);
	run_to_mmio(HOLE + 8, 8, 1);
	ck_assert_int_eq(kvm_rig_run(&rig), HY_RUN_INTERRUPTED);
	ck_assert_uint_eq(kvm_double.runs, 1);
	ck_assert_uint_eq(get(HY_X86_RIP), CODE + 3);
	rig.vcpu.requests = 0;
	run_to(HY_EXIT_HALT);
	ck_assert_uint_eq(kvm_double.regs.rip, CODE + 3);
}
END_TEST

/* A failure ends the instruction: nothing of it is left over. */
static int load_and_step(void)
{
	int r = make_vcpu();

	for (unsigned i = 0; !r && i < 3; i++)
		r = kvm_rig_run(&rig);
	return r;
}

static void prepare_step(void)
{
	setup();
	CODE_IS(LOAD);
	kvm_double.regs.rflags |= HY_X86_RFLAGS_TF;
}

static const int injected[] = { EIO, ENOMEM, EINVAL };

START_TEST(every_call_fails_once)
{
	unsigned calls, before, failures = 0;

	prepare_step();
	ck_assert_int_eq(make_vcpu(), 0);
	before = kvm_double.calls;
	kvm_rig_close(&rig);
	prepare_step();
	ck_assert_int_eq(load_and_step(), 0);
	calls = kvm_double.calls;
	ck_assert_uint_eq(kvm_double.events.exception.nr, 1);
	kvm_rig_close(&rig);
	for (unsigned i = before + 1; i < calls; i++) {
		uint64_t value;
		int r;

		prepare_step();
		kvm_double.fail_at = i;
		kvm_double.fail_with = injected[_i];
		r = load_and_step();
		/* Only unblocking the signal may fail without a word. */
		if (r < 0) {
			ck_assert_int_eq(kvm_failure.code, r);
			ck_assert_uint_gt(strlen(kvm_failure.text), 0);
			ck_assert_int_eq(kvm_rig_get(&rig, HY_X86_RIP, &value), 0);
			ck_assert_int_eq(rig.ops->vcpu_reset(&rig.vcpu), 0);
			failures++;
		}
		kvm_rig_close(&rig);
		ck_assert_int_eq(kvm_rig_locks, 0);
		kvm_double.blocked = false;
	}
	/* GET_SREGS, GET_XSAVE, GET_XCRS, SET_XSAVE, both of the debug registers, KVM_RUN twice. */
	ck_assert_uint_ge(failures, 7);
}
END_TEST

#define LENGTH(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("kvm-assist");
	TCase *t = tcase_create("assist");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_store_is_two_accesses);
	tcase_add_test(t, a_load_ends_in_the_register);
	tcase_add_test(t, memory_needs_no_exit);
	tcase_add_test(t, read_only_memory_is_not_written);
	tcase_add_test(t, a_segment_comes_from_mmio);
	tcase_add_test(t, ports_are_accesses_too);
	tcase_add_test(t, msrs_of_the_list_are_exits);
	tcase_add_test(t, a_refused_msr_is_an_exception);
	tcase_add_test(t, a_halt_is_an_exit);
	tcase_add_test(t, a_page_fault_is_injected);
	tcase_add_test(t, an_exception_without_error_code);
	tcase_add_test(t, single_stepping_goes_on);
	tcase_add_test(t, the_kernels_undefined_is_dropped);
	tcase_add_test(t, the_shadow_of_sti_is_over);
	tcase_add_test(t, msrs_change_with_the_instruction);
	tcase_add_test(t, msrs_that_are_absent_are_passed_over);
	tcase_add_test(t, no_memory_to_fetch_from);
	tcase_add_test(t, what_nobody_can_do_is_a_fault);
	tcase_add_test(t, a_reset_drops_it);
	tcase_add_test(t, destroyed_with_an_access);
	tcase_add_test(t, a_kick_waits_for_the_access);
	tcase_add_loop_test(t, every_call_fails_once, 0, LENGTH(injected));
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
