/* SPDX-License-Identifier: MIT */
/*
 * The first process of the virtual machine that tests/qemu/run.sh starts: loads
 * KVM, runs the programs that /programs lists, and ends the machine.
 *
 * A line of /programs is "NAME [VARIABLE=VALUE...] PROGRAM [ARGUMENT...]".  On
 * the second serial port, apart from the kernel's messages, each program's
 * output stands between "@begin NAME" and "@end NAME STATUS MILLISECONDS".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* QEMU's isa-debug-exit: after a byte here QEMU ends with 2 * byte + 1. */
#define EXIT_PORT 0x501
#define MAX_WORDS 32

static void leave(int status) __attribute__((noreturn));

static void leave(int status)
{
	tcdrain(STDOUT_FILENO);
	if (ioperm(EXIT_PORT, 1, 1) == 0)
		outb((unsigned char)status, EXIT_PORT);
	/* Only reached where the port isn't there. */
	reboot(RB_AUTOBOOT);
	_exit(status);
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	dprintf(STDOUT_FILENO, "@error %s: %s\n", what, strerror(errno));
	leave(1);
}

static void mount_at(const char *type, const char *where)
{
	mkdir(where, 0755);
	must(mount(type, where, type, 0, NULL) == 0, where);
}

/* Bytes go out as they are written, and nobody's input is awaited. */
static void open_console(const char *path)
{
	struct termios settings;
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);

	must(in >= 0 && out >= 0, path);
	must(dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2, path);
	must(tcgetattr(STDOUT_FILENO, &settings) == 0, path);
	cfmakeraw(&settings);
	must(tcsetattr(STDOUT_FILENO, TCSANOW, &settings) == 0, path);
}

/* A kernel that has one of them built in comes without its file. */
static void load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return;
	must(fd >= 0 && syscall(SYS_finit_module, fd, "", 0) == 0, path);
	close(fd);
}

static void load_kvm(void)
{
	load_module("/modules/irqbypass.ko");
	load_module("/modules/kvm.ko");
	load_module("/modules/kvm-amd.ko");
	must(access("/dev/kvm", R_OK | W_OK) == 0, "/dev/kvm");
}

/* Takes the words of the line that run_all has begun to take apart. */
static void execute(void)
{
	char *argv[MAX_WORDS + 1];
	int argc = 0;

	for (char *word; argc < MAX_WORDS && (word = strtok(NULL, " \n")) != NULL;) {
		if (argc == 0 && strchr(word, '='))
			putenv(word);
		else
			argv[argc++] = word;
	}
	argv[argc] = NULL;
	if (argc > 0)
		execv(argv[0], argv);
	dprintf(STDOUT_FILENO, "can't run %s: %s\n", argc > 0 ? argv[0] : "nothing",
	        strerror(errno));
	_exit(127);
}

/* As a shell has it.  What orphans there are end here too. */
static int wait_for(pid_t child)
{
	pid_t ended;
	int status = 0;

	do
		ended = wait(&status);
	while (ended >= 0 && ended != child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static long milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int run(const char *name)
{
	long start = milliseconds();
	int status;
	pid_t child;

	dprintf(STDOUT_FILENO, "@begin %s\n", name);
	child = fork();
	must(child >= 0, "fork");
	if (child == 0)
		execute();
	status = wait_for(child);
	dprintf(STDOUT_FILENO, "\n@end %s %d %ld\n", name, status, milliseconds() - start);
	return status;
}

/* Returns the worst status. */
static int run_all(const char *path)
{
	FILE *list = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	int worst = 0;

	must(list != NULL, path);
	while (getline(&line, &size, list) > 0) {
		const char *name = strtok(line, " \n");
		int status = name ? run(name) : 0;

		if (status > worst)
			worst = status;
	}
	free(line);
	fclose(list);
	return worst;
}

int main(void)
{
	mount_at("devtmpfs", "/dev");
	mount_at("proc", "/proc");
	mount_at("sysfs", "/sys");
	open_console("/dev/ttyS1");
	load_kvm();
	leave(run_all("/programs"));
}
