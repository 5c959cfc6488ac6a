/* SPDX-License-Identifier: MIT */
/*
 * Channel 2 of the PC's 8254 timer, ports 0x42 and 0x43, with its gate and
 * output at port 0x61.  Firmware measures the processor's clock with it.
 */
#ifndef TOOLS_PIT_H
#define TOOLS_PIT_H

#include "device.h"

#define PIT_HZ 1193182

struct pit {
	uint64_t (*now)(void); /* nanoseconds */
	bool gate;
	bool speaker;
	uint8_t mode;    /* 0 to 5 */
	uint32_t reload; /* 1 to 0x10000; 0: nothing is loaded yet */
	uint64_t counted; /* ticks until `since` */
	uint64_t since;   /* the time from which the gate lets it count on */

	uint8_t access;  /* which bytes a port access is: 1 low, 2 high, 3 low then high */
	bool write_high; /* access 3: the high byte is next */
	bool read_high;
	uint8_t low; /* access 3: the low byte that waits for the high one */
	bool latched;
	uint16_t latch;
};

void pit_init(struct pit *pit, uint64_t (*now)(void));

struct device pit_device(struct pit *pit);
struct device pit_gate_device(struct pit *pit);

#endif /* TOOLS_PIT_H */
