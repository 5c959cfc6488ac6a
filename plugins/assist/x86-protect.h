/* SPDX-License-Identifier: MIT */
/* Protection: descriptors, privilege levels, switches of stack and task (SDM vol. 3, chapters 3, 5, 6 and 7). */
#ifndef HY_ASSIST_PROTECT_H
#define HY_ASSIST_PROTECT_H

#include "internal.h"

/* System descriptors (SDM vol. 3, table 3-2). */
enum {
	XE_SYSTEM_TSS16 = 1,
	XE_SYSTEM_LDT = 2,
	XE_SYSTEM_TSS16_BUSY = 3,
	XE_SYSTEM_CALL16 = 4,
	XE_SYSTEM_TASK_GATE = 5,
	XE_SYSTEM_INTERRUPT16 = 6,
	XE_SYSTEM_TRAP16 = 7,
	XE_SYSTEM_TSS = 9,
	XE_SYSTEM_TSS_BUSY = 11,
	XE_SYSTEM_CALL = 12,
	XE_SYSTEM_INTERRUPT = 14,
	XE_SYSTEM_TRAP = 15
};
#define XE_SYSTEM_BUSY 2u /* the bit that differs between a TSS and a busy one */

/* Bits in the types of code and data (SDM vol. 3, table 3-1). */
#define XE_TYPE_ACCESSED 1u
#define XE_TYPE_WRITABLE 2u   /* data */
#define XE_TYPE_READABLE 2u   /* code */
#define XE_TYPE_CONFORMING 4u /* code */
#define XE_TYPE_CODE 8u

/* Bits of an error code that isn't a page fault's (SDM vol. 3, section 6.13). */
#define XE_ERROR_EXT 1u
#define XE_ERROR_IDT 2u

/* DR6 and DR7 (SDM vol. 3, sections 17.2.3 and 17.2.4). */
#define XE_DR6_B 0xfu /* which of the four breakpoints */
#define XE_DR6_BS 0x4000u
#define XE_DR7_GD 0x2000u

/* A descriptor as it was read. */
struct xe_descriptor {
	uint16_t selector;
	uint16_t attributes; /* HY_X86_SEG_* */
	uint64_t linear;     /* where it is */
	uint64_t low, high;  /* `high`: of system descriptors in long mode */
};

/* Where a far transfer goes. */
struct xe_target {
	struct xe_descriptor descriptor;
	struct hy_segment cs;
	uint64_t rip;
};

/* A selector that names no descriptor, whatever its RPL. */
static inline bool xe_is_null(uint16_t selector)
{
	return (selector & ~3u) == 0;
}

static inline unsigned xe_rpl(uint16_t selector)
{
	return selector & 3u;
}

/* A selector as error codes have it: EXT and IDT in the place of the RPL. */
static inline uint32_t xe_selector_error(uint16_t selector)
{
	return selector & ~3u;
}

static inline bool xe_is_segment(const struct xe_descriptor *descriptor)
{
	return descriptor->attributes & HY_X86_SEG_S;
}

static inline bool xe_is_code(const struct xe_descriptor *descriptor)
{
	return xe_is_segment(descriptor) && (descriptor->attributes & XE_TYPE_CODE);
}

static inline bool xe_is_conforming(const struct xe_descriptor *descriptor)
{
	return descriptor->attributes & XE_TYPE_CONFORMING;
}

static inline bool xe_is_present(const struct xe_descriptor *descriptor)
{
	return descriptor->attributes & HY_X86_SEG_P;
}

static inline unsigned xe_descriptor_dpl(const struct xe_descriptor *descriptor)
{
	return (descriptor->attributes & HY_X86_SEG_DPL) >> HY_X86_SEG_DPL_SHIFT;
}

static inline unsigned xe_descriptor_type(const struct xe_descriptor *descriptor)
{
	return descriptor->attributes & HY_X86_SEG_TYPE;
}

static inline bool xe_is_tss16(const struct hy_segment *tr)
{
	return (tr->attributes & HY_X86_SEG_TYPE & ~XE_SYSTEM_BUSY) == XE_SYSTEM_TSS16;
}

static inline uint16_t xe_gate_selector(const struct xe_descriptor *gate)
{
	return (uint16_t)(gate->low >> 16);
}

/* The offset in a gate; of a 16-bit one the upper half doesn't count. */
static inline uint64_t xe_gate_offset(const struct xe_descriptor *gate, size_t size)
{
	uint64_t offset = (gate->low & 0xffff) | (gate->low >> 32 & 0xffff0000) | gate->high << 32;

	return offset & xe_mask(size);
}

/* --- x86-segment.c --------------------------------------------------------------- */

/*
 * Reads a selector's descriptor, not null.  Where there is none, `vector` is
 * raised with the selector.
 */
enum xe_result xe_read_descriptor(struct xe_cpu *cpu, uint16_t selector, uint8_t vector,
                                  struct xe_descriptor *descriptor);
/* The same of a system segment or call gate, which has 16 bytes in long mode. */
enum xe_result xe_read_system_descriptor(struct xe_cpu *cpu, uint16_t selector, uint8_t vector,
                                         struct xe_descriptor *descriptor);
/* Sets the accessed bit of a code, data or stack segment in memory. */
enum xe_result xe_set_accessed(struct xe_cpu *cpu, const struct xe_descriptor *descriptor);
/* The register's content, with the accessed bit; the selector's RPL becomes `rpl`. */
void xe_segment_of(const struct xe_descriptor *descriptor, unsigned rpl, struct hy_segment *segment);
/* A register that holds no segment; SS keeps the privilege level in its DPL. */
void xe_null_segment(uint16_t selector, unsigned dpl, struct hy_segment *segment);
/* What real and virtual-8086 mode make of a selector. */
void xe_real_segment(const struct xe_cpu *cpu, unsigned index, uint16_t selector, struct hy_segment *segment);
/*
 * Reads and checks a stack segment for a privilege level.  `vector` is #GP, or #TS
 * for what a TSS has.
 */
enum xe_result xe_read_stack_segment(struct xe_cpu *cpu, uint16_t selector, unsigned level, uint8_t vector,
                                     struct xe_descriptor *descriptor);
/* ES, DS, FS, GS: those that the privilege level may not use any more become null. */
void xe_drop_segments(struct xe_cpu *cpu, unsigned level);

/* --- x86-far.c --------------------------------------------------------------------- */

/* #GP where RIP is outside of the target's segment, or not canonical. */
enum xe_result xe_check_target(struct xe_cpu *cpu, const struct hy_segment *cs, uint64_t rip);
/* #GP, #NP for a code segment that can't be entered: no code, L and D at once, not present. */
enum xe_result xe_check_code(struct xe_cpu *cpu, const struct xe_descriptor *descriptor);

/*
 * The stack for a more privileged level from the TSS; in long mode by `ist`, where
 * that isn't 0.  `stack->as` is set for the processor's own pushes.
 */
enum xe_result xe_inner_stack(struct xe_cpu *cpu, unsigned level, unsigned ist, struct xe_stack *stack);
/*
 * Checks that so many items can be pushed: faults are those of the first push that
 * can't.  On a stack that was switched to, #SS has its selector.
 */
enum xe_result xe_check_frame(struct xe_cpu *cpu, const struct xe_stack *stack, size_t size, size_t items,
                              bool switched);

/* --- x86-deliver.c -------------------------------------------------------------------- */

/*
 * Delivers an event that returns to cpu->next_rip, and sets next_rip.  XE_EXCEPTION:
 * another was met, and nothing has happened; EXT isn't in its error code yet.
 */
enum xe_result xe_deliver_once(struct xe_cpu *cpu, const struct xe_event *event);

/* --- x86-task.c ---------------------------------------------------------------------- */

enum xe_task_switch { XE_TASK_JUMP, XE_TASK_CALL, XE_TASK_EVENT, XE_TASK_RETURN };

/*
 * Switches to the task of a TSS; cpu->next_rip is where the old one goes on.  Sets
 * next_rip.  `error` is pushed in the new task, or NULL.
 */
enum xe_result xe_switch_task(struct xe_cpu *cpu, enum xe_task_switch how, uint16_t selector, const uint32_t *error);
/* By the selector in a task gate, which was checked. */
enum xe_result xe_enter_task_gate(struct xe_cpu *cpu, enum xe_task_switch how, const struct xe_descriptor *gate,
                                  const uint32_t *error);

#endif /* HY_ASSIST_PROTECT_H */
