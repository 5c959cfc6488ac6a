/* SPDX-License-Identifier: MIT */
/* What the files of the executor share.  assist.h has the rules. */
#ifndef HY_ASSIST_INTERNAL_H
#define HY_ASSIST_INTERNAL_H

#include <string.h>

#include "assist.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the executor copies guest memory as it is");

/* Exceptions (SDM vol. 3, table 6-1). */
enum {
	XE_DE = 0,
	XE_DB = 1,
	XE_NMI = 2,
	XE_BP = 3,
	XE_OF = 4,
	XE_BR = 5,
	XE_UD = 6,
	XE_NM = 7,
	XE_DF = 8,
	XE_TS = 10,
	XE_NP = 11,
	XE_SS_FAULT = 12,
	XE_GP = 13,
	XE_PF = 14,
	XE_MF = 16,
	XE_AC = 17,
	XE_XM = 19
};

/* Bits that hy/x86.h has no need of: RFLAGS, CR0, CR4 (SDM vol. 3, sections 2.3 and 2.5). */
#define XE_RFLAGS_IOPL_SHIFT 12
#define XE_RFLAGS_IOPL 0x3000u
#define XE_RFLAGS_NT 0x4000u
#define XE_RFLAGS_AC 0x40000u
#define XE_RFLAGS_VIF 0x80000u
#define XE_RFLAGS_VIP 0x100000u
#define XE_RFLAGS_ID 0x200000u
#define XE_RFLAGS_STATUS 0x8d5u /* OF SF ZF AF PF CF */
#define XE_CR4_VME 0x1u
#define XE_CR4_PVI 0x2u
#define XE_CR4_TSD 0x4u
#define XE_CR4_DE 0x8u
#define XE_CR4_MCE 0x40u
#define XE_CR4_PCE 0x100u
#define XE_CR4_UMIP 0x800u
#define XE_CR4_FSGSBASE 0x10000u
#define XE_CR4_PCIDE 0x20000u
#define XE_CR4_SMEP 0x100000u
#define XE_CR4_SMAP 0x200000u
#define XE_CR4_PKE 0x400000u

/* --- Instructions: x86-decode.c, x86-table.c ------------------------------------------ */

enum xe_operand_kind {
	XE_NONE,
	XE_GPR,      /* reg: 0 to 15 */
	XE_GPR_HIGH, /* AH CH DH BH: reg is 0 to 3 */
	XE_MEM,      /* the instruction has but one */
	XE_IMM,
	XE_SEGREG,
	XE_CONTROL,
	XE_DEBUG,
	XE_VECTOR, /* XMM or YMM by size */
	XE_MMX,
	XE_X87,
	XE_FAR /* pointer in the code: offset in imm, selector in imm2 */
};

struct xe_operand {
	uint8_t kind; /* enum xe_operand_kind */
	uint8_t reg;
	uint16_t size; /* bytes */
};

#define XE_LOCK 1u
#define XE_REP 2u /* F3 */
#define XE_REPNE 4u
#define XE_VEX 8u
#define XE_FAR_BRANCH 0x10u /* JMP, CALL, RET to another code segment (ZYDIS_BRANCH_TYPE_FAR); set by xe_decode */

#define XE_NO_REG 0xffu
#define XE_BASE_RIP 0xfeu /* disp counts from the end of the instruction */

typedef enum xe_result xe_handler(struct xe_cpu *cpu, const struct xe_insn *insn);

/*
 * Decoded; depends on its bytes and `mode` alone (and the processor's features),
 * not on where it is.
 */
struct xe_insn {
	xe_handler *handler;
	uint16_t op;       /* from the table: which of the handler's operations */
	uint16_t mnemonic; /* ZydisMnemonic */
	uint8_t length;
	uint8_t mode;         /* size of code: 2, 4, 8 */
	uint8_t operand_size; /* 2, 4, 8 */
	uint8_t address_size; /* 2, 4, 8 */
	uint8_t prefixes;     /* XE_LOCK... */
	uint8_t vector_size;  /* of VEX: 16 or 32 */
	uint8_t operand_count; /* of explicit ones */

	/* The memory operand, also the implicit one of string forms. */
	uint8_t segment; /* XE_ES..., with overrides and defaults resolved */
	uint8_t base, index; /* a general register, XE_BASE_RIP (base) or XE_NO_REG */
	uint8_t scale;       /* 1, 2, 4, 8 */
	int64_t disp;

	uint64_t imm;  /* sign-extended where the instruction does; of near branches the distance from the end */
	uint64_t imm2; /* ENTER's level, a far pointer's selector */
	struct xe_operand operand[4];
	uint8_t bytes[16];
};

/*
 * Decodes up to `size` bytes.  XE_OK; XE_EXCEPTION: #UD or #GP is in cpu->event;
 * XE_RETRY: more bytes are needed.
 */
enum xe_result xe_decode(struct xe_cpu *cpu, const uint8_t *bytes, size_t size, struct xe_insn *insn);

/* What the table has for a mnemonic: who executes it, and the features that it takes. */
struct xe_table_entry {
	xe_handler *handler;
	uint16_t op;
	uint32_t needs; /* XE_HAS_*; else #UD */
};
/* In `needs`: asks the guest's CPUID for the extension that has the instruction (x86-isa.c). */
#define XE_BY_CPUID (1u << 31)
/*
 * NULL handler: XE_REFUSED where the guest's CPUID has the instruction, #UD where it hasn't.
 * The same with AVX-512's and XOP's forms of a mnemonic, whatever the entry.
 */
const struct xe_table_entry *xe_table(unsigned mnemonic);

/* --- Fetching and the cache: x86-fetch.c, x86-cache.c ----------------------------------- */

/* The instruction at CS:RIP in cpu->insn.  XE_OK, XE_EXCEPTION, XE_REFUSED. */
enum xe_result xe_fetch(struct xe_cpu *cpu);

/* --- Raising: x86-event.c ------------------------------------------------------------- */

/* Each sets cpu->event, a fault, and returns XE_EXCEPTION. */
enum xe_result xe_raise(struct xe_cpu *cpu, uint8_t vector);
enum xe_result xe_raise_error(struct xe_cpu *cpu, uint8_t vector, uint32_t error);
enum xe_result xe_raise_page(struct xe_cpu *cpu, uint64_t linear, uint32_t error);
/* Sets cpu->refusal and returns XE_REFUSED; `what` is static. */
enum xe_result xe_refuse(struct xe_cpu *cpu, enum xe_refusal_reason reason, uint64_t gpa, uint32_t access,
                         const char *what);

/* --- Memory: x86-memory.c ------------------------------------------------------------- */

/* Who accesses, beside HY_PROT_READ and HY_PROT_WRITE. */
#define XE_AS_SYSTEM 0x100u /* the processor itself: as supervisor whatever CPL; no MMIO */
#define XE_AS_USER 0x200u   /* as CPL 3 whatever CPL */

/*
 * Checks of segmentation: limit, type, canonical form, alignment where #AC is on.
 * `index` says which exception is due: XE_SS is #SS.
 */
enum xe_result xe_check_segment(struct xe_cpu *cpu, const struct hy_segment *segment, unsigned index, uint64_t offset,
                                size_t size, unsigned access, uint64_t *linear);

/* By linear address.  1 to 8 bytes; whole in one where the guest can tell. */
enum xe_result xe_load_linear(struct xe_cpu *cpu, uint64_t linear, size_t size, unsigned as, uint64_t *value);
enum xe_result xe_store_linear(struct xe_cpu *cpu, uint64_t linear, size_t size, unsigned as, uint64_t value);
/* Whether `size` bytes (at most a page) could be accessed so: raises what an access would raise. */
enum xe_result xe_check_linear(struct xe_cpu *cpu, uint64_t linear, size_t size, unsigned access_as);

/* By segment and offset, with all checks.  1 to 8 bytes. */
enum xe_result xe_load(struct xe_cpu *cpu, unsigned segment, uint64_t offset, size_t size, uint64_t *value);
enum xe_result xe_store(struct xe_cpu *cpu, unsigned segment, uint64_t offset, size_t size, uint64_t value);
/* Any size up to a page; in MMIO up to 32 bytes. */
enum xe_result xe_load_bytes(struct xe_cpu *cpu, unsigned segment, uint64_t offset, void *data, size_t size);
enum xe_result xe_store_bytes(struct xe_cpu *cpu, unsigned segment, uint64_t offset, const void *data, size_t size);
enum xe_result xe_check(struct xe_cpu *cpu, unsigned segment, uint64_t offset, size_t size, unsigned access);

/*
 * Read-modify-write of 1 to 8 bytes:
 *
 *	do {
 *		r = xe_open(cpu, insn, i, &place, &old);
 *		if (r == XE_OK)
 *			r = xe_close(cpu, &place, new of old);
 *	} while (r == XE_RETRY);
 *
 * Faults, on writing too, come from xe_open.  XE_RETRY comes only with LOCK (or
 * `locked`), when the memory changed in between.  Registers go the same way.
 */
struct xe_place {
	const struct xe_operand *operand; /* a register, or NULL */
	bool locked;
	uint64_t linear;
	size_t size;
	uint8_t *host; /* where all of it is in one page of memory */
	uint64_t old;
};
enum xe_result xe_open(struct xe_cpu *cpu, const struct xe_insn *insn, unsigned i, struct xe_place *place,
                       uint64_t *old);
enum xe_result xe_close(struct xe_cpu *cpu, struct xe_place *place, uint64_t value);
/* The same for memory at another offset than the operand's (bit strings), and where the lock is implied. */
enum xe_result xe_open_memory(struct xe_cpu *cpu, unsigned segment, uint64_t offset, size_t size, bool locked,
                              struct xe_place *place, uint64_t *old);
/* Compares and exchanges 16 bytes of memory (low half first); *equal tells, `old` is what was there. */
enum xe_result xe_exchange16(struct xe_cpu *cpu, unsigned segment, uint64_t offset, bool locked, uint64_t old[2],
                             const uint64_t expected[2], const uint64_t wanted[2], bool *equal);
/* Sets bits of a descriptor's byte (accessed, busy) as the processor does: at once with the check. */
enum xe_result xe_set_descriptor_bits(struct xe_cpu *cpu, uint64_t linear, uint8_t clear, uint8_t set);

/*
 * An access to the outside: answered from the log, or XE_ACCESS.  `value` is what
 * is written, or gets the answer.  XE_EXCEPTION: a refused MSR.
 */
enum xe_result xe_outside(struct xe_cpu *cpu, enum xe_access_kind kind, uint64_t address, size_t size, bool write,
                          bool string, uint64_t *value);

/* Whether an address is canonical for the paging in use (SDM vol. 1, section 3.3.7.1). */
bool xe_is_canonical(const struct xe_cpu *cpu, uint64_t linear);

/* The access that waits has its answer: into the log with it.  Then the instruction starts anew. */
void xe_log_answer(struct xe_cpu *cpu);

/* --- Page walk: x86-walk.c ------------------------------------------------------------ */

/*
 * The four PDPTEs that CR3 points to with PAE paging (SDM vol. 3, 4.4.1).  XE_OK;
 * XE_EXCEPTION: reserved bits, #GP(0) is raised; XE_REFUSED.
 */
enum xe_result xe_read_pdptes(struct xe_cpu *cpu, uint64_t cr3, uint64_t pdpte[4]);

/* --- Operands: x86-operand.c ------------------------------------------------------------ */

static inline uint64_t xe_mask(size_t size)
{
	return size >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * size) - 1;
}

static inline uint64_t xe_sign_extend(uint64_t value, size_t size)
{
	unsigned shift = 64 - 8 * (unsigned)size;

	return (uint64_t)((int64_t)(value << shift) >> shift);
}

static inline uint64_t xe_gpr(const struct xe_cpu *cpu, unsigned reg, size_t size)
{
	return cpu->gpr[reg] & xe_mask(size);
}

/* 1 and 2 bytes leave the rest alone, 4 clear the upper half. */
static inline void xe_set_gpr(struct xe_cpu *cpu, unsigned reg, size_t size, uint64_t value)
{
	if (size >= 4)
		cpu->gpr[reg] = value & xe_mask(size);
	else
		cpu->gpr[reg] = (cpu->gpr[reg] & ~xe_mask(size)) | (value & xe_mask(size));
}

/* The offset of the memory operand in its segment, cut to the address size. */
uint64_t xe_offset(const struct xe_cpu *cpu, const struct xe_insn *insn);
/* Reads and writes an operand of up to 8 bytes: general register, memory, immediate; reads are zero-extended. */
enum xe_result xe_get(struct xe_cpu *cpu, const struct xe_insn *insn, unsigned i, uint64_t *value);
enum xe_result xe_put(struct xe_cpu *cpu, const struct xe_insn *insn, unsigned i, uint64_t value);
/* The same for one that is a general register: XE_GPR or XE_GPR_HIGH. */
static inline uint64_t xe_get_register(const struct xe_cpu *cpu, const struct xe_operand *operand)
{
	if (operand->kind == XE_GPR_HIGH)
		return cpu->gpr[operand->reg] >> 8 & 0xff;
	return xe_gpr(cpu, operand->reg, operand->size);
}

static inline void xe_set_register(struct xe_cpu *cpu, const struct xe_operand *operand, uint64_t value)
{
	if (operand->kind == XE_GPR_HIGH)
		cpu->gpr[operand->reg] = (cpu->gpr[operand->reg] & ~UINT64_C(0xff00)) | (value & 0xff) << 8;
	else
		xe_set_gpr(cpu, operand->reg, operand->size, value);
}

/* --- Stack: x86-stack.c ------------------------------------------------------------------- */

/*
 * A stack that is being pushed to or popped from; the register is set at the end.
 * Who pushes more than once calls xe_stack_check first, so that no push can fail.
 */
struct xe_stack {
	struct hy_segment ss;
	uint64_t sp;
	uint8_t size;  /* of the pointer: 2, 4, 8 */
	unsigned as;   /* 0, XE_AS_SYSTEM or XE_AS_USER */
};
void xe_stack_here(const struct xe_cpu *cpu, struct xe_stack *stack);
enum xe_result xe_stack_check(struct xe_cpu *cpu, const struct xe_stack *stack, size_t bytes);
enum xe_result xe_stack_push(struct xe_cpu *cpu, struct xe_stack *stack, size_t size, uint64_t value);
enum xe_result xe_stack_pop(struct xe_cpu *cpu, struct xe_stack *stack, size_t size, uint64_t *value);
/* Writes SP, ESP or RSP. */
void xe_stack_done(struct xe_cpu *cpu, const struct xe_stack *stack);

/* --- Segments and mode: x86-segment.c ------------------------------------------------------- */

/* Derives mode, stack_size, cpl, is_long, watching: after any change of CS, SS, CR0, EFER, RFLAGS.VM, DR7. */
void xe_update_mode(struct xe_cpu *cpu);
/* MOV, POP, LDS... to a data or stack segment register, with all checks. */
enum xe_result xe_load_segment(struct xe_cpu *cpu, unsigned segment, uint16_t selector);
static inline unsigned xe_dpl(const struct hy_segment *segment)
{
	return (segment->attributes & HY_X86_SEG_DPL) >> HY_X86_SEG_DPL_SHIFT;
}
static inline bool xe_is_protected(const struct xe_cpu *cpu)
{
	return (cpu->cr0 & HY_X86_CR0_PE) && !(cpu->rflags & HY_X86_RFLAGS_VM);
}
static inline bool xe_is_v8086(const struct xe_cpu *cpu)
{
	return (cpu->rflags & HY_X86_RFLAGS_VM) != 0;
}
static inline unsigned xe_iopl(const struct xe_cpu *cpu)
{
	return (cpu->rflags & XE_RFLAGS_IOPL) >> XE_RFLAGS_IOPL_SHIFT;
}
static inline bool xe_is_64(const struct xe_cpu *cpu)
{
	return cpu->mode == 8;
}

/* --- Branches: x86-branch.c ------------------------------------------------------------------ */

/* Sets next_rip for a near branch, cut to `size`; #GP beyond CS's limit or not canonical. */
enum xe_result xe_branch(struct xe_cpu *cpu, uint64_t target, size_t size);

/* --- System: x86-system.c, x86-msr.c, x86-debug.c --------------------------------------------- */

/* Makes parts of the state good: XE_OK or XE_REFUSED. */
enum xe_result xe_need(struct xe_cpu *cpu, unsigned parts);
/* MOV to CR0, 2, 3, 4, 8, without privileges: #GP(0) for what isn't allowed, and all that the change entails. */
enum xe_result xe_set_cr(struct xe_cpu *cpu, unsigned number, uint64_t value);
/* #GP(0) unless at CPL 0. */
enum xe_result xe_check_privileged(struct xe_cpu *cpu);
/*
 * Whether an address may be loaded into a base or an MSR: canonical for the most bits
 * that the processor has, whatever paging is in use.
 */
bool xe_is_canonical_base(const struct xe_cpu *cpu, uint64_t linear);
/* What the guest's TSC is now; XE_PART_MSRS must be here. */
uint64_t xe_guest_tsc(const struct xe_cpu *cpu);
/* Whether the port may be used: IOPL and the map in the TSS (SDM vol. 1, section 19.5). */
enum xe_result xe_check_port(struct xe_cpu *cpu, uint16_t port, size_t size);
/* Data and IO breakpoints; called when cpu->watching. */
void xe_watch_data(struct xe_cpu *cpu, uint64_t linear, size_t size, bool write);
void xe_watch_port(struct xe_cpu *cpu, uint16_t port, size_t size);
/* Whether an instruction breakpoint is at `linear`: the bits for DR6. */
uint64_t xe_watch_fetch(struct xe_cpu *cpu, uint64_t linear);

/* --- Flags: x86-flags.c ------------------------------------------------------------------------ */

/* SF, ZF and PF of a result of `size` bytes. */
uint64_t xe_flags_of(uint64_t result, size_t size);
/* Whether a condition holds; by its number in opcodes: 0 is O, 15 is NLE (SDM vol. 1, appendix B). */
bool xe_condition(const struct xe_cpu *cpu, unsigned condition);
static inline void xe_set_flags(struct xe_cpu *cpu, uint64_t mask, uint64_t flags)
{
	cpu->rflags = (cpu->rflags & ~mask) | (flags & mask);
}

/* --- Translations: x86-cache.c ------------------------------------------------------------------- */

/*
 * Forgets translations: all, or of one page.  All also after changes of what
 * permits an access: CR0.WP, CR4, EFER, PKRU; but not after those of CPL and RFLAGS.AC.
 */
void xe_flush_all(struct xe_cpu *cpu);
void xe_flush_page(struct xe_cpu *cpu, uint64_t linear);

#endif /* HY_ASSIST_INTERNAL_H */
