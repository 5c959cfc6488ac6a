/* SPDX-License-Identifier: MIT */
#include "console.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include <hy/hy.h>

#define LOOK_MS 100

void console_open(struct console *console, const volatile sig_atomic_t *stop, uint64_t deadline)
{
	struct termios raw;

	*console = (struct console){ .stop = stop, .deadline = deadline };
	if (tcgetattr(STDIN_FILENO, &console->saved) != 0)
		return;
	raw = console->saved;
	raw.c_iflag &= ~(tcflag_t)(ICRNL | INLCR | IGNCR | ISTRIP | IXON);
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ECHONL | IEXTEN);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	console->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

void console_close(struct console *console)
{
	if (console->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &console->saved);
	console->raw = false;
}

int console_get(void *data)
{
	struct console *console = data;
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	uint8_t byte;
	ssize_t n;

	if (console->input_ended || poll(&input, 1, 0) <= 0)
		return -1;
	n = read(STDIN_FILENO, &byte, 1);
	if (n == 1)
		return byte;
	if (n == 0 || (errno != EINTR && errno != EAGAIN))
		console->input_ended = true;
	return -1;
}

/* Signals end the wait; looking again now and then finds one that came just before it. */
static bool wait_for_room(const struct console *console)
{
	struct pollfd output = { .fd = STDOUT_FILENO, .events = POLLOUT };

	do {
		if (poll(&output, 1, LOOK_MS) > 0)
			return true;
	} while (!*console->stop && hy_now() < console->deadline);
	return false;
}

void console_put(void *data, uint8_t byte)
{
	struct console *console = data;

	while (!console->error && wait_for_room(console)) {
		if (write(STDOUT_FILENO, &byte, 1) == 1)
			return;
		if (errno != EINTR && errno != EAGAIN)
			console->error = errno;
	}
}
