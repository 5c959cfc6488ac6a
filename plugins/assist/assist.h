/* SPDX-License-Identifier: MIT */
/*
 * assist.h - executes x86 instructions for backends.
 *
 * One executor serves three: a host that reports an access but doesn't decode
 * the instruction, the software CPU (plugins/soft), and the CPU behind test
 * doubles.  It knows no host: what it needs comes through struct xe_bus.  It
 * has no globals, takes no locks and allocates nothing; a struct xe_cpu belongs
 * to one thread at a time.  Names begin with xe_, "x86 executor".
 *
 * An instruction is executed whole or not at all.  Where it needs an answer
 * from outside (a port, an address that is no memory, an MSR) it stops with
 * XE_ACCESS and nothing of it has happened; the caller puts the answer into
 * cpu->access.data and calls xe_execute() again.  Then the instruction is
 * executed from its start once more, with the answers it has had so far taken
 * from a log: so each handler is straight code, and can be stopped at any
 * access, also in the middle of a page-crossing or read-modify-write one.  In
 * turn handlers keep two rules: they change the registers last, and they write
 * memory after everything that can stop them.
 *
 * "SDM" is Intel's Software Developer's Manual, "APM" AMD's Architecture
 * Programmer's Manual.  The host is little-endian, as the guest is.
 */
#ifndef HY_ASSIST_H
#define HY_ASSIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hy/types.h>
#include <hy/x86.h>

#define XE_INSN_MAX 15
#define XE_PAGE_SIZE 4096u
#define XE_PAGE_MASK ((uint64_t)XE_PAGE_SIZE - 1)

/* What a call came to. */
enum xe_result {
	XE_OK = 0,
	XE_EXCEPTION, /* cpu->event has it; nothing of the instruction has happened */
	XE_ACCESS,    /* cpu->access wants an answer; then call again */
	XE_HALT,      /* HLT was executed */
	XE_SHUTDOWN,  /* triple fault */
	XE_REFUSED,   /* can't be executed; cpu->refusal says why */
	XE_RETRY      /* inside only: a locked access met another processor's */
};

/* --- The state of a processor ------------------------------------------------------ */

/* Indices of xe_cpu.gpr. */
enum { XE_RAX, XE_RCX, XE_RDX, XE_RBX, XE_RSP, XE_RBP, XE_RSI, XE_RDI };

/* Indices of xe_cpu.seg: HY_REG_INDEX of HY_X86_ES... */
enum { XE_ES, XE_CS, XE_SS, XE_DS, XE_FS, XE_GS, XE_LDTR, XE_TR, XE_SEGMENTS };

union xe_vector {
	uint8_t b[32];
	uint16_t w[16];
	uint32_t d[8];
	uint64_t q[4];
};

struct xe_fpu {
	uint8_t st[8][16]; /* ST(i), by its place from the top, 10 bytes each; MM(i) by number, see x86-fpu.c */
	uint16_t fcw, fsw;
	uint8_t ftw; /* abridged, by physical register: 1 is "not empty" */
	uint16_t fop;
	uint64_t fip, fdp;
	uint32_t mxcsr;
	union xe_vector ymm[16];
};

#define XE_MTRR_FIXED 11
#define XE_MTRR_VARIABLE 8

struct xe_msrs {
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t star, lstar, cstar, fmask;
	uint64_t kernel_gs_base;
	uint64_t pat;
	uint64_t tsc_offset; /* what the guest reads less bus->tsc */
	uint64_t tsc_aux;
	uint64_t apic_base;
	uint64_t misc_enable;
	uint64_t mtrr_def_type;
	uint64_t mtrr_fixed[XE_MTRR_FIXED];
	uint64_t mtrr_variable[2 * XE_MTRR_VARIABLE]; /* base and mask of each range */
};

/* Features that the guest's CPUID has and that change what instructions do. */
#define XE_HAS_PSE (1u << 0)
#define XE_HAS_PAE (1u << 1)
#define XE_HAS_PGE (1u << 2)
#define XE_HAS_NX (1u << 3)
#define XE_HAS_LONG (1u << 4)
#define XE_HAS_1G (1u << 5)
#define XE_HAS_LA57 (1u << 6)
#define XE_HAS_SMEP (1u << 7)
#define XE_HAS_SMAP (1u << 8)
#define XE_HAS_PKU (1u << 9)
#define XE_HAS_FSGSBASE (1u << 10)
#define XE_HAS_PCID (1u << 11)
#define XE_HAS_INVPCID (1u << 12)
#define XE_HAS_RDTSCP (1u << 13)
#define XE_HAS_SYSCALL (1u << 14)
#define XE_HAS_LZCNT (1u << 15)
#define XE_HAS_BMI1 (1u << 16)
#define XE_HAS_BMI2 (1u << 17)
#define XE_HAS_POPCNT (1u << 18)
#define XE_HAS_MOVBE (1u << 19)
#define XE_HAS_CX16 (1u << 20)
#define XE_HAS_XSAVE (1u << 21)
#define XE_HAS_AVX (1u << 22)
#define XE_HAS_UMIP (1u << 23)
#define XE_HAS_SYSENTER (1u << 24)
#define XE_HAS_ADX (1u << 25)
#define XE_HAS_VME (1u << 26)

/* Parts of the state that a host may hold back until they are asked for, see xe_bus.load. */
#define XE_PART_FPU 1u   /* cpu->fpu, cpu->xcr0 */
#define XE_PART_MSRS 2u  /* cpu->msr */
#define XE_PART_DEBUG 4u /* cpu->dr */
#define XE_PART_ALL 7u

/* An exception or interrupt on its way to the guest. */
enum xe_event_kind {
	XE_EVENT_NONE,
	XE_EVENT_FAULT,    /* an exception; RIP is at the instruction */
	XE_EVENT_TRAP,     /* an exception (#DB); RIP is past the instruction */
	XE_EVENT_SOFTWARE, /* INT n: gates' DPL counts; RIP is past the instruction */
	XE_EVENT_BREAK,    /* INT3, INTO: the same */
	XE_EVENT_ICEBP,    /* INT1: the DPL doesn't count */
	XE_EVENT_EXTERNAL, /* an interrupt */
	XE_EVENT_NMI
};

struct xe_event {
	uint8_t kind; /* enum xe_event_kind */
	uint8_t vector;
	bool has_error;
	uint8_t skip; /* INT3, INTO, INT1 as XE_EXCEPTION: bytes from RIP, which is still there, to past the instruction */
	uint32_t error;
	uint64_t address; /* #PF: goes to CR2 */
	uint64_t dr6;     /* #DB: bits that are set in DR6 */
};

/* An access to the outside, waiting for the caller. */
enum xe_access_kind { XE_ACCESS_NONE, XE_ACCESS_IO, XE_ACCESS_MMIO, XE_ACCESS_MSR };

struct xe_access {
	uint8_t kind;  /* enum xe_access_kind */
	uint8_t size;  /* bytes: 1, 2, 4 of IO; 1 to 8 of MMIO; 8 of MSR */
	uint8_t write;
	uint8_t string; /* IO: by INS or OUTS */
	uint8_t refused; /* the caller's, MSR: give the guest #GP */
	uint64_t address; /* port, gpa or index */
	uint8_t data[8]; /* what is written, or the caller's answer (all ones until then) */
};

/* Answers that the instruction under way has had, in their order. */
#define XE_LOG_MAX 16
struct xe_log {
	uint8_t count; /* entries that are there */
	uint8_t used;  /* entries that this execution has come to */
	struct {
		uint8_t kind, size, write, refused;
		uint64_t address;
		uint64_t data;
	} entry[XE_LOG_MAX];
};

/* Why XE_REFUSED. */
enum xe_refusal_reason {
	XE_REFUSED_INSN = 1, /* an instruction or form that the executor lacks */
	XE_REFUSED_FETCH,    /* no executable memory at gpa */
	XE_REFUSED_MEMORY    /* structures of the processor (page tables, descriptors, stacks) at gpa are no memory */
};
struct xe_refusal {
	uint8_t reason; /* enum xe_refusal_reason */
	uint8_t access; /* HY_PROT_*, or 0 */
	uint64_t gpa;   /* or HY_ADDR_UNKNOWN */
	const char *what; /* static: "a hardware task switch" */
};

struct xe_insn;
struct xe_cache;
struct xe_bus;

struct xe_cpu {
	uint64_t gpr[16];
	uint64_t rip;
	uint64_t rflags;
	struct hy_segment seg[XE_SEGMENTS];
	struct hy_segment gdtr, idtr;
	uint64_t cr0, cr2, cr3, cr4, cr8, xcr0, efer;
	uint64_t pdpte[4]; /* PAE paging: loaded with CR3 (SDM vol. 3, 4.4.1) */
	uint64_t dr[8]; /* 4 and 5 unused */
	uint32_t pkru;
	struct xe_fpu fpu;
	struct xe_msrs msr;

	/* Between instructions. */
	bool shadow;      /* interrupts wait for one instruction: STI, MOV SS, POP SS */
	bool shadow_ss;   /* the same for #DB and NMI: MOV SS, POP SS */
	bool nmi_masked;  /* until IRET */
	uint64_t trap;    /* bits for DR6 of a #DB that comes before the next instruction; 0: none */

	/* What the caller wants delivered by xe_run. */
	int interrupt;    /* vector of an external interrupt, or -1 */
	bool nmi;
	uint32_t exception_exits; /* bit by vector: xe_run returns XE_EXCEPTION instead of delivering */

	/* The caller's choice, before the first use. */
	uint32_t features; /* XE_HAS_* */
	uint8_t phys_bits; /* width of a physical address */
	const struct xe_bus *bus;
	void *ctx; /* for the bus */
	struct xe_cache *cache; /* or NULL: slower, for single instructions */
	const uint32_t *attention; /* or NULL; atomic: xe_run returns soon when it isn't 0 */

	/* Which parts of the state are here, and which were changed here: XE_PART_*. */
	unsigned parts, changed;

	/* Results. */
	struct xe_event event;
	struct xe_access access;
	struct xe_refusal refusal;

	/* The executor's own. */
	uint8_t mode;      /* size of code: 2, 4, 8 */
	uint8_t stack_size; /* of the stack pointer: 2, 4, 8 */
	uint8_t cpl;
	bool is_long;      /* EFER.LMA */
	bool watching;     /* some breakpoint of DR7 is enabled */
	bool next_shadow, next_shadow_ss;
	bool next_step;    /* #DB for single-stepping follows: TF from before; of INT n, SYSCALL, SYSRET from after */
	uint64_t next_rip; /* of the instruction under way */
	struct xe_log log;
	struct xe_insn *insn; /* the instruction under way; kept over XE_ACCESS */
	uint64_t insn_room[24]; /* where it is without a cache */
};

/* --- What the executor needs ------------------------------------------------------ */

struct xe_bus {
	/*
	 * The host address of a page of guest memory, and what the guest may
	 * do with it (HY_PROT_*); NULL where there is none.  `gpa` is a
	 * multiple of XE_PAGE_SIZE.  The address is kept until the cache is
	 * flushed, without a cache for the call of xe_execute.
	 */
	uint8_t *(*page)(void *ctx, uint64_t gpa, uint32_t *prot);
	/* Makes parts of the state (XE_PART_*) good in the xe_cpu.  false: couldn't; the call ends as XE_REFUSED. */
	bool (*load)(void *ctx, unsigned parts);
	/* The guest's CPUID: EAX, EBX, ECX, EDX. */
	void (*cpuid)(void *ctx, uint32_t leaf, uint32_t subleaf, uint32_t answer[4]);
	/* Whether RDMSR or WRMSR of this index is an access for the caller. */
	bool (*msr_exits)(void *ctx, uint32_t index, bool write);
	/* A clock that the guest's TSC follows. */
	uint64_t (*tsc)(void *ctx);
};

/* --- Calls ------------------------------------------------------------------------ */

/* After reset (SDM vol. 3, table 10-1), apart from what the caller sets: features, bus... */
void xe_reset(struct xe_cpu *cpu);

/*
 * To be called after the caller has changed registers: derives what the executor
 * keeps of them, and flushes the cache's translations.
 */
void xe_state_changed(struct xe_cpu *cpu);

/*
 * Executes one instruction, or one or more items of a REP; or finishes what
 * XE_ACCESS began.  Delivers nothing: exceptions are the caller's, as is
 * cpu->trap.  Any result but XE_SHUTDOWN.
 */
enum xe_result xe_execute(struct xe_cpu *cpu);

/* Whether XE_ACCESS waits for its answer. */
static inline bool xe_is_pending(const struct xe_cpu *cpu)
{
	return cpu->access.kind != XE_ACCESS_NONE;
}
/* Forgets an access that waits: nothing of its instruction has happened. */
void xe_drop(struct xe_cpu *cpu);

/*
 * Delivers an event through the guest's IDT (SDM vol. 3, chapter 6), with what
 * follows from it: double fault, triple fault.  XE_OK, XE_SHUTDOWN, XE_REFUSED.
 */
enum xe_result xe_deliver(struct xe_cpu *cpu, const struct xe_event *event);

/*
 * Runs: finishes an access, delivers exceptions, traps, NMI and the interrupt as
 * they are due, executes.  XE_OK: attention was asked for, between instructions.
 * XE_EXCEPTION: of exception_exits; xe_deliver(cpu, &cpu->event) goes on with it.
 */
enum xe_result xe_run(struct xe_cpu *cpu);

/* Whether an external interrupt would be taken now. */
bool xe_can_interrupt(const struct xe_cpu *cpu);

/*
 * The program's view of an MSR: false where there is none, or for writing where the
 * value is not allowed.  No exits, no privileges.
 */
bool xe_get_msr(struct xe_cpu *cpu, uint32_t index, uint64_t *value);
bool xe_set_msr(struct xe_cpu *cpu, uint32_t index, uint64_t value);

/* The bits that CR4 may have with these features. */
uint64_t xe_cr4_bits(const struct xe_cpu *cpu);

/* XE_HAS_* of a CPUID table. */
uint32_t xe_features(const struct hy_x86_cpuid *table, size_t count);

/* --- XSAVE image (SDM vol. 1, 13.4): standard form -------------------------------- */

#define XE_XSAVE_SIZE 832u /* x87, SSE, AVX */
void xe_get_xsave(const struct xe_cpu *cpu, uint8_t image[XE_XSAVE_SIZE]);
/* false: reserved bits are set. */
bool xe_set_xsave(struct xe_cpu *cpu, const uint8_t image[XE_XSAVE_SIZE]);

/* --- The cache: translations and decoded instructions ------------------------------- */

extern const size_t xe_cache_size; /* bytes, aligned for any type, zeroed before first use */
/* After the bus's memory has changed. */
void xe_cache_flush(struct xe_cache *cache);

/* --- Page walk (SDM vol. 3, chapter 4) ----------------------------------------------- */

struct xe_translation {
	uint64_t gpa;
	uint64_t page_size;
	bool writable, user, executable; /* of all levels together */
	bool dirty; /* no write has to set the dirty bit any more */
	uint32_t error; /* #PF's error code, where XE_EXCEPTION */
};

/*
 * Translates as an access of this kind (HY_PROT_READ, _WRITE or _EXEC) would be.
 * `set_bits`: sets accessed and dirty bits as the processor does.  XE_OK,
 * XE_EXCEPTION (with translation->error; cpu->event isn't set), XE_REFUSED
 * (page tables outside of memory).
 */
enum xe_result xe_translate(struct xe_cpu *cpu, uint64_t linear, uint32_t access, bool user, bool set_bits,
                            struct xe_translation *translation);

/* The linear address of an offset in a segment, without checks. */
uint64_t xe_linear(const struct xe_cpu *cpu, unsigned segment, uint64_t offset);

#endif /* HY_ASSIST_H */
