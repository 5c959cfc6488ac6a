/* SPDX-License-Identifier: MIT */
#include "cmos.h"

#include <string.h>

#define PORT_INDEX 0x70
#define PORT_DATA 0x71
#define INDEX_BITS 0x7f /* bit 7 masks the NMI */

/* Of the MC146818. */
#define RTC_DAY_OF_WEEK 0x06
#define RTC_DAY 0x07
#define RTC_MONTH 0x08
#define RTC_YEAR 0x09
#define RTC_A 0x0a
#define RTC_B 0x0b
#define RTC_C 0x0c
#define RTC_D 0x0d
#define RTC_CENTURY 0x32
#define RTC_A_DIVIDER 0x26 /* 32768 Hz; bit 7, update in progress, is never set */
#define RTC_B_24_HOURS 0x02
#define RTC_D_VALID 0x80

/* Sizes of memory, 16 bits each, low byte first. */
#define MEMORY_BASE 0x15         /* KiB from 0, at most 640 */
#define MEMORY_EXTENDED 0x17     /* KiB above 1 MiB, at most 63 MiB */
#define MEMORY_EXTENDED_COPY 0x30
#define MEMORY_ABOVE_16M 0x34    /* 64 KiB each */

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t above(uint64_t memory, uint64_t start)
{
	return memory > start ? memory - start : 0;
}

static void store16(struct cmos *cmos, uint8_t index, uint64_t value)
{
	cmos->bytes[index] = (uint8_t)value;
	cmos->bytes[index + 1] = (uint8_t)(value >> 8);
}

/* Saturday, 1 January 2000, 0:00:00, in BCD. */
static void init_clock(struct cmos *cmos)
{
	cmos->bytes[RTC_DAY_OF_WEEK] = 0x07;
	cmos->bytes[RTC_DAY] = 0x01;
	cmos->bytes[RTC_MONTH] = 0x01;
	cmos->bytes[RTC_YEAR] = 0x00;
	cmos->bytes[RTC_CENTURY] = 0x20;
	cmos->bytes[RTC_A] = RTC_A_DIVIDER;
	cmos->bytes[RTC_B] = RTC_B_24_HOURS;
	cmos->bytes[RTC_D] = RTC_D_VALID;
}

void cmos_init(struct cmos *cmos, uint64_t memory)
{
	uint64_t extended = min_u64(above(memory, 1 * MIB) / KIB, 63 * KIB);

	memset(cmos, 0, sizeof(*cmos));
	init_clock(cmos);
	store16(cmos, MEMORY_BASE, min_u64(memory / KIB, 640));
	store16(cmos, MEMORY_EXTENDED, extended);
	store16(cmos, MEMORY_EXTENDED_COPY, extended);
	store16(cmos, MEMORY_ABOVE_16M, above(memory, 16 * MIB) / (64 * KIB));
}

static uint32_t cmos_read(void *state, uint16_t port, unsigned size)
{
	const struct cmos *cmos = state;

	(void)size;
	return port == PORT_DATA ? cmos->bytes[cmos->index] : 0xff;
}

static void cmos_write(void *state, uint16_t port, unsigned size, uint32_t value)
{
	struct cmos *cmos = state;

	(void)size;
	if (port == PORT_INDEX)
		cmos->index = value & INDEX_BITS;
	else if (cmos->index != RTC_A && cmos->index != RTC_C && cmos->index != RTC_D)
		cmos->bytes[cmos->index] = (uint8_t)value;
}

struct device cmos_device(struct cmos *cmos)
{
	return (struct device){ .first = PORT_INDEX,
		                .last = PORT_DATA,
		                .state = cmos,
		                .read = cmos_read,
		                .write = cmos_write };
}
