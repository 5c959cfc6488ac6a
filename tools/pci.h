/* SPDX-License-Identifier: MIT */
/*
 * Just enough of a PC's PCI bus 0 for firmware that looks which chipset it
 * runs on: Intel's 440FX host bridge and the PIIX3 ISA bridge, by way of
 * configuration mechanism #1 (ports 0xcf8 to 0xcff).
 */
#ifndef TOOLS_PCI_H
#define TOOLS_PCI_H

#include "device.h"

#define PCI_FUNCTIONS 2
#define PCI_CONFIG_SIZE 256

struct pci {
	uint32_t address; /* what was written to 0xcf8 */
	uint8_t config[PCI_FUNCTIONS][PCI_CONFIG_SIZE];
};

void pci_init(struct pci *pci);

struct device pci_device(struct pci *pci);

#endif /* TOOLS_PCI_H */
