/* SPDX-License-Identifier: MIT */
#include "device.h"

static const struct device *find(const struct bus *bus, uint16_t port)
{
	for (size_t i = 0; i < bus->count; i++) {
		const struct device *device = &bus->device[i];

		if (port >= device->first && port <= device->last)
			return device;
	}
	return NULL;
}

/* The device that takes the whole access at once, or NULL: byte by byte. */
static const struct device *find_wide(const struct bus *bus, uint16_t port, unsigned size)
{
	const struct device *device = find(bus, port);

	if (!device || !device->wide || size > device->last - port + 1u)
		return NULL;
	return device;
}

uint32_t bus_read(const struct bus *bus, uint16_t port, unsigned size)
{
	const struct device *device = find_wide(bus, port, size);
	uint32_t value = 0;

	if (device)
		return device->read(device->state, port, size);

	for (unsigned i = 0; i < size; i++) {
		uint16_t at = (uint16_t)(port + i);
		uint32_t byte = 0xff;

		device = find(bus, at);
		if (device)
			byte = device->read(device->state, at, 1) & 0xff;
		value |= byte << (8 * i);
	}
	return value;
}

void bus_write(const struct bus *bus, uint16_t port, unsigned size, uint32_t value)
{
	const struct device *device = find_wide(bus, port, size);

	if (device) {
		device->write(device->state, port, size, value);
		return;
	}

	for (unsigned i = 0; i < size; i++) {
		uint16_t at = (uint16_t)(port + i);

		device = find(bus, at);
		if (device)
			device->write(device->state, at, 1, value >> (8 * i) & 0xff);
	}
}
