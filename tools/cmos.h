/* SPDX-License-Identifier: MIT */
/*
 * The PC's real-time clock and CMOS memory, ports 0x70 and 0x71.  Firmware
 * reads the size of memory here.  The clock stands still: a run gives the same
 * result every day.
 */
#ifndef TOOLS_CMOS_H
#define TOOLS_CMOS_H

#include "device.h"

struct cmos {
	uint8_t index;
	uint8_t bytes[128];
};

/* `memory` is the size of memory in bytes, all of it below 4 GiB. */
void cmos_init(struct cmos *cmos, uint64_t memory);

struct device cmos_device(struct cmos *cmos);

#endif /* TOOLS_CMOS_H */
