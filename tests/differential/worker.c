/* SPDX-License-Identifier: MIT */
/*
 * Runs cases in a child process: some end it.  The child lives from batch to batch;
 * one that dies costs the case that it was at.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker.h"

#define SECONDS 20

struct shared {
	size_t first, count;
	volatile size_t done;
	struct df_case cases[DF_BATCH];
	struct df_result results[DF_BATCH];
};

static struct shared *shared;
static pid_t child;
static int to_child[2], from_child[2];

static void serve(bool (*open)(void), void (*run)(const struct df_case *c, struct df_result *result))
{
	char byte = 0;

	if (!open())
		_exit(1);
	while (read(to_child[0], &byte, 1) == 1) {
		alarm(SECONDS);
		for (size_t i = shared->first; i < shared->count; i++) {
			run(&shared->cases[i], &shared->results[i]);
			shared->done = i + 1;
		}
		alarm(0);
		if (write(from_child[1], &byte, 1) != 1)
			break;
	}
	_exit(0);
}

static bool start(bool (*open)(void), void (*run)(const struct df_case *c, struct df_result *result))
{
	if (pipe(to_child) || pipe(from_child))
		return false;
	child = fork();
	if (child < 0)
		return false;
	if (!child) {
		close(to_child[1]);
		close(from_child[0]);
		serve(open, run);
	}
	close(to_child[0]);
	close(from_child[1]);
	return true;
}

static void stop(void)
{
	if (!child)
		return;
	close(to_child[1]);
	close(from_child[0]);
	waitpid(child, NULL, 0);
	child = 0;
}

/* Has the child run what is left; false when it died. */
static bool ask(void)
{
	char byte = 0;

	return write(to_child[1], &byte, 1) == 1 && read(from_child[0], &byte, 1) == 1;
}

void df_worker_run(bool (*open)(void), void (*run)(const struct df_case *c, struct df_result *result),
                   const struct df_case *cases, struct df_result *results, size_t count)
{
	if (!shared) {
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (shared == MAP_FAILED)
			abort();
		signal(SIGPIPE, SIG_IGN);
	}
	memcpy(shared->cases, cases, count * sizeof(*cases));
	shared->first = shared->done = 0;
	shared->count = count;
	while (shared->done < count) {
		if (!child && !start(open, run))
			abort();
		if (ask())
			break;
		stop();
		memset(&shared->results[shared->done], 0, sizeof(shared->results[0]));
		shared->results[shared->done].outcome = DF_LOST;
		shared->results[shared->done].text = "it ended its process";
		shared->first = ++shared->done;
	}
	memcpy(results, shared->results, count * sizeof(*results));
}

void df_worker_renew(void)
{
	stop();
}

void df_worker_close(void)
{
	stop();
	if (shared)
		munmap(shared, sizeof(*shared));
}
