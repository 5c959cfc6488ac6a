/* SPDX-License-Identifier: MIT */
/*
 * What the core needs of the operating system.  os-posix.c and os-posix.h are
 * one implementation; nothing else in core may differ by system.
 */
#ifndef HY_CORE_OS_H
#define HY_CORE_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os-posix.h" /* struct hy__mutex, hy__rwlock, hy__cond, hy__thread */

/* Locks.  Init returns 0 or HY_E_NOMEM without a recorded failure. */
int hy__mutex_init(struct hy__mutex *mutex);
void hy__mutex_destroy(struct hy__mutex *mutex);
void hy__mutex_lock(struct hy__mutex *mutex);
void hy__mutex_unlock(struct hy__mutex *mutex);

int hy__rwlock_init(struct hy__rwlock *lock);
void hy__rwlock_destroy(struct hy__rwlock *lock);
void hy__rwlock_read(struct hy__rwlock *lock);
void hy__rwlock_write(struct hy__rwlock *lock);
void hy__rwlock_unlock(struct hy__rwlock *lock);

/* Conditions; `until` is a time of hy_now(), UINT64_MAX waits for ever. */
int hy__cond_init(struct hy__cond *cond);
void hy__cond_destroy(struct hy__cond *cond);
void hy__cond_wait(struct hy__cond *cond, struct hy__mutex *mutex, uint64_t until);
void hy__cond_broadcast(struct hy__cond *cond);

/* Threads of the library's own; every signal is blocked in them. */
int hy__thread_start(struct hy__thread *thread, void (*run)(void *), void *arg);
void hy__thread_join(struct hy__thread *thread);
void hy__thread_yield(void);

/* A number that no other thread of this process has or had; never 0. */
uint64_t hy__thread_self(void);

/*
 * Counts the forks between here and the process that first called
 * hy__watch_forks, which must be called before there is anything to protect.
 */
void hy__watch_forks(void);
unsigned hy__fork_generation(void);

/* Anonymous zeroed pages, or NULL. */
void *hy__pages_alloc(uint64_t size);
void hy__pages_free(void *pages, uint64_t size);

/* The signal for hy_vm_options.kick_signal that disturbs a program least; 0: none. */
int hy__kick_signal(void);

/* Whether the program has more rights than its user, as set-user-id programs do. */
bool hy__elevated(void);

/* The name of an errno value ("EACCES") or "", and its text. */
const char *hy__errno_name(int64_t code);
const char *hy__errno_text(int64_t code);

/* The names in a directory, sorted by strcmp; freed by hy__names_free. */
struct hy__names {
	char **name;
	size_t count;
};
/* Returns 0, HY_E_NOMEM, or HY_E_HOST with *err an errno value. */
int hy__list_dir(const char *path, struct hy__names *names, int *err);
void hy__names_free(struct hy__names *names);

#endif /* HY_CORE_OS_H */
