/* SPDX-License-Identifier: MIT */
/*
 * A 16550A serial port, polled: it raises no interrupt.  What the guest sends
 * is put out at once, so the transmitter is always empty.
 */
#ifndef TOOLS_UART_H
#define TOOLS_UART_H

#include "device.h"

#define UART_FIFO_SIZE 16

/* The other end of the line. */
struct uart_line {
	int (*get)(void *data); /* the next byte, or -1 when there is none now */
	void (*put)(void *data, uint8_t byte);
	void *data;
};

struct uart {
	struct uart_line line;
	uint8_t ier, fcr, lcr, mcr, scr;
	uint8_t dll, dlm;
	uint8_t modem_delta; /* MSR bits 0-3 since the last read */
	bool overrun;
	uint8_t fifo[UART_FIFO_SIZE]; /* received, not read yet */
	unsigned head, used;
};

void uart_init(struct uart *uart, const struct uart_line *line);

/* The device at ports `first` to `first` + 7. */
struct device uart_device(struct uart *uart, uint16_t first);

#endif /* TOOLS_UART_H */
