/* SPDX-License-Identifier: MIT */
/* The types behind os.h on POSIX systems. */
#ifndef HY_CORE_OS_POSIX_H
#define HY_CORE_OS_POSIX_H

#include <pthread.h>

struct hy__mutex {
	pthread_mutex_t impl;
};
#define HY__MUTEX_INIT { PTHREAD_MUTEX_INITIALIZER }

struct hy__rwlock {
	pthread_rwlock_t impl;
};

struct hy__cond {
	pthread_cond_t impl;
};

struct hy__thread {
	pthread_t impl;
	void (*run)(void *);
	void *arg;
};

#endif /* HY_CORE_OS_POSIX_H */
