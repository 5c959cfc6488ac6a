/* SPDX-License-Identifier: MIT */
/* Stands in for functions of the C library; linked into the program, so that it comes first. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "inject.h"

struct inject *inject_state;

/* --- Kinds ------------------------------------------------------------------------- */

static const struct {
	const char *name, *word;
} kinds[] = {
	[INJECT_NONE] = { "none", "" },
	[INJECT_MALLOC] = { "malloc", "memory" },
	[INJECT_CALLOC] = { "calloc", "memory" },
	[INJECT_REALLOC] = { "realloc", "memory" },
	[INJECT_STRDUP] = { "strdup", "memory" },
	[INJECT_STRNDUP] = { "strndup", "memory" },
	[INJECT_OPEN] = { "open", "EMFILE" },
	[INJECT_MMAP] = { "mmap", "m" },
	[INJECT_THREAD] = { "pthread_create", "thread" },
	[INJECT_SIGMASK] = { "pthread_sigmask", "signal" },
	[INJECT_SETMASK] = { "pthread_sigmask for a thread", "thread" },
	[INJECT_OP_PROBE] = { "op probe", "injected" },
	[INJECT_OP_OPEN] = { "op open", "injected" },
	[INJECT_OP_CAP] = { "op cap", "injected" },
	[INJECT_OP_CPUID] = { "op x86_cpuid", "injected" },
	[INJECT_OP_VM_CREATE] = { "op vm_create", "injected" },
	[INJECT_OP_MAP] = { "op memory_map", "injected" },
	[INJECT_OP_UNMAP] = { "op memory_unmap", "injected" },
	[INJECT_OP_VCPU_CREATE] = { "op vcpu_create", "injected" },
	[INJECT_OP_BIND] = { "op vcpu_bind", "injected" },
	[INJECT_OP_RESET] = { "op vcpu_reset", "injected" },
	[INJECT_OP_RUN] = { "op vcpu_run", "injected" },
	[INJECT_OP_COMPLETE] = { "op vcpu_complete", "injected" },
	[INJECT_OP_GET_REGS] = { "op vcpu_get_regs", "injected" },
	[INJECT_OP_SET_REGS] = { "op vcpu_set_regs", "injected" },
	[INJECT_OP_GET_XSAVE] = { "op x86_get_xsave", "injected" },
	[INJECT_OP_SET_XSAVE] = { "op x86_set_xsave", "injected" },
};

#define REQUEST(name) { name, #name }
static const struct {
	unsigned long request;
	const char *name;
} requests[] = {
	REQUEST(KVM_GET_API_VERSION),
	REQUEST(KVM_CHECK_EXTENSION),
	REQUEST(KVM_CREATE_VM),
	REQUEST(KVM_GET_VCPU_MMAP_SIZE),
	REQUEST(KVM_GET_SUPPORTED_CPUID),
	REQUEST(KVM_ENABLE_CAP),
	REQUEST(KVM_X86_SET_MSR_FILTER),
	REQUEST(KVM_SET_IDENTITY_MAP_ADDR),
	REQUEST(KVM_SET_TSS_ADDR),
	REQUEST(KVM_SET_USER_MEMORY_REGION),
	REQUEST(KVM_CREATE_VCPU),
	REQUEST(KVM_SET_CPUID2),
	REQUEST(KVM_SET_SIGNAL_MASK),
	REQUEST(KVM_RUN),
	REQUEST(KVM_GET_REGS),
	REQUEST(KVM_SET_REGS),
	REQUEST(KVM_GET_SREGS),
	REQUEST(KVM_SET_SREGS),
	REQUEST(KVM_GET_DEBUGREGS),
	REQUEST(KVM_SET_DEBUGREGS),
	REQUEST(KVM_GET_XCRS),
	REQUEST(KVM_SET_XCRS),
	REQUEST(KVM_GET_MSRS),
	REQUEST(KVM_SET_MSRS),
	REQUEST(KVM_GET_XSAVE),
	REQUEST(KVM_GET_XSAVE2),
	REQUEST(KVM_SET_XSAVE),
	REQUEST(KVM_GET_VCPU_EVENTS),
	REQUEST(KVM_SET_VCPU_EVENTS),
	REQUEST(KVM_TRANSLATE),
};
#define REQUESTS (sizeof(requests) / sizeof(requests[0]))
#define OTHER_REQUEST (INJECT_IOCTL + REQUESTS)

_Static_assert(OTHER_REQUEST < INJECT_KINDS, "inject.h has too few kinds");

const char *inject_name(unsigned kind)
{
	if (kind < INJECT_IOCTL)
		return kinds[kind].name;
	return kind < OTHER_REQUEST ? requests[kind - INJECT_IOCTL].name : "another ioctl";
}

const char *inject_word(unsigned kind)
{
	if (kind < INJECT_IOCTL)
		return kinds[kind].word;
	/* A capability that can't be asked for is absent, whatever follows from that. */
	if (kind >= OTHER_REQUEST || requests[kind - INJECT_IOCTL].request == KVM_CHECK_EXTENSION)
		return "";
	return requests[kind - INJECT_IOCTL].name;
}

/* --- Whose calls, and which ------------------------------------------------------------ */

/* getpid() without what the C library might do. */
static bool is_case(void)
{
	return inject_state && inject_state->pid == (pid_t)syscall(SYS_getpid);
}

bool inject_call(unsigned kind)
{
	struct inject *state = inject_state;
	unsigned n;

	if (!is_case())
		return false;
	n = __atomic_add_fetch(&state->calls[kind], 1, __ATOMIC_RELAXED);
	if (kind != state->kind || n != state->at)
		return false;
	__atomic_store_n(&state->fired, 1, __ATOMIC_RELEASE);
	return true;
}

void inject_object(int change)
{
	if (is_case())
		__atomic_add_fetch(&inject_state->objects, change, __ATOMIC_SEQ_CST);
}

#ifndef INJECT_IMPOSSIBLE

/* Whether code of libhy or its plugin has called. */
static bool is_ours(const void *caller)
{
	const char *name;
	Dl_info info;

	if (!is_case() || dladdr(caller, &info) == 0 || !info.dli_fname)
		return false;
	name = strrchr(info.dli_fname, '/');
	name = name ? name + 1 : info.dli_fname;
	if (strncmp(name, "libhy.", 6) == 0)
		return true;
	return strncmp(name, "hy-backend-", 11) == 0 && strncmp(name, "hy-backend-shim.", 16) != 0;
}

static bool must_fail(const void *caller, unsigned kind, int err)
{
	if (!is_ours(caller) || !inject_call(kind))
		return false;
	errno = err;
	return true;
}

#define CALLER __builtin_extract_return_addr(__builtin_return_address(0))

/* From here on the functions are for everybody in the process. */
#pragma GCC visibility push(default)

/* --- Memory ------------------------------------------------------------------------------ */

/* The C library's own, under the names that are there for this. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void __libc_free(void *block);

/* What libhy and the plugin have allocated: a hash table with linear probing. */
#define LIVE_ROOM 65536u
static void *live[LIVE_ROOM];
static pthread_mutex_t live_lock = PTHREAD_MUTEX_INITIALIZER;

static unsigned live_home(const void *block)
{
	return ((unsigned)((uintptr_t)block >> 4) * 2654435761u) >> 16;
}

static unsigned live_find(const void *block)
{
	unsigned i = live_home(block);

	while (live[i] && live[i] != block)
		i = (i + 1) % LIVE_ROOM;
	return i;
}

static void *live_add(const void *caller, void *block)
{
	if (!block || !is_ours(caller))
		return block;
	pthread_mutex_lock(&live_lock);
	if (inject_state->live < LIVE_ROOM / 2) {
		live[live_find(block)] = block;
		inject_state->live++;
	}
	pthread_mutex_unlock(&live_lock);
	return block;
}

/* Empties a place, and moves up those behind it that would not be found any more. */
static void live_empty(unsigned hole)
{
	live[hole] = NULL;
	for (unsigned i = (hole + 1) % LIVE_ROOM; live[i]; i = (i + 1) % LIVE_ROOM) {
		void *block = live[i];

		live[i] = NULL;
		live[live_find(block)] = block;
	}
}

/* Whether it was one of ours. */
static bool live_remove(const void *block)
{
	unsigned place;
	bool found;

	if (!block || !is_case() || inject_state->live == 0)
		return false;
	pthread_mutex_lock(&live_lock);
	place = live_find(block);
	found = live[place] != NULL;
	if (found) {
		live_empty(place);
		inject_state->live--;
	}
	pthread_mutex_unlock(&live_lock);
	return found;
}

void *malloc(size_t size)
{
	return must_fail(CALLER, INJECT_MALLOC, ENOMEM) ? NULL : live_add(CALLER, __libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
	return must_fail(CALLER, INJECT_CALLOC, ENOMEM) ? NULL : live_add(CALLER, __libc_calloc(count, size));
}

void *realloc(void *old, size_t size)
{
	void *block;

	if (must_fail(CALLER, INJECT_REALLOC, ENOMEM))
		return NULL;
	/* Out of the table first: once freed, the address may be another thread's. */
	live_remove(old);
	block = __libc_realloc(old, size);
	return live_add(CALLER, block ? block : old) ? block : NULL;
}

void free(void *block)
{
	live_remove(block);
	__libc_free(block);
}

static char *copy_string(const char *text, size_t length)
{
	char *copy = __libc_malloc(length + 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

char *strdup(const char *text)
{
	if (must_fail(CALLER, INJECT_STRDUP, ENOMEM))
		return NULL;
	return live_add(CALLER, copy_string(text, strlen(text)));
}

char *strndup(const char *text, size_t most)
{
	if (must_fail(CALLER, INJECT_STRNDUP, ENOMEM))
		return NULL;
	return live_add(CALLER, copy_string(text, strnlen(text, most)));
}

/* --- The kernel ------------------------------------------------------------------------------ */

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if (flags & O_CREAT) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	if (must_fail(CALLER, INJECT_OPEN, EMFILE))
		return -1;
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static unsigned request_kind(unsigned long request)
{
	unsigned i = 0;

	/* A request is a C int, whose sign some callers extend. */
	while (i < REQUESTS && (uint32_t)requests[i].request != (uint32_t)request)
		i++;
	return INJECT_IOCTL + i;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (must_fail(CALLER, request_kind(request), EIO))
		return -1;
	return (int)syscall(SYS_ioctl, fd, request, arg);
}

void *mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
	if (must_fail(CALLER, INJECT_MMAP, ENOMEM))
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, addr, size, prot, flags, fd, offset);
}

/* --- Threads ------------------------------------------------------------------------------------ */

/* The C library's function behind ours. */
#define NEXT(name) next_##name = (__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name)

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *arg)
{
	__typeof__(&pthread_create) NEXT(pthread_create);
	int err;

	if (must_fail(CALLER, INJECT_THREAD, EAGAIN))
		return EAGAIN;
	err = next_pthread_create(thread, attributes, start, arg);
	if (err == 0 && is_case() && !is_ours(CALLER))
		__atomic_add_fetch(&inject_state->case_threads, 1, __ATOMIC_SEQ_CST);
	return err;
}

int pthread_join(pthread_t thread, void **result)
{
	__typeof__(&pthread_join) NEXT(pthread_join);
	int err = next_pthread_join(thread, result);

	if (err == 0 && is_case() && !is_ours(CALLER))
		__atomic_sub_fetch(&inject_state->case_threads, 1, __ATOMIC_SEQ_CST);
	return err;
}

int pthread_sigmask(int how, const sigset_t *set, sigset_t *before)
{
	__typeof__(&pthread_sigmask) NEXT(pthread_sigmask);

	/* Who doesn't ask what was before undoes something, which can't fail in earnest. */
	if (before && must_fail(CALLER, how == SIG_SETMASK ? INJECT_SETMASK : INJECT_SIGMASK, EINVAL))
		return EINVAL;
	return next_pthread_sigmask(how, set, before);
}

#endif /* INJECT_IMPOSSIBLE */
