/* SPDX-License-Identifier: MIT */
#include "pci.h"

#include <string.h>

#define PORT_ADDRESS 0xcf8
#define PORT_DATA 0xcfc

#define ADDRESS_ENABLE 0x80000000u
#define ADDRESS_BITS 0x80fffffcu
#define ADDRESS_BUS(address) ((address) >> 16 & 0xff)
#define ADDRESS_FUNCTION(address) ((address) >> 8 & 0xff) /* device and function */

/* The header of type 0 (PCI Local Bus Specification 3.0, section 6.1). */
#define CONFIG_COMMAND 0x04
#define CONFIG_STATUS 0x06
#define CONFIG_CACHE_LINE 0x0c
#define CONFIG_LATENCY 0x0d
#define CONFIG_INTERRUPT_LINE 0x3c
#define CONFIG_HEADER_END 0x40

struct identity {
	uint8_t function; /* device * 8 + function */
	uint16_t vendor;
	uint16_t device;
	uint16_t command;
	uint16_t status;
	uint8_t revision;
	uint16_t class;
	uint8_t header;
};

static const struct identity identities[PCI_FUNCTIONS] = {
	{ .function = 0 << 3, .vendor = 0x8086, .device = 0x1237, .command = 0x0006, .status = 0x0280,
	  .revision = 2, .class = 0x0600, .header = 0 }, /* 82441FX */
	{ .function = 1 << 3, .vendor = 0x8086, .device = 0x7000, .command = 0x0007, .status = 0x0200,
	  .revision = 0, .class = 0x0601, .header = 0x80 }, /* 82371SB, multifunction */
};

static void store16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

void pci_init(struct pci *pci)
{
	memset(pci, 0, sizeof(*pci));
	for (size_t i = 0; i < PCI_FUNCTIONS; i++) {
		const struct identity *identity = &identities[i];
		uint8_t *config = pci->config[i];

		store16(config + 0x00, identity->vendor);
		store16(config + 0x02, identity->device);
		store16(config + CONFIG_COMMAND, identity->command);
		store16(config + CONFIG_STATUS, identity->status);
		config[0x08] = identity->revision;
		store16(config + 0x0a, identity->class);
		config[0x0e] = identity->header;
	}
}

/* The configuration space that the address register selects, or NULL. */
static uint8_t *selected(struct pci *pci)
{
	if (!(pci->address & ADDRESS_ENABLE) || ADDRESS_BUS(pci->address) != 0)
		return NULL;
	for (size_t i = 0; i < PCI_FUNCTIONS; i++)
		if (identities[i].function == ADDRESS_FUNCTION(pci->address))
			return pci->config[i];
	return NULL;
}

/*
 * What the guest may change.  Beyond the header everything is kept: the host
 * bridge's PAM registers, for one, though the memory behind them is always RAM.
 * The base address registers stay 0: there are none.
 */
static bool is_writable(unsigned offset)
{
	return offset == CONFIG_COMMAND || offset == CONFIG_COMMAND + 1 || offset == CONFIG_CACHE_LINE ||
	       offset == CONFIG_LATENCY || offset == CONFIG_INTERRUPT_LINE || offset >= CONFIG_HEADER_END;
}

static uint32_t read_data(struct pci *pci, unsigned offset, unsigned size)
{
	const uint8_t *config = selected(pci);
	uint32_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint32_t)(config ? config[offset + i] : 0xff) << (8 * i);
	return value;
}

static void write_data(struct pci *pci, unsigned offset, unsigned size, uint32_t value)
{
	uint8_t *config = selected(pci);

	for (unsigned i = 0; config && i < size; i++)
		if (is_writable(offset + i))
			config[offset + i] = (uint8_t)(value >> (8 * i));
}

/* Accesses are within 0xcf8 to 0xcff, but may begin anywhere there. */
static unsigned data_offset(const struct pci *pci, uint16_t port)
{
	return (pci->address & 0xfc) + (port - PORT_DATA);
}

static uint32_t ones(unsigned size)
{
	return UINT32_MAX >> (32 - 8 * size);
}

static uint32_t pci_read(void *state, uint16_t port, unsigned size)
{
	struct pci *pci = state;

	if (port >= PORT_DATA)
		return read_data(pci, data_offset(pci, port), size);
	/* The address register answers only to whole accesses. */
	return port == PORT_ADDRESS && size == 4 ? pci->address : ones(size);
}

static void pci_write(void *state, uint16_t port, unsigned size, uint32_t value)
{
	struct pci *pci = state;

	if (port >= PORT_DATA)
		write_data(pci, data_offset(pci, port), size, value);
	else if (port == PORT_ADDRESS && size == 4)
		pci->address = value & ADDRESS_BITS;
}

struct device pci_device(struct pci *pci)
{
	return (struct device){ .first = PORT_ADDRESS,
		                .last = PORT_DATA + 3,
		                .wide = true,
		                .state = pci,
		                .read = pci_read,
		                .write = pci_write };
}
