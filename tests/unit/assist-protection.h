/* SPDX-License-Identifier: MIT */
/* What the tests of protection and of events share: one machine, and short ways to set it up and to look at it. */
#ifndef HY_TESTS_ASSIST_PROTECTION_H
#define HY_TESTS_ASSIST_PROTECTION_H

#include <check.h>

#include "assist-machine.h"

static struct machine m;
static struct xe_cpu *const cpu = &m.cpu;

static inline void setup(void)
{
	ck_assert(machine_open(&m, true));
}

static inline void teardown(void)
{
	machine_close(&m);
}

#define TRY(...) machine_try(&m, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* The instruction has faulted so, and nothing of it has happened. */
static inline void assert_fault(enum xe_result r, const struct xe_cpu *before, unsigned vector, uint32_t error)
{
	ck_assert_int_eq(r, XE_EXCEPTION);
	ck_assert_uint_eq(cpu->event.kind, XE_EVENT_FAULT);
	ck_assert_uint_eq(cpu->event.vector, vector);
	ck_assert_uint_eq(cpu->event.error, error);
	ck_assert_mem_eq(cpu->gpr, before->gpr, sizeof(cpu->gpr));
	ck_assert_mem_eq(cpu->seg, before->seg, sizeof(cpu->seg));
	ck_assert_uint_eq(cpu->rflags, before->rflags);
	ck_assert_uint_eq(cpu->rip, before->rip);
	ck_assert_uint_eq(cpu->cpl, before->cpl);
	ck_assert_uint_eq(cpu->mode, before->mode);
}

#define TRY_FAULT(vector, error, ...) \
	do { \
		struct xe_cpu before = *cpu; \
		before.rip = MACHINE_CODE; \
		assert_fault(TRY(__VA_ARGS__), &before, vector, error); \
	} while (0)

static inline void put(uint64_t gpa, size_t size, uint64_t value)
{
	machine_write_value(&m, gpa, size, value);
}

static inline uint64_t get(uint64_t gpa, size_t size)
{
	return machine_read_value(&m, gpa, size);
}

/* Several values of one size, upward from an address. */
static inline void put_all(uint64_t gpa, size_t size, const uint64_t *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		put(gpa + i * size, size, values[i]);
}

#define PUT(gpa, size, ...) \
	put_all(gpa, size, (const uint64_t[]){ __VA_ARGS__ }, sizeof((const uint64_t[]){ __VA_ARGS__ }) / 8)

static inline void assert_all(uint64_t gpa, size_t size, const uint64_t *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_eq(get(gpa + i * size, size), values[i]);
}

#define ASSERT_MEMORY(gpa, size, ...) \
	assert_all(gpa, size, (const uint64_t[]){ __VA_ARGS__ }, sizeof((const uint64_t[]){ __VA_ARGS__ }) / 8)

static inline void assert_at(uint16_t cs, uint64_t rip, uint16_t ss, uint64_t rsp, unsigned cpl)
{
	ck_assert_uint_eq(cpu->seg[XE_CS].selector, cs);
	ck_assert_uint_eq(cpu->rip, rip);
	ck_assert_uint_eq(cpu->seg[XE_SS].selector, ss);
	ck_assert_uint_eq(cpu->gpr[XE_RSP], rsp);
	ck_assert_uint_eq(cpu->cpl, cpl);
}

#endif /* HY_TESTS_ASSIST_PROTECTION_H */
