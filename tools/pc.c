/* SPDX-License-Identifier: MIT */
#include "pc.h"

void pc_init(struct pc *pc, uint64_t memory, const struct uart_line *line, uint64_t (*now)(void))
{
	uart_init(&pc->com1, line);
	pc->exit_port = (struct exit_port){ .written = false };
	cmos_init(&pc->cmos, memory);
	pit_init(&pc->pit, now);
	pci_init(&pc->pci);

	pc->device[0] = uart_device(&pc->com1, PC_COM1);
	pc->device[1] = exit_port_device(&pc->exit_port, PC_EXIT_PORT);
	pc->device[2] = cmos_device(&pc->cmos);
	pc->device[3] = pit_device(&pc->pit);
	pc->device[4] = pit_gate_device(&pc->pit);
	pc->device[5] = pci_device(&pc->pci);
	pc->bus = (struct bus){ .device = pc->device, .count = PC_DEVICES };
}
