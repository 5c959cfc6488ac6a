/* SPDX-License-Identifier: MIT */
/* hy-run's end of the serial line: standard input and output. */
#ifndef TOOLS_CONSOLE_H
#define TOOLS_CONSOLE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

struct console {
	/* When to give up waiting for a reader: once this is not 0, and at a time of hy_now(). */
	const volatile sig_atomic_t *stop;
	uint64_t deadline;
	bool input_ended;
	int error; /* errno of a failed write; nothing is written any more */
	bool raw;
	struct termios saved;
};

/*
 * Where standard input is a terminal it is switched to hand over each key at
 * once and unechoed; the keys that send signals keep doing so.
 */
void console_open(struct console *console, const volatile sig_atomic_t *stop, uint64_t deadline);
void console_close(struct console *console);

/* The next byte of the input, or -1 when there is none now.  `data` is the console. */
int console_get(void *data);

/* Waits while the output is full.  A byte that it gives up on is lost. */
void console_put(void *data, uint8_t byte);

#endif /* TOOLS_CONSOLE_H */
