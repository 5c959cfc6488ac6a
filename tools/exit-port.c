/* SPDX-License-Identifier: MIT */
#include "exit-port.h"

static uint32_t exit_port_read(void *state, uint16_t port, unsigned size)
{
	(void)state;
	(void)port;
	(void)size;
	return 0xff;
}

static void exit_port_write(void *state, uint16_t port, unsigned size, uint32_t value)
{
	struct exit_port *exit_port = state;

	(void)port;
	(void)size;
	if (exit_port->written)
		return;
	exit_port->written = true;
	exit_port->value = (uint8_t)value;
}

struct device exit_port_device(struct exit_port *exit_port, uint16_t port)
{
	return (struct device){ .first = port,
		                .last = port,
		                .state = exit_port,
		                .read = exit_port_read,
		                .write = exit_port_write };
}

int exit_port_status(const struct exit_port *exit_port)
{
	return (exit_port->value * 2 + 1) & 0xff;
}
