/* SPDX-License-Identifier: MIT */
/* The machine around hy-run's vCPU: the devices on its port bus. */
#ifndef TOOLS_PC_H
#define TOOLS_PC_H

#include "cmos.h"
#include "device.h"
#include "exit-port.h"
#include "pci.h"
#include "pit.h"
#include "uart.h"

#define PC_DEVICES 6
#define PC_COM1 0x3f8
#define PC_EXIT_PORT 0xf4

struct pc {
	struct uart com1;
	struct exit_port exit_port;
	struct cmos cmos;
	struct pit pit;
	struct pci pci;
	struct device device[PC_DEVICES];
	struct bus bus;
};

/* `memory` in bytes.  The PC must stay where it is: its devices point into it. */
void pc_init(struct pc *pc, uint64_t memory, const struct uart_line *line, uint64_t (*now)(void));

#endif /* TOOLS_PC_H */
