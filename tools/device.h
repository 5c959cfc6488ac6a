/* SPDX-License-Identifier: MIT */
/*
 * What hy-run's devices have in common: a range of ports, and what happens
 * when the guest reads or writes one of them.
 */
#ifndef TOOLS_DEVICE_H
#define TOOLS_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device {
	uint16_t first;
	uint16_t last; /* the last port, not the one after it */
	/* Takes accesses of 2 and 4 bytes as they are.  To others they come byte by byte. */
	bool wide;
	void *state;
	uint32_t (*read)(void *state, uint16_t port, unsigned size);
	void (*write)(void *state, uint16_t port, unsigned size, uint32_t value);
};

/*
 * The port bus: who owns a port gets its accesses.  Where nobody does, reads
 * give all ones and writes go nowhere, as on a PC.
 */
struct bus {
	const struct device *device;
	size_t count;
};

uint32_t bus_read(const struct bus *bus, uint16_t port, unsigned size);
void bus_write(const struct bus *bus, uint16_t port, unsigned size, uint32_t value);

#endif /* TOOLS_DEVICE_H */
