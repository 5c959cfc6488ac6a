/* SPDX-License-Identifier: MIT */
/*
 * A flat machine for tests of the executor: some memory at 0, nothing above it,
 * and a record of what reaches the outside.  All of its memory is mapped to
 * where it is, by whatever paging is on.
 */
#ifndef HY_TESTS_ASSIST_MACHINE_H
#define HY_TESTS_ASSIST_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "internal.h"

#define MACHINE_RAM 0x400000u /* 4 MiB; the outside begins here */
#define MACHINE_PAGES (MACHINE_RAM / XE_PAGE_SIZE)
#define MACHINE_MAPPED 0x800000u /* page tables map so much, the outside too */

/* Where what is.  The rest of the memory is free. */
#define MACHINE_GDT 0x1000u
#define MACHINE_IDT 0x2000u /* real mode's is at 0 */
#define MACHINE_TSS 0x3000u
#define MACHINE_STACK0 0x6000u /* top of the stack that the TSS has for ring 0 */
#define MACHINE_STACK 0x7000u  /* top of the stack */
#define MACHINE_CODE 0x8000u
#define MACHINE_DATA 0x20000u
#define MACHINE_TABLES 0x300000u /* page tables, up to the end of memory */

/* Selectors of flat segments, for each ring; code and data are one step apart. */
enum machine_segment { MACHINE_CODE16, MACHINE_DATA16, MACHINE_CODE32, MACHINE_DATA32, MACHINE_CODE64 };
#define MACHINE_TSS_SELECTOR 0xb0u
#define MACHINE_FREE_SELECTOR 0xc0u /* first of those that tests may define, up to 0xff8 */

enum machine_paging { MACHINE_NO_PAGING, MACHINE_PAGING_32, MACHINE_PAGING_PAE, MACHINE_PAGING_4, MACHINE_PAGING_5 };

/* Bits of page table entries. */
#define MACHINE_P 0x1u
#define MACHINE_W 0x2u
#define MACHINE_U 0x4u
#define MACHINE_A 0x20u
#define MACHINE_D 0x40u
#define MACHINE_LARGE 0x80u
#define MACHINE_NX (UINT64_C(1) << 63)

#define MACHINE_ACCESSES 64
struct machine_access {
	uint8_t kind, size, write, string;
	uint64_t address;
	uint64_t data; /* written, or what was answered */
};

struct machine {
	struct xe_cpu cpu;
	struct xe_bus bus;
	uint8_t *ram;
	uint32_t prot[MACHINE_PAGES]; /* HY_PROT_*; 0: the page isn't there */
	enum machine_paging paging;
	uint64_t next_table;
	uint64_t clock; /* what bus.tsc gives, one more each time */

	/* What went to the outside; answers are machine_pattern unless `answer` is set. */
	struct machine_access access[MACHINE_ACCESSES];
	unsigned accesses;
	uint64_t (*answer)(struct machine *machine, struct xe_access *access);
	void *user;

	/* NULL: all zeros; no exits. */
	void (*cpuid)(struct machine *machine, uint32_t leaf, uint32_t subleaf, uint32_t answer[4]);
	bool (*msr_exits)(struct machine *machine, uint32_t index, bool write);
};

/* Real mode, all features, no paging.  false: out of memory. */
bool machine_open(struct machine *machine, bool cache);
void machine_close(struct machine *machine);

/* Modes, with flat segments and the stack at MACHINE_STACK; general registers are left alone. */
void machine_enter_real(struct machine *machine);
void machine_enter_v8086(struct machine *machine);
/* `bits`: 16 or 32.  Paging stays as it is when it is legacy paging, else it is off. */
void machine_enter_protected(struct machine *machine, unsigned bits, unsigned cpl);
/* Long mode, `bits` 64, or 16 and 32 for compatibility mode; with 4-level paging unless 5-level paging was on. */
void machine_enter_long(struct machine *machine, unsigned bits, unsigned cpl);
/* Makes new page tables that map MACHINE_MAPPED as it is, for writing, executing and users; keeps the CPL. */
void machine_set_paging(struct machine *machine, enum machine_paging paging);

/* Maps one page, of `level` 1 (4 KiB), 2 (2 or 4 MiB), 3 (1 GiB), in the present page tables; no flush. */
void machine_map(struct machine *machine, uint64_t linear, uint64_t gpa, uint64_t flags, unsigned level);
/* The entry for an address in a table of that level (1 is the lowest); the table must be there. */
uint64_t machine_entry(struct machine *machine, uint64_t linear, unsigned level);
void machine_set_entry(struct machine *machine, uint64_t linear, unsigned level, uint64_t entry);
/* Whether that table is there. */
bool machine_has_table(struct machine *machine, uint64_t linear, unsigned level);
/* The bus's protection of pages; 0 takes them away.  Flushes. */
void machine_protect(struct machine *machine, uint64_t gpa, uint64_t size, uint32_t prot);

uint16_t machine_selector(enum machine_segment segment, unsigned ring);
/* Writes a descriptor of the GDT (its second half too, with system ones in long mode). */
void machine_descriptor(struct machine *machine, uint16_t selector, uint64_t base, uint32_t limit,
                        uint32_t attributes);
/* Writes a gate of the IDT in the form of the present mode; `access` like 0x8e (in real mode unused). */
void machine_gate(struct machine *machine, unsigned vector, uint16_t selector, uint64_t offset, uint8_t access);

/* Copies to and from memory, physical addresses. */
void machine_write(struct machine *machine, uint64_t gpa, const void *data, size_t size);
void machine_write_value(struct machine *machine, uint64_t gpa, size_t size, uint64_t value);
uint64_t machine_read_value(const struct machine *machine, uint64_t gpa, size_t size);

/* Puts code at MACHINE_CODE and RIP there. */
void machine_code(struct machine *machine, const void *code, size_t size);
/* What the outside answers by default: every byte from its address (and of ports alike). */
uint64_t machine_pattern(uint64_t address, size_t size);
/* Records and answers the access that waits. */
void machine_answer(struct machine *machine);
/*
 * For calls of loads, stores and the like by themselves: answers the access that
 * such a call came to, and says whether to call it again, as xe_execute does.
 */
bool machine_again(struct machine *machine, enum xe_result r);
/* One instruction, its accesses answered. */
enum xe_result machine_step(struct machine *machine);
/* machine_code and machine_step. */
enum xe_result machine_try(struct machine *machine, const void *code, size_t size);
/* xe_run with accesses answered, until something else: XE_HALT as a rule. */
enum xe_result machine_run(struct machine *machine);

#endif /* HY_TESTS_ASSIST_MACHINE_H */
