/* SPDX-License-Identifier: MIT */
/* What the parts of hy-run share. */
#ifndef TOOLS_HY_RUN_H
#define TOOLS_HY_RUN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hy/hy.h>

#include "console.h"
#include "pc.h"

/*
 * How the process ends, apart from 128 + a signal's number.  A guest's own
 * status, given at the exit port, is odd; these are even.
 */
enum status {
	STATUS_HALTED = 0,       /* with interrupts off, or power off */
	STATUS_USAGE = 2,        /* bad option, or an image that can't be used */
	STATUS_SHUTDOWN = 64,    /* triple fault, or reset */
	STATUS_FAULT = 66,       /* the guest can't go on */
	STATUS_TIMEOUT = 68,     /* --timeout */
	STATUS_FAILED = 70,      /* of the library or the system */
	STATUS_NO_BACKEND = 72,  /* none could be opened */
	STATUS_HALTED_IRQ = 74,  /* with interrupts on, of which there is no source */
	STATUS_SIGNAL = 128
};

struct settings {
	const char *backend; /* NULL: HY_BACKEND's business */
	const char *image;
	uint64_t memory;  /* bytes */
	uint64_t timeout; /* nanoseconds; 0: none */
	uint64_t address; /* where a flat image goes */
	bool firmware;
	bool shadow; /* the firmware is writable */
	bool trace;
};

/* --- hy-run.c ---------------------------------------------------------------- */

/* Writes "hy-run: ..." and a line end to standard error. */
void complain(const char *format, ...) HY_PRINTF(1, 2);
/* Complains of what a libhy call said, and returns `status`. */
int complain_hy(int status);

/* --- run-image.c: the guest's memory and registers ---------------------------- */

struct image {
	uint8_t *bytes;
	size_t size;
};

/* 0, or a status after a complaint. */
int image_read(const struct settings *settings, struct image *image);
void image_free(struct image *image);
int image_load(const struct settings *settings, const struct image *image, struct hy_host *host,
               struct hy_vm *vm);
int image_start(const struct settings *settings, struct hy_vcpu *vcpu);

/* --- run-loop.c: the guest's exits -------------------------------------------- */

struct run {
	struct hy_vcpu *vcpu;
	struct pc *pc;
	struct console *console;
	const volatile sig_atomic_t *signal; /* the one that came, or 0 */
	bool kick_by_signal;                 /* its handler kicks the vCPU */
	uint64_t deadline;                   /* of hy_now(); UINT64_MAX: none */
	bool trace;
};

/* Runs the guest to its end and returns the process's status. */
int run_guest(const struct run *run);

/* --- run-dump.c ----------------------------------------------------------------- */

/* Writes the vCPU's registers to standard error. */
void dump_registers(struct hy_vcpu *vcpu);

#endif /* TOOLS_HY_RUN_H */
