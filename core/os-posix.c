/* SPDX-License-Identifier: MIT */
/* os.h on POSIX systems. */
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#ifdef HAVE_GETAUXVAL
#include <sys/auxv.h>
#endif

#include <hy/hy.h>

#include "os.h"

#define NS_PER_S 1000000000u

/* --- Locks ------------------------------------------------------------------ */

/* A lock that can't be had for want of memory or other resources. */
static int lock_status(int err)
{
	return err == 0 ? 0 : HY_E_NOMEM;
}

int hy__mutex_init(struct hy__mutex *mutex)
{
	return lock_status(pthread_mutex_init(&mutex->impl, NULL));
}

void hy__mutex_destroy(struct hy__mutex *mutex)
{
	pthread_mutex_destroy(&mutex->impl);
}

void hy__mutex_lock(struct hy__mutex *mutex)
{
	pthread_mutex_lock(&mutex->impl);
}

void hy__mutex_unlock(struct hy__mutex *mutex)
{
	pthread_mutex_unlock(&mutex->impl);
}

int hy__rwlock_init(struct hy__rwlock *lock)
{
	return lock_status(pthread_rwlock_init(&lock->impl, NULL));
}

void hy__rwlock_destroy(struct hy__rwlock *lock)
{
	pthread_rwlock_destroy(&lock->impl);
}

void hy__rwlock_read(struct hy__rwlock *lock)
{
	pthread_rwlock_rdlock(&lock->impl);
}

void hy__rwlock_write(struct hy__rwlock *lock)
{
	pthread_rwlock_wrlock(&lock->impl);
}

void hy__rwlock_unlock(struct hy__rwlock *lock)
{
	pthread_rwlock_unlock(&lock->impl);
}

/* --- Conditions --------------------------------------------------------------- */

#ifdef HAVE_PTHREAD_CONDATTR_SETCLOCK
int hy__cond_init(struct hy__cond *cond)
{
	pthread_condattr_t attr;
	int err = pthread_condattr_init(&attr);

	if (err != 0)
		return lock_status(err);
	err = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (err == 0)
		err = pthread_cond_init(&cond->impl, &attr);
	pthread_condattr_destroy(&attr);
	return lock_status(err);
}

static void wait_until(struct hy__cond *cond, struct hy__mutex *mutex, uint64_t until)
{
	struct timespec at = {
		.tv_sec = (time_t)(until / NS_PER_S),
		.tv_nsec = (long)(until % NS_PER_S),
	};

	pthread_cond_timedwait(&cond->impl, &mutex->impl, &at);
}
#else /* macOS: its conditions know the real-time clock and relative times */
int hy__cond_init(struct hy__cond *cond)
{
	return lock_status(pthread_cond_init(&cond->impl, NULL));
}

static void wait_until(struct hy__cond *cond, struct hy__mutex *mutex, uint64_t until)
{
	uint64_t now = hy_now();
	uint64_t left = until > now ? until - now : 0;
	struct timespec in = {
		.tv_sec = (time_t)(left / NS_PER_S),
		.tv_nsec = (long)(left % NS_PER_S),
	};

	pthread_cond_timedwait_relative_np(&cond->impl, &mutex->impl, &in);
}
#endif

void hy__cond_destroy(struct hy__cond *cond)
{
	pthread_cond_destroy(&cond->impl);
}

void hy__cond_wait(struct hy__cond *cond, struct hy__mutex *mutex, uint64_t until)
{
	if (until == UINT64_MAX)
		pthread_cond_wait(&cond->impl, &mutex->impl);
	else
		wait_until(cond, mutex, until);
}

void hy__cond_broadcast(struct hy__cond *cond)
{
	pthread_cond_broadcast(&cond->impl);
}

/* --- Threads -------------------------------------------------------------------- */

static void *thread_main(void *arg)
{
	struct hy__thread *thread = arg;

	thread->run(thread->arg);
	return NULL;
}

int hy__thread_start(struct hy__thread *thread, void (*run)(void *), void *arg)
{
	sigset_t all, before;
	int err;

	thread->run = run;
	thread->arg = arg;
	/* The program's signals are not for the library's threads. */
	sigfillset(&all);
	err = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (err != 0)
		return lock_status(err);
	err = pthread_create(&thread->impl, NULL, thread_main, thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return lock_status(err);
}

void hy__thread_join(struct hy__thread *thread)
{
	pthread_join(thread->impl, NULL);
}

void hy__thread_yield(void)
{
	sched_yield();
}

uint64_t hy__thread_self(void)
{
	/* pthread_t values and addresses come again after a thread's end. */
	static _Atomic uint64_t last;
	static _Thread_local uint64_t self;

	if (self == 0)
		self = atomic_fetch_add(&last, 1) + 1;
	return self;
}

/* --- Fork --------------------------------------------------------------------------- */

static atomic_uint fork_generation;

static void in_child(void)
{
	atomic_fetch_add(&fork_generation, 1);
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, in_child);
}

unsigned hy__fork_generation(void)
{
	return atomic_load_explicit(&fork_generation, memory_order_relaxed);
}

void hy__watch_forks(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, watch_forks);
}

/* --- Memory, time, rights ------------------------------------------------------------- */

void *hy__pages_alloc(uint64_t size)
{
	void *pages;

	if (size > SIZE_MAX)
		return NULL;
	/* Guest memory is mostly never touched: don't count all of it. */
	pages = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
	             0);
	return pages == MAP_FAILED ? NULL : pages;
}

void hy__pages_free(void *pages, uint64_t size)
{
	munmap(pages, (size_t)size);
}

uint64_t hy_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

int hy__kick_signal(void)
{
	return SIGURG; /* ignored by default */
}

bool hy__elevated(void)
{
#if defined(HAVE_GETAUXVAL)
	return getauxval(AT_SECURE) != 0;
#elif defined(HAVE_ISSETUGID)
	return issetugid() != 0;
#else
	return getuid() != geteuid() || getgid() != getegid();
#endif
}

/* --- Names of errors -------------------------------------------------------------------- */

#define NAMED(code) { code, #code }

static const struct {
	int code;
	const char *name;
} errno_names[] = {
	NAMED(EPERM),  NAMED(ENOENT),  NAMED(EINTR),  NAMED(EIO),    NAMED(ENXIO),  NAMED(E2BIG),
	NAMED(EBADF),  NAMED(EAGAIN),  NAMED(ENOMEM), NAMED(EACCES), NAMED(EFAULT), NAMED(EBUSY),
	NAMED(EEXIST), NAMED(ENODEV),  NAMED(ENOTDIR), NAMED(EISDIR), NAMED(EINVAL), NAMED(ENFILE),
	NAMED(EMFILE), NAMED(ENOTTY),  NAMED(EFBIG),  NAMED(ENOSPC), NAMED(ENOSYS), NAMED(ELOOP),
	NAMED(ENAMETOOLONG), NAMED(EOPNOTSUPP), NAMED(ETIMEDOUT), NAMED(EOVERFLOW),
};

const char *hy__errno_name(int64_t code)
{
	for (size_t i = 0; i < sizeof(errno_names) / sizeof(errno_names[0]); i++) {
		if (errno_names[i].code == code)
			return errno_names[i].name;
	}
	return "";
}

const char *hy__errno_text(int64_t code)
{
	if (code < 0 || code > INT32_MAX)
		return "unknown error";
	/* The buffer of an unknown number's text is the thread's own in glibc,
	 * musl, FreeBSD and macOS; a known one's text is constant. */
	return strerror((int)code);
}

/* --- Directories --------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int append_name(struct hy__names *names, size_t *room, const char *name)
{
	char **grown;

	if (names->count == *room) {
		*room = *room ? *room * 2 : 16;
		grown = realloc(names->name, *room * sizeof(*grown));
		if (!grown)
			return HY_E_NOMEM;
		names->name = grown;
	}
	names->name[names->count] = strdup(name);
	return names->name[names->count++] ? 0 : HY_E_NOMEM;
}

static int read_names(DIR *dir, struct hy__names *names, int *err)
{
	struct dirent *entry;
	size_t room = 0;
	int status = 0;

	while (errno = 0, (entry = readdir(dir)) != NULL) {
		status = append_name(names, &room, entry->d_name);
		if (status != 0)
			return status;
	}
	*err = errno;
	return errno == 0 ? 0 : HY_E_HOST;
}

int hy__list_dir(const char *path, struct hy__names *names, int *err)
{
	DIR *dir = opendir(path);
	int status;

	*names = (struct hy__names){ NULL, 0 };
	*err = errno;
	if (!dir)
		return errno == ENOMEM ? HY_E_NOMEM : HY_E_HOST;
	status = read_names(dir, names, err);
	closedir(dir);
	if (status != 0)
		hy__names_free(names);
	else if (names->count > 0)
		qsort(names->name, names->count, sizeof(*names->name), compare_names);
	return status;
}

void hy__names_free(struct hy__names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->name[i]);
	free(names->name);
	*names = (struct hy__names){ NULL, 0 };
}
