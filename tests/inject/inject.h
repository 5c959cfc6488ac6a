/* SPDX-License-Identifier: MIT */
/*
 * Making calls fail.  A kind is one function, one request of KVM or one
 * operation of the backend; the order is "the Nth call of that kind".
 *
 * inject.c stands in for the C library's functions and looks at calls out of
 * libhy and the plugin only; shim.c stands in for the plugin's operations.
 */
#ifndef HY_TESTS_INJECT_H
#define HY_TESTS_INJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The sanitizers stand in for the same functions; __libc_malloc is glibc's. */
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define INJECT_IMPOSSIBLE
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define INJECT_IMPOSSIBLE
#endif
#endif

enum inject_kind {
	INJECT_NONE,
	/* Functions. */
	INJECT_MALLOC,
	INJECT_CALLOC,
	INJECT_REALLOC,
	INJECT_STRDUP,
	INJECT_STRNDUP,
	INJECT_OPEN,
	INJECT_MMAP,
	INJECT_THREAD,
	INJECT_SIGMASK, /* SIG_BLOCK, of the plugin */
	INJECT_SETMASK, /* SIG_SETMASK, before the library starts a thread */
	/* Operations of the backend. */
	INJECT_OP_PROBE,
	INJECT_OP_OPEN,
	INJECT_OP_CAP,
	INJECT_OP_CPUID,
	INJECT_OP_VM_CREATE,
	INJECT_OP_MAP,
	INJECT_OP_UNMAP,
	INJECT_OP_VCPU_CREATE,
	INJECT_OP_BIND,
	INJECT_OP_RESET,
	INJECT_OP_RUN,
	INJECT_OP_COMPLETE,
	INJECT_OP_GET_REGS,
	INJECT_OP_SET_REGS,
	INJECT_OP_GET_XSAVE,
	INJECT_OP_SET_XSAVE,
	/* Requests of ioctl: by their place in inject.c's table, the last is "any other". */
	INJECT_IOCTL,
	INJECT_KINDS = INJECT_IOCTL + 48
};

/* Shared by the driver and the process of a case. */
struct inject {
	/* The order; INJECT_NONE only counts. */
	unsigned kind;
	unsigned at;

	pid_t pid; /* the case's; other processes are left alone.  0: nobody is yet */
	unsigned fired;
	unsigned calls[INJECT_KINDS];

	long live;         /* allocations of libhy and the plugin that nobody has freed */
	long case_threads; /* that the case itself has begun and not joined */
	long objects;      /* hosts, VMs and vCPUs that are with the plugin */
};

/* The shim finds these in the program. */
#pragma GCC visibility push(default)

/* Before the first case: what this process counts in. */
extern struct inject *inject_state;

/* Counts a call; whether it must fail. */
bool inject_call(unsigned kind);

/* Notes that an object is with the plugin (1), or no longer (-1). */
void inject_object(int change);

const char *inject_name(unsigned kind);
/* A word that must be in the failure's text. */
const char *inject_word(unsigned kind);

#pragma GCC visibility pop

/* --- end.c: how the case of a run ends ---------------------------------------- */

/* The exit status of its process. */
enum run_status {
	RUN_PASSED = 0,
	RUN_ENDED = 10,    /* the failure came out, was named, and left nothing behind */
	RUN_SKIPPED,       /* the case says that it can't be run */
	RUN_INCONCLUSIVE,  /* its objects can't be ended: other threads use them */
	RUN_BROKEN,        /* the case failed though no call did */
	RUN_UNNAMED,       /* hy_error() doesn't tell of the call that failed */
	RUN_LEAKED,
	RUN_UNCLEAN        /* ending what was left failed */
};

extern const struct unwind inject_unwind;

/* objects.c: ends what the case has; false, with a complaint, when one can't be ended. */
bool inject_end_objects(void);

#endif /* HY_TESTS_INJECT_H */
