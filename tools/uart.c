/* SPDX-License-Identifier: MIT */
/* Register names and bits are those of National's PC16550D data sheet. */
#include "uart.h"

#include <string.h>

enum { RBR_THR_DLL, IER_DLM, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

#define IER_BITS 0x0f
#define IER_RECEIVED 0x01
#define IER_THR_EMPTY 0x02
#define IER_LINE_STATUS 0x04
#define IER_MODEM_STATUS 0x08
#define IIR_NONE 0x01
#define IIR_MODEM_STATUS 0x00
#define IIR_THR_EMPTY 0x02
#define IIR_RECEIVED 0x04
#define IIR_LINE_STATUS 0x06
#define IIR_FIFOS 0xc0
#define FCR_ENABLE 0x01
#define FCR_CLEAR_RECEIVER 0x02
#define FCR_CLEAR_TRANSMITTER 0x04
#define LCR_DLAB 0x80
#define MCR_BITS 0x1f
#define MCR_DTR 0x01
#define MCR_RTS 0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08
#define MCR_LOOPBACK 0x10
#define LSR_DATA_READY 0x01
#define LSR_OVERRUN 0x02
#define LSR_EMPTY 0x60 /* THR and shift register */
#define MSR_CTS 0x10
#define MSR_DSR 0x20
#define MSR_RI 0x40
#define MSR_DCD 0x80
#define MSR_DELTA_RI 0x04

static void clear_receiver(struct uart *uart)
{
	uart->head = 0;
	uart->used = 0;
}

static void receive(struct uart *uart, uint8_t byte)
{
	unsigned depth = uart->fcr & FCR_ENABLE ? UART_FIFO_SIZE : 1;

	if (uart->used >= depth) {
		uart->overrun = true;
		return;
	}
	uart->fifo[(uart->head + uart->used) % UART_FIFO_SIZE] = byte;
	uart->used++;
}

/* Looks at the line only when the guest asks, and only when there is room. */
static void poll_line(struct uart *uart)
{
	int byte;

	if (uart->used || uart->mcr & MCR_LOOPBACK)
		return;
	byte = uart->line.get(uart->line.data);
	if (byte >= 0)
		receive(uart, (uint8_t)byte);
}

static uint8_t read_data(struct uart *uart)
{
	uint8_t byte = 0;

	poll_line(uart);
	if (uart->used) {
		byte = uart->fifo[uart->head];
		uart->head = (uart->head + 1) % UART_FIFO_SIZE;
		uart->used--;
	}
	return byte;
}

static void write_data(struct uart *uart, uint8_t byte)
{
	if (uart->mcr & MCR_LOOPBACK)
		receive(uart, byte);
	else
		uart->line.put(uart->line.data, byte);
}

static uint8_t read_iir(struct uart *uart)
{
	uint8_t fifos = uart->fcr & FCR_ENABLE ? IIR_FIFOS : 0;

	poll_line(uart);
	if (uart->ier & IER_LINE_STATUS && uart->overrun)
		return fifos | IIR_LINE_STATUS;
	if (uart->ier & IER_RECEIVED && uart->used)
		return fifos | IIR_RECEIVED;
	if (uart->ier & IER_THR_EMPTY)
		return fifos | IIR_THR_EMPTY;
	if (uart->ier & IER_MODEM_STATUS && uart->modem_delta)
		return fifos | IIR_MODEM_STATUS;
	return fifos | IIR_NONE;
}

static void write_fcr(struct uart *uart, uint8_t value)
{
	/* Switching the FIFOs on or off empties them. */
	if ((uart->fcr ^ value) & FCR_ENABLE || value & FCR_CLEAR_RECEIVER)
		clear_receiver(uart);
	uart->fcr = value & (uint8_t)~(FCR_CLEAR_RECEIVER | FCR_CLEAR_TRANSMITTER);
}

static uint8_t read_lsr(struct uart *uart)
{
	uint8_t value = LSR_EMPTY;

	poll_line(uart);
	if (uart->used)
		value |= LSR_DATA_READY;
	if (uart->overrun)
		value |= LSR_OVERRUN;
	uart->overrun = false;
	return value;
}

/* The modem lines: those of a connected terminal, or one's own in loopback. */
static uint8_t modem_lines(uint8_t mcr)
{
	uint8_t lines = 0;

	if (!(mcr & MCR_LOOPBACK))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	if (mcr & MCR_RTS)
		lines |= MSR_CTS;
	if (mcr & MCR_DTR)
		lines |= MSR_DSR;
	if (mcr & MCR_OUT1)
		lines |= MSR_RI;
	if (mcr & MCR_OUT2)
		lines |= MSR_DCD;
	return lines;
}

static void write_mcr(struct uart *uart, uint8_t value)
{
	uint8_t before = modem_lines(uart->mcr);
	uint8_t after = modem_lines(value);
	uint8_t delta = (before ^ after) >> 4;

	/* Of RI only the end is told. */
	if (after & MSR_RI)
		delta &= (uint8_t)~MSR_DELTA_RI;
	uart->modem_delta |= delta;
	uart->mcr = value & MCR_BITS;
}

static uint8_t read_msr(struct uart *uart)
{
	uint8_t value = modem_lines(uart->mcr) | uart->modem_delta;

	uart->modem_delta = 0;
	return value;
}

static uint32_t uart_read(void *state, uint16_t port, unsigned size)
{
	struct uart *uart = state;
	bool dlab = uart->lcr & LCR_DLAB;

	(void)size;
	switch (port & 7) {
	case RBR_THR_DLL:
		return dlab ? uart->dll : read_data(uart);
	case IER_DLM:
		return dlab ? uart->dlm : uart->ier;
	case IIR_FCR:
		return read_iir(uart);
	case LCR:
		return uart->lcr;
	case MCR:
		return uart->mcr;
	case LSR:
		return read_lsr(uart);
	case MSR:
		return read_msr(uart);
	default:
		return uart->scr;
	}
}

static void uart_write(void *state, uint16_t port, unsigned size, uint32_t value)
{
	struct uart *uart = state;
	uint8_t byte = (uint8_t)value;
	bool dlab = uart->lcr & LCR_DLAB;

	(void)size;
	switch (port & 7) {
	case RBR_THR_DLL:
		if (dlab)
			uart->dll = byte;
		else
			write_data(uart, byte);
		break;
	case IER_DLM:
		if (dlab)
			uart->dlm = byte;
		else
			uart->ier = byte & IER_BITS;
		break;
	case IIR_FCR:
		write_fcr(uart, byte);
		break;
	case LCR:
		uart->lcr = byte;
		break;
	case MCR:
		write_mcr(uart, byte);
		break;
	case SCR:
		uart->scr = byte;
		break;
	default: /* LSR and MSR are for reading */
		break;
	}
}

void uart_init(struct uart *uart, const struct uart_line *line)
{
	memset(uart, 0, sizeof(*uart));
	uart->line = *line;
	uart->dll = 1; /* 115200 baud */
}

struct device uart_device(struct uart *uart, uint16_t first)
{
	return (struct device){ .first = first,
		                .last = (uint16_t)(first + 7),
		                .state = uart,
		                .read = uart_read,
		                .write = uart_write };
}
