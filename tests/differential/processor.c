/* SPDX-License-Identifier: MIT */
/*
 * The real processor, on Linux: a child process executes each case with TF set.
 *
 * The child lives in its signal handler.  Returning from it loads the registers
 * of the next case out of the signal frame, the processor executes one
 * instruction, and the trap or fault that follows is the next signal: its frame
 * has the registers after the case, the vector, the error code and CR2.  CS and
 * SS of the frame choose 64-bit code, compatibility mode or, by the LDT, 16-bit
 * code.  The bases of FS and GS aren't in the frame: the stub around the handler
 * takes care of them, and of EFLAGS.AC.
 *
 * Memory is a file mapped twice: where the cases see it, with their rights, and
 * where the handler writes to it.
 */
#include <cpuid.h>
#include <errno.h>
#include <asm/ldt.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <Zydis/Zydis.h>

#include "differential.h"

#ifndef HWCAP2_FSGSBASE
#define HWCAP2_FSGSBASE 2
#endif

/* Linux's selectors. */
#define USER_CS 0x33u
#define USER_CS32 0x23u
#define USER_DS 0x2bu

/* TASK_SIZE_MAX: addresses from here on are the kernel's. */
#define KERNEL_FROM UINT64_C(0x7ffffffff000)

/* Of struct _fpstate: the format of XSAVE (SDM vol. 1, 13.4). */
#define AREA_STATE_BV 512
#define AREA_YMM 576
#define AREA_MAGIC 464
#define AREA_HAS_XSAVE 0x46505853u

/* What parent and child share. */
struct shared {
	size_t count;
	volatile size_t done;
	struct df_case cases[DF_BATCH];
	struct df_result results[DF_BATCH];
};

static struct shared *shared;
static uint8_t *memory;
static size_t current;
static unsigned repeated;
static bool started;

/* The stub's. */
uint64_t df_own_fs, df_case_fs, df_case_gs;
uint16_t df_case_data;
void df_signal_entry(int signal, siginfo_t *info, void *context);
void df_signal(int signal, siginfo_t *info, void *context);

/*
 * AC, NT and ID off, which signal frames don't take along but POPF may have set; then FS's own base:
 * C can run.  Data segments and bases of the case are loaded last.
 */
__asm__(".text\n"
        "df_signal_entry:\n"
        "	pushfq\n"
        "	andl $0xffdbbfff, (%rsp)\n"
        "	popfq\n"
        "	rdfsbase %rax\n"
        "	mov %rax, df_case_fs(%rip)\n"
        "	rdgsbase %rax\n"
        "	mov %rax, df_case_gs(%rip)\n"
        "	mov df_own_fs(%rip), %rax\n"
        "	wrfsbase %rax\n"
        "	sub $8, %rsp\n"
        "	call df_signal\n"
        "	add $8, %rsp\n"
        "	movzwl df_case_data(%rip), %eax\n"
        "	mov %eax, %ds\n"
        "	mov %eax, %es\n"
        "	mov %eax, %fs\n"
        "	mov %eax, %gs\n"
        "	mov df_case_fs(%rip), %rax\n"
        "	wrfsbase %rax\n"
        "	mov df_case_gs(%rip), %rax\n"
        "	wrgsbase %rax\n"
        "	ret\n");

/* --- The child ---------------------------------------------------------------------------- */

static const int registers[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	                           REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };

static void load_area(const struct xe_fpu *fpu, uint8_t *area)
{
	uint64_t state_bv;

	memcpy(area, &fpu->fcw, 2);
	memcpy(area + 2, &fpu->fsw, 2);
	area[4] = fpu->ftw;
	memset(area + 6, 0, 18);
	memcpy(area + 24, &fpu->mxcsr, 4);
	for (unsigned i = 0; i < 8; i++)
		memcpy(area + 32 + 16 * i, fpu->st[i], 10);
	for (unsigned i = 0; i < 16; i++)
		memcpy(area + 160 + 16 * i, &fpu->ymm[i], 16);
	if (memcmp(area + AREA_MAGIC, &(uint32_t){ AREA_HAS_XSAVE }, 4) != 0)
		return;
	for (unsigned i = 0; i < 16; i++)
		memcpy(area + AREA_YMM + 16 * i, fpu->ymm[i].b + 16, 16);
	memcpy(&state_bv, area + AREA_STATE_BV, 8);
	state_bv |= 7;
	memcpy(area + AREA_STATE_BV, &state_bv, 8);
}

/* Components that are in their initial state aren't written (SDM vol. 1, 13.6). */
static void store_area(const uint8_t *area, struct xe_fpu *fpu)
{
	bool has_xsave = !memcmp(area + AREA_MAGIC, &(uint32_t){ AREA_HAS_XSAVE }, 4);
	uint64_t state_bv = 3;

	if (has_xsave)
		memcpy(&state_bv, area + AREA_STATE_BV, 8);
	memcpy(&fpu->fcw, area, 2);
	memcpy(&fpu->fsw, area + 2, 2);
	fpu->ftw = area[4];
	memcpy(&fpu->mxcsr, area + 24, 4);
	for (unsigned i = 0; i < 8; i++)
		memcpy(fpu->st[i], area + 32 + 16 * i, 10);
	for (unsigned i = 0; i < 16; i++) {
		memset(&fpu->ymm[i], 0, sizeof(fpu->ymm[i]));
		if (state_bv & 2)
			memcpy(&fpu->ymm[i], area + 160 + 16 * i, 16);
		if (state_bv & 4)
			memcpy(fpu->ymm[i].b + 16, area + AREA_YMM + 16 * i, 16);
	}
}

static void load_case(const struct df_case *c, mcontext_t *context)
{
	uint64_t cs = USER_CS, ss = USER_DS;

	df_prepare(c, memory);
	df_case_data = USER_DS;
	if (df_modes[c->mode].size == 4)
		cs = USER_CS32;
	if (df_modes[c->mode].size == 2) {
		cs = c->before.seg[XE_CS].selector;
		ss = c->before.seg[XE_SS].selector;
		df_case_data = c->before.seg[XE_DS].selector;
	}
	for (unsigned i = 0; i < 16; i++)
		context->gregs[registers[i]] = (greg_t)c->before.gpr[i];
	context->gregs[REG_RIP] = (greg_t)c->before.rip;
	context->gregs[REG_EFL] = (greg_t)c->before.rflags;
	context->gregs[REG_CSGSFS] = (greg_t)(cs | ss << 48);
	df_case_fs = c->before.seg[XE_FS].base;
	df_case_gs = c->before.seg[XE_GS].base;
	load_area(&c->before.fpu, (uint8_t *)context->fpregs);
	repeated = 0;
}

static bool has_error_code(unsigned vector)
{
	return vector == XE_DF || (vector >= XE_TS && vector <= XE_PF) || vector == XE_AC;
}

static void store_case(const struct df_case *c, const mcontext_t *context, struct df_result *result)
{
	unsigned vector = (unsigned)context->gregs[REG_TRAPNO];

	memset(result, 0, sizeof(*result));
	result->after = c->before;
	for (unsigned i = 0; i < 16; i++)
		result->after.gpr[i] = (uint64_t)context->gregs[registers[i]];
	if (df_modes[c->mode].size == 2)
		result->after.gpr[XE_RSP] &= UINT32_MAX; /* IRET to a 16-bit stack leaves bits of the kernel's there */
	result->after.rip = (uint64_t)context->gregs[REG_RIP];
	result->after.rflags = (uint64_t)context->gregs[REG_EFL];
	result->after.cr2 = (uint64_t)context->gregs[REG_CR2];
	result->after.seg[XE_FS].base = df_case_fs;
	result->after.seg[XE_GS].base = df_case_gs;
	store_area((const uint8_t *)context->fpregs, &result->after.fpu);
	result->outcome = vector == XE_DB ? DF_DONE : DF_FAULT;
	result->vector = (uint8_t)vector;
	result->has_error = has_error_code(vector);
	result->error = (uint32_t)context->gregs[REG_ERR];
	/* Linux hides from a process what is mapped in the kernel's half. */
	if (vector == XE_PF && result->after.cr2 >= KERNEL_FROM)
		result->error &= ~1u;
	result->trusts_memory = true;
	df_collect(c, memory, result);
	df_restore(c, memory);
}

void df_signal(int number, siginfo_t *info, void *context)
{
	mcontext_t *m = &((ucontext_t *)context)->uc_mcontext;
	const struct df_case *c = &shared->cases[current];

	(void)info;
	if (started) {
		/* With TF every item of a REP traps. */
		if (number == SIGTRAP && m->gregs[REG_TRAPNO] == XE_DB && c->repeats &&
		    (uint64_t)m->gregs[REG_RIP] == c->before.rip && repeated++ < 64)
			return;
		store_case(c, m, &shared->results[current]);
		shared->done = ++current;
	}
	started = true;
	if (current == shared->count)
		syscall(SYS_exit_group, 0);
	load_case(&shared->cases[current], m);
}

static void set_ldt(unsigned entry, uint32_t base, uint32_t limit, unsigned contents)
{
	struct user_desc desc = { .entry_number = entry, .base_addr = base, .limit = limit, .contents = contents };

	syscall(SYS_modify_ldt, 1, &desc, sizeof(desc));
}

/* Where pages are with which rights, as setup.c's page tables say. */
static bool map_pages(int fd)
{
	static const struct {
		uint32_t page;
		int prot;
	} pages[] = { { DF_CODE, PROT_READ | PROT_EXEC },
		      { DF_DATA, PROT_READ | PROT_WRITE },
		      { DF_DATA + 0x1000, PROT_READ | PROT_WRITE },
		      { DF_READ_ONLY, PROT_READ },
		      { DF_STACK, PROT_READ | PROT_WRITE },
		      { DF_STACK + 0x1000, PROT_READ | PROT_WRITE } };

	for (unsigned i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		void *at = (void *)(uintptr_t)pages[i].page;

		if (mmap(at, XE_PAGE_SIZE, pages[i].prot, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, pages[i].page) != at)
			return false;
	}
	return true;
}

/* So that the first access of a case finds them present. */
static void touch_pages(void)
{
	for (uint32_t page = DF_CODE; page < DF_STACK + 0x2000; page += XE_PAGE_SIZE)
		if (df_is_memory(page) && page != DF_SUPERVISOR)
			(void)*(volatile uint8_t *)(uintptr_t)page;
}

static void child(size_t first)
{
	static const int signals[] = { SIGTRAP, SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGUSR1 };
	static uint8_t stack[65536];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_sigaction = df_signal_entry, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

	current = first;
	started = false;
	__asm__ volatile("rdfsbase %0" : "=r"(df_own_fs));
	set_ldt(0, DF_CODE, 0xffff, 2);
	set_ldt(1, DF_DATA, 0xffff, 0);
	set_ldt(2, DF_STACK, 0x1fff, 0);
	touch_pages();
	alarm(20);
	sigaltstack(&alternate, NULL);
	for (unsigned i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaction(signals[i], &action, NULL);
	raise(SIGUSR1);
	_exit(1);
}

/* --- The parent ------------------------------------------------------------------------------ */

static uint32_t host_features(void)
{
	struct hy_x86_cpuid table[] = { { .leaf = 1 }, { .leaf = 7 }, { .leaf = 0xd, .subleaf = 1 }, { .leaf = 0x80000001 } };

	for (unsigned i = 0; i < sizeof(table) / sizeof(*table); i++)
		__get_cpuid_count(table[i].leaf, table[i].subleaf, &table[i].eax, &table[i].ebx, &table[i].ecx,
		                  &table[i].edx);
	return xe_features(table, sizeof(table) / sizeof(*table));
}

static const char *processor_open(uint32_t *features, unsigned *xcr0)
{
	int fd;

	if (!(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE))
		return "the kernel doesn't let processes use RDFSBASE (Linux 5.9 or newer, and a processor that has it)";
	fd = memfd_create("differential", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, DF_MEMORY))
		return "no memory";
	memory = mmap(NULL, DF_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED || shared == MAP_FAILED)
		return "no memory";
	if (!map_pages(fd))
		return "low addresses can't be mapped (/proc/sys/vm/mmap_min_addr)";
	close(fd);
	*features = host_features();
	*xcr0 = *features & XE_HAS_AVX ? 7 : 3;
	memcpy(memory, df_image(DF_MODE_NATIVE64), DF_MEMORY);
	return NULL;
}

static void fail_from(size_t first, const char *text)
{
	memset(&shared->results[first], 0, sizeof(shared->results[first]));
	shared->results[first].outcome = DF_LOST;
	shared->results[first].text = text;
}

static void processor_run(const struct df_case *cases, struct df_result *results, size_t count)
{
	size_t first = 0;

	memcpy(shared->cases, cases, count * sizeof(*cases));
	shared->count = count;
	while (first < count) {
		int status;
		pid_t pid;

		shared->done = first;
		pid = fork();
		if (!pid)
			child(first);
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			abort();
		first = shared->done;
		if (first < count) {
			fail_from(first++, "the child was killed");
			memcpy(memory, df_image(DF_MODE_NATIVE64), DF_MEMORY);
		}
	}
	memcpy(results, shared->results, count * sizeof(*results));
}

static void processor_close(void)
{
	munmap(shared, sizeof(*shared));
	munmap(memory, DF_MEMORY);
}

/* Of the processor's own making, or the kernel's; and what would leave the child or its segments. */
static bool processor_can(const struct df_case *c)
{
	switch (c->mnemonic) {
	case ZYDIS_MNEMONIC_SYSCALL: case ZYDIS_MNEMONIC_SYSENTER:
	case ZYDIS_MNEMONIC_SGDT: case ZYDIS_MNEMONIC_SIDT: case ZYDIS_MNEMONIC_SLDT: case ZYDIS_MNEMONIC_STR:
	case ZYDIS_MNEMONIC_SMSW: case ZYDIS_MNEMONIC_LAR: case ZYDIS_MNEMONIC_LSL: case ZYDIS_MNEMONIC_VERR:
	case ZYDIS_MNEMONIC_VERW: case ZYDIS_MNEMONIC_LDS: case ZYDIS_MNEMONIC_LES: case ZYDIS_MNEMONIC_LSS:
	case ZYDIS_MNEMONIC_LFS: case ZYDIS_MNEMONIC_LGS: case ZYDIS_MNEMONIC_IRET: case ZYDIS_MNEMONIC_IRETD:
	case ZYDIS_MNEMONIC_IRETQ: case ZYDIS_MNEMONIC_RDPID: case ZYDIS_MNEMONIC_RDRAND:
	case ZYDIS_MNEMONIC_RDSEED:
		return false;
	case ZYDIS_MNEMONIC_XGETBV:
		return c->before.gpr[XE_RCX] != 1;
	case ZYDIS_MNEMONIC_INT:
		return c->code[c->length - 1] != 3 && c->code[c->length - 1] != 4 && c->code[c->length - 1] != 0x80;
	default:
		return true;
	}
}

/* XSAVE of what this processor has and ours hasn't. */
static bool asks_for_more(const struct df_case *c)
{
	switch (c->mnemonic) {
	case ZYDIS_MNEMONIC_XSAVE: case ZYDIS_MNEMONIC_XSAVE64: case ZYDIS_MNEMONIC_XSAVEC:
	case ZYDIS_MNEMONIC_XSAVEC64: case ZYDIS_MNEMONIC_XSAVEOPT: case ZYDIS_MNEMONIC_XSAVEOPT64:
	case ZYDIS_MNEMONIC_XRSTOR: case ZYDIS_MNEMONIC_XRSTOR64:
		return (uint32_t)c->before.gpr[XE_RAX] > 7 || (uint32_t)c->before.gpr[XE_RDX];
	default:
		return false;
	}
}

/* Loads of segments and far transfers change hidden parts that a signal frame doesn't have. */
static bool processor_can_all(const struct df_case *c)
{
	ZydisDecoder decoder;
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand operand[ZYDIS_MAX_OPERAND_COUNT];
	unsigned size = df_modes[c->mode].size;

	if (!processor_can(c) || asks_for_more(c))
		return false;
	ZydisDecoderInit(&decoder,
	                 size == 8 ? ZYDIS_MACHINE_MODE_LONG_64 :
	                 size == 4 ? ZYDIS_MACHINE_MODE_LEGACY_32 :
	                             ZYDIS_MACHINE_MODE_LEGACY_16,
	                 size == 8 ? ZYDIS_STACK_WIDTH_64 : size == 4 ? ZYDIS_STACK_WIDTH_32 : ZYDIS_STACK_WIDTH_16);
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, c->code, c->length, &insn, operand)))
		return true;
	if (insn.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
		return false;
	for (unsigned i = 0; i < insn.operand_count_visible; i++)
		if (operand[i].type == ZYDIS_OPERAND_TYPE_REGISTER && operand[i].reg.value >= ZYDIS_REGISTER_ES &&
		    operand[i].reg.value <= ZYDIS_REGISTER_GS && (operand[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			return false;
	return true;
}

static void host_cpuid(void *ctx, uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	(void)ctx;
	__cpuid_count(leaf, subleaf, answer[0], answer[1], answer[2], answer[3]);
}

const struct df_side df_processor = {
	.name = "processor",
	.modes = 1u << DF_MODE_NATIVE16 | 1u << DF_MODE_NATIVE32 | 1u << DF_MODE_NATIVE64,
	.traps = true,
	.open = processor_open,
	.can = processor_can_all,
	.run = processor_run,
	.close = processor_close,
	.cpuid = host_cpuid,
};
