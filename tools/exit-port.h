/* SPDX-License-Identifier: MIT */
/* The port by which a guest ends its run and gives a status. */
#ifndef TOOLS_EXIT_PORT_H
#define TOOLS_EXIT_PORT_H

#include "device.h"

struct exit_port {
	bool written;
	uint8_t value; /* the first that was written */
};

struct device exit_port_device(struct exit_port *exit_port, uint16_t port);

/* The process's status for what was written: odd, to tell it from hy-run's own. */
int exit_port_status(const struct exit_port *exit_port);

#endif /* TOOLS_EXIT_PORT_H */
