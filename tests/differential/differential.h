/* SPDX-License-Identifier: MIT */
/*
 * differential.h - random instructions on the executor and on something else.
 *
 * A case is one instruction, the state of the processor before it and a few
 * changes to a fixed image of memory; all of it follows from the case's seed.
 * It is executed by plugins/assist ("ours") and by a side: Unicorn, the real
 * processor, KVM.  What came out of it is compared.
 *
 * Memory is the same everywhere, physical as linear (DF_* below); in modes with
 * paging the page tables give some pages fewer rights.
 */
#ifndef DIFFERENTIAL_H
#define DIFFERENTIAL_H

#include "internal.h"

/* --- Memory -------------------------------------------------------------------------- */

#define DF_IVT 0x0000u
#define DF_IDT 0x1000u
#define DF_GDT 0x2000u
#define DF_LDT 0x3000u
#define DF_TSS 0x4000u /* with the map of IO permissions */
#define DF_HANDLERS 0x7000u /* one HLT for each vector */
#define DF_TABLES 0x8000u /* of pages: 4-level, 32-bit, PAE */
#define DF_CODE 0x20000u /* RX */
#define DF_DATA 0x30000u /* two pages, RW; a hole before and behind */
#define DF_READ_ONLY 0x33000u
#define DF_SUPERVISOR 0x34000u
#define DF_STACK 0x40000u /* two pages */
#define DF_STACK0 0x50000u /* for the TSS */
#define DF_MEMORY 0x60000u
#define DF_IMAGE 0x30800u /* an area for FXRSTOR and XRSTOR */

#define DF_GDT_LIMIT 0x13fu
#define DF_LDT_LIMIT 0x27u

/* Selectors, the first as Linux has them. */
#define DF_CODE32_0 0x08u
#define DF_CODE_0 0x10u /* 64-bit in long mode, else 32 */
#define DF_DATA_0 0x18u
#define DF_CODE32_3 0x20u
#define DF_DATA_3 0x28u
#define DF_CODE_3 0x30u
#define DF_CODE16_0 0x38u
#define DF_DATA16_0 0x40u
#define DF_CODE16_3 0x48u
#define DF_DATA16_3 0x50u
#define DF_STACK16_0 0x58u
#define DF_STACK16_3 0x60u
#define DF_LDT_SELECTOR 0xb0u
#define DF_TSS_SELECTOR 0xc0u

/* The pages that there are. */
bool df_is_memory(uint64_t gpa);
/* Whether a page belongs to what is compared: not the page tables. */
bool df_is_compared(uint64_t gpa);

/* --- Modes --------------------------------------------------------------------------- */

enum df_kind { DF_REAL, DF_V8086, DF_PROTECTED, DF_LONG };
enum df_paging { DF_FLAT, DF_PAGES32, DF_PAE, DF_PAGES64 };

struct df_mode {
	const char *name;
	enum df_kind kind;
	enum df_paging paging;
	uint8_t size; /* of code: 2, 4, 8 */
	uint8_t cpl;
	bool native; /* as Linux runs its processes; no pages of the supervisor */
};

enum df_modes {
	DF_MODE_REAL,
	DF_MODE_V8086,
	DF_MODE_16_0,
	DF_MODE_16_3,
	DF_MODE_32_0,
	DF_MODE_32_3,
	DF_MODE_PAE_0,
	DF_MODE_PAE_3,
	DF_MODE_COMPAT16_3,
	DF_MODE_COMPAT32_0,
	DF_MODE_COMPAT32_3,
	DF_MODE_LONG_0,
	DF_MODE_LONG_3,
	DF_MODE_NATIVE16,
	DF_MODE_NATIVE32,
	DF_MODE_NATIVE64,
	DF_MODES
};
extern const struct df_mode df_modes[DF_MODES];

/* Memory as it is before every case of a mode. */
const uint8_t *df_image(unsigned mode);
/* Registers that a mode needs; the general ones are 0. */
void df_setup(unsigned mode, struct xe_cpu *cpu);
/* The hidden part of a selector in the mode's tables. */
struct hy_segment df_segment(unsigned mode, uint16_t selector);

/* --- Cases --------------------------------------------------------------------------- */

struct df_patch {
	uint32_t address;
	uint32_t size;
	uint8_t data[64];
};

#define DF_PATCHES 6

struct df_case {
	uint64_t seed;
	unsigned mode;
	unsigned mnemonic; /* ZydisMnemonic; 0: bytes that are no instruction */
	uint8_t code[16];
	uint8_t length;
	uint8_t address_size;
	uint8_t operand_size; /* of the first operand, in bytes */
	bool memory;          /* has a memory operand */
	bool repeats;
	bool is_x87; /* or MMX, or saves and restores of them */
	bool is_vector;
	bool branches; /* near */
	bool is_vex;
	unsigned patches;
	struct df_patch patch[DF_PATCHES];
	struct xe_cpu before;
};

enum df_outcome {
	DF_DONE,
	DF_FAULT,
	DF_OUTSIDE, /* an access to no memory */
	DF_HALT,
	DF_SHUTDOWN,
	DF_REFUSED,
	DF_LOST /* the side itself failed: `text` says how */
};

/* Memory that differs from the image: by words of 8 bytes. */
#define DF_CHANGES 128
struct df_change {
	uint32_t address;
	uint64_t value;
};

#define DF_IOS 8
struct df_io {
	uint16_t port;
	uint8_t size, write;
	uint32_t value;
};

struct df_result {
	enum df_outcome outcome;
	uint8_t vector;
	bool has_error;
	bool changed_tables; /* of pages: what follows depends on what was cached */
	bool trusts_memory; /* false: what was written before a fault isn't told */
	uint32_t error;
	struct xe_cpu after;
	unsigned ios;
	struct df_io io[DF_IOS];
	unsigned changes; /* can be more than there is room for */
	struct df_change change[DF_CHANGES];
	const char *text;
};

/* What IN reads. */
static inline uint32_t df_port_value(unsigned port, unsigned size)
{
	return (uint32_t)((0x9e3779b9u * (port + 1)) & xe_mask(size));
}

void df_note_io(struct df_result *result, unsigned port, unsigned size, bool write, uint32_t value);
/* Finds what differs between memory and the image with the case's patches. */
void df_collect(const struct df_case *c, const uint8_t *memory, struct df_result *result);
/* Writes the case's patches and code. */
void df_prepare(const struct df_case *c, uint8_t *memory);
/* Brings memory back to the image.  true: page tables were changed. */
bool df_restore(const struct df_case *c, uint8_t *memory);

/* --- Sides --------------------------------------------------------------------------- */

struct df_side {
	const char *name;
	uint32_t modes; /* bit by enum df_modes */
	bool delivers;  /* runs to a HLT, with exceptions delivered by the IDT */
	bool traps;     /* steps by TF, which is set */
	/* Readies the side, and says which XE_HAS_* it has.  Returns why it can't be used, or NULL. */
	const char *(*open)(uint32_t *features, unsigned *xcr0);
	/* Whether it can be asked about this case at all. */
	bool (*can)(const struct df_case *c);
	void (*run)(const struct df_case *cases, struct df_result *results, size_t count);
	void (*close)(void);
	/* Forgets what earlier cases may have left in its caches; or NULL. */
	void (*renew)(void);
	/* The guest's CPUID, for ours; NULL: one that doesn't count. */
	void (*cpuid)(void *ctx, uint32_t leaf, uint32_t subleaf, uint32_t answer[4]);
};

#define DF_BATCH 256

extern const struct df_side df_unicorn, df_processor, df_kvm; /* as far as they are built */

/* What the generator needs to know. */
struct df_choice {
	const struct df_side *side;
	uint32_t features;
	unsigned xcr0;
	unsigned mnemonic; /* 0: any */
	int mode;          /* -1: any */
};

/* --- The parts ----------------------------------------------------------------------- */

void df_generator_open(const struct df_choice *choice);
/* The mnemonics that can be had. */
bool df_can_encode(unsigned mnemonic);
void df_generate(uint64_t seed, struct df_case *c);

void df_ours_open(const struct df_choice *choice);
void df_ours(const struct df_case *c, struct df_result *result);

/* Flags that the manual leaves undefined after this instruction. */
uint64_t df_undefined_flags(const struct df_case *c);

/* What differs. */
#define DF_DIFF_OUTCOME 0x1u
#define DF_DIFF_VECTOR 0x2u
#define DF_DIFF_ERROR 0x4u
#define DF_DIFF_CR2 0x8u
#define DF_DIFF_GPR 0x10u
#define DF_DIFF_RIP 0x20u
#define DF_DIFF_FLAGS 0x40u
#define DF_DIFF_SEGMENT 0x80u
#define DF_DIFF_SYSTEM 0x100u
#define DF_DIFF_VECTORS 0x200u
#define DF_DIFF_FPU 0x400u
#define DF_DIFF_MXCSR 0x800u
#define DF_DIFF_MEMORY 0x1000u
#define DF_DIFF_IO 0x2000u
#define DF_DIFF_MSR 0x4000u
unsigned df_compare(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs);

/* The known difference that explains it: its index, or -1. */
int df_known(const struct df_side *side, const struct df_case *c, unsigned diff, const struct df_result *ours,
             const struct df_result *theirs);
void df_print_known(void);

void df_print_case(const struct df_case *c);
void df_print_results(const struct df_case *c, unsigned diff, const struct df_result *ours,
                      const struct df_result *theirs);

/* --- Random numbers -------------------------------------------------------------------- */

struct df_random {
	uint64_t state;
};

/* splitmix64 */
static inline uint64_t df_next(struct df_random *r)
{
	uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline unsigned df_below(struct df_random *r, unsigned n)
{
	return (unsigned)((df_next(r) >> 32) * n >> 32);
}

/* True in `percent` of 100. */
static inline bool df_chance(struct df_random *r, unsigned percent)
{
	return df_below(r, 100) < percent;
}

#endif /* DIFFERENTIAL_H */
